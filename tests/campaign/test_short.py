"""The short campaign: a few inputs of every kind, a few kills, the hostile runtimes, some reads; all of it seeded.

``make campaign`` runs the long one. Faults found there are repeated with ``python -m campaign --only KIND --index N``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign import images
from campaign.case import run_case
from campaign.hostile import run_hostile
from campaign.kills import run_kills
from campaign.leaks import run_leaks
from campaign.readers import READERS
from campaign.report import PEAK_KB
from campaign.sample import load_seeds, write_sample
from campaign.victims import VICTIMS
from campaign.watch import Limits, Tally, Watch


for _package in (
    "torch",
    "onnxruntime",
    "onnx",
    "pyarrow",
    "fontTools",
    "cryptography",
    "pikepdf",
    "pypdfium2",
    "pillow_heif",
):
    pytest.importorskip(_package, reason="files of every kind are made and read")

SEED = 20
HANG_S = 120.0
"""Far above what is allowed in the long run: here a machine may be busy, and only what never ends is to be found."""
IMAGES, STRUCTURED, READS = 1000, 10, 500
"""How many images; files of each kind; reads."""


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    from campaign.__main__ import seeds as make

    return make(tmp_path_factory.mktemp("seeds"))


def fuzz(plan, seeds, folder) -> Tally:
    return Watch(seeds, folder, seed=SEED, limits=Limits(hang_s=HANG_S)).run(plan)


def test_every_whole_file_is_read(seeds, tmp_path):
    for name, reader in READERS.items():
        for number, sample in enumerate(load_seeds(seeds / name)):
            folder = tmp_path / f"{name}-{number}"
            folder.mkdir()
            write_sample(sample, folder)
            reader.read(folder)


def test_damaged_images_are_read_or_refused(seeds, tmp_path):
    tally = fuzz([(images.NAME, 0, IMAGES)], seeds, tmp_path)
    assert tally.faults == []
    assert tally.inputs == IMAGES
    # Damage that is never noticed, or that nothing survives, would try little.
    assert 0.2 < tally.accepted.total() / IMAGES < 0.8
    assert tally.peak_kb < PEAK_KB


def test_damaged_files_of_every_kind_are_read_or_refused(seeds, tmp_path):
    tally = fuzz([(kind, 0, STRUCTURED) for kind in READERS], seeds, tmp_path)
    assert tally.faults == []
    assert tally.inputs == STRUCTURED * len(READERS)
    assert tally.peak_kb < PEAK_KB


def test_killed_commands_leave_whole_files_and_complete_the_next_time():
    found = run_kills(2, seed=SEED, victims=[victim for victim in VICTIMS if victim.name in {"export", "kit make"}])
    assert found.faults == []
    # Of the two, one may have ended before its kill on a machine whose load changes.
    assert found.kills >= 1


@pytest.mark.slow
def test_hostile_runtimes_get_their_outcomes_and_leave_their_neighbours_alone(tmp_path):
    found = run_hostile(tmp_path, together=True)
    assert found.faults == []
    assert found.runtimes >= 33


def test_reads_leave_nothing_behind():
    found = run_leaks(READS)
    assert found.reads == READS
    assert found.faults == []


def test_the_same_number_makes_the_same_input(seeds, tmp_path):
    made = []
    for attempt in range(2):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        try:
            run_case("manifest", 5, seed=SEED, seeds=seeds, folder=folder)
        except Exception as error:  # noqa: BLE001 - only the files count here
            made.append(type(error))
        made.append({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})
    assert made[: len(made) // 2] == made[len(made) // 2 :]


def test_the_watch_sees_what_dies_hangs_raises_or_fills_the_memory(tmp_path, monkeypatch):
    (tmp_path / "campaign").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "campaign/__init__.py").write_text("")
    worker = Path(__file__).with_name("worker.py").read_text()
    (tmp_path / "campaign/worker.py").write_text(worker)
    (tmp_path / "campaign/case.py").write_text(
        "import os, time\n"
        "from inkport.core.errors import ImageError\n"
        "def fill():\n"
        "    kept = bytearray(1 << 29)\n"
        "    kept[::4096] = b'x' * (1 << 17)\n"
        "    time.sleep(60)\n"
        "def refuse(): raise ImageError('no')\n"
        "DEEDS = [int, refuse, os.abort, int, lambda: time.sleep(60), lambda: {}['a'], fill, int]\n"
        "def run_case(kind, index, **_): DEEDS[index]()\n"
    )
    monkeypatch.setattr("campaign.watch.PARENT", tmp_path)
    watch = Watch(tmp_path, tmp_path / "out", seed=1, limits=Limits(hang_s=5.0, kill_kb=300_000))
    tally = watch.run([("a", 0, 8)])
    assert (tally.accepted["a"], tally.refused["a"], tally.inputs) == (3, 1, 8)
    assert [(fault["index"], fault["error"].split(" to ")[0]) for fault in tally.faults] == [
        (2, "died with code -6"),
        (4, "took longer than 5 s"),
        (5, "KeyError"),
        (6, "grew"),
    ]
