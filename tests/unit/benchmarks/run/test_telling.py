"""Telling lines change their text with each mistake that they are for, and nothing changes it without one."""

from __future__ import annotations

import io
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.benchmarks.run import telling
from inkport.benchmarks.run.telling import FOLDER, Preparation, prepared_by, prepared_here, telling_audit, telling_lines
from inkport.core.artifact import bundled_artifacts, load_artifact
from inkport.core.child import ChildSession
from inkport.core.ctc import greedy
from inkport.core.errors import RuntimeExecutionError
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.registry import open_session


MOST_BYTES = 80_000
"""They are in every wheel."""


def decoded(data, *, turned=True, paper="white", order=(0, 1, 2)):
    """Decode as Pillow offers it, independently of inkport; the settings are the mistakes."""
    image = Image.open(io.BytesIO(data))
    orientation = image.getexif().get(0x0112, 1)
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, paper), image.convert("RGBA"))
    rgb = np.asarray(image.convert("RGB")).astype(np.int64)[..., list(order)]
    gray = ((rgb @ (19595, 38470, 7471) + 32768) >> 16).astype(np.uint8)
    turns = {1: gray, 3: gray[::-1, ::-1], 6: np.rot90(gray, -1), 8: np.rot90(gray)}
    return np.ascontiguousarray(turns[orientation]) if turned else gray


def two_taps(gray, spec):
    """Resize without antialiasing, as a browser's canvas does."""
    image = gray.astype(np.float64)
    for target in (spec.height, spec.content_width(*gray.shape)):
        place = ((np.arange(target) + 0.5) * len(image) / target - 0.5).clip(0, len(image) - 1)
        low = np.floor(place).astype(int)
        high, share = np.minimum(low + 1, len(image) - 1), (place - low)[:, None]
        image = (image[low] * (1 - share) + image[high] * share).T
    out = np.full((1, 1, spec.height, spec.padded_width(*gray.shape)), 255, dtype=np.uint8)
    out[0, 0, :, : image.shape[1]] = np.rint(image)
    return out


MISTAKES = {
    "resized without antialiasing": lambda data, spec: two_taps(decoded(data), spec),
    "EXIF's orientation is not applied": lambda data, spec: prepare_bytes(decoded(data, turned=False), spec),
    "transparency became black": lambda data, spec: prepare_bytes(decoded(data, paper="black"), spec),
    "red and blue are swapped": lambda data, spec: prepare_bytes(decoded(data, order=(2, 1, 0)), spec),
    "gray is rounded to 16 levels": lambda data, spec: prepare_bytes(
        np.rint(np.rint(decoded(data) / 17) * 17).astype(np.uint8), spec
    ),
}


@pytest.fixture(scope="module")
def shows():
    head, *rows = (row.split("\t") for row in (FOLDER / "lines.tsv").read_text(encoding="utf-8").splitlines())
    return {row[head.index("id")]: row[head.index("shows")] for row in rows}


@pytest.fixture(scope="module")
def session():
    """The shipped int8 model."""
    pytest.importorskip("onnxruntime")
    with open_session(bundled_artifacts()[0], runtime="onnxruntime") as session:
        yield session


@pytest.fixture(scope="module")
def weights():
    """The shipped weights, in fp32."""
    pytest.importorskip("torch")
    artifact = load_artifact(Path(str(files("inkport.model"))) / "shipped" / "convtext-tiny")
    with open_session(artifact, runtime="torch") as session:
        yield session


def read(session, tensor):
    return greedy(session.run(normalise(tensor, session.spec.preprocess))[0], session.spec.charset).text


def test_they_are_a_few_small_files_in_named_fonts(shows):
    lines = telling_lines()
    assert {line.id for line in lines} == shows.keys()
    assert set(shows.values()) == MISTAKES.keys()
    assert {line.image for line in lines} | {FOLDER / "lines.tsv"} == set(FOLDER.iterdir())
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < MOST_BYTES
    readme = (FOLDER.parent / "README.md").read_text("utf-8")
    assert all(f"`@fontsource/{line.writer.removesuffix('-400')}` |" in readme for line in lines)


@pytest.mark.parametrize("precision", ["session", "weights"])
def test_the_mistake_that_a_line_is_for_changes_its_text(precision, shows, request):
    """All of them, in int8 and in fp32; without the mistake each reads as it is written."""
    session = request.getfixturevalue(precision)
    spec = session.spec.preprocess
    for line in telling_lines():
        data = line.image.read_bytes()
        gray = to_bytes(load_pixels(data))
        assert np.array_equal(decoded(data), gray), line.id
        assert read(session, prepare_bytes(gray, spec)) == line.text, line.id
        assert read(session, MISTAKES[shows[line.id]](data, spec)) != line.text, line.id


def test_kits_get_those_that_all_decoders_see_alike(session, shows):
    found = telling_audit(session.spec)
    assert {shows[line.id] for line in found.lines} == MISTAKES.keys()
    assert {line.image.suffix for line in found.lines} == {".png"}
    assert len(found.lines) == len(found.inputs) == len(shows) - 3


def test_what_this_machine_decodes_otherwise_is_named(monkeypatch):
    lines, right = telling_lines(), telling.digests
    assert prepared_here() == Preparation(lines=len(lines), wrong=())
    monkeypatch.setattr(telling, "digests", lambda line: right(line) if "turned" not in line.id else ("", ""))
    found = prepared_here()
    assert found.wrong == tuple(line.id for line in lines if "turned" in line.id)
    assert f"{len(lines) - 5} of {len(lines)} telling lines are right" in found.sentence()


class Program:
    """A child that reads files by code of its own, with one mistake, and the engine of a session."""

    alive = True

    def __init__(self, session, folder, mistake="", *, dies=False):
        self.session, self.folder, self.mistake, self.dies = session, folder, mistake, dies

    def ask(self, op, *, input, outputs):  # noqa: A002 - the protocol's word
        assert (op, outputs) == ("read", {})
        data, spec = Path(input["file"]).read_bytes(), self.session.spec.preprocess
        if "shape" in input:
            gray = np.frombuffer(data, np.uint8).reshape(input["shape"])
            tensor = two_taps(gray, spec) if self.mistake else prepare_bytes(gray, spec)
        elif self.mistake == "no JPEG" and data.startswith(b"\xff\xd8"):
            self.alive = not self.dies
            raise RuntimeExecutionError("no decoder for JPEG")
        else:
            tensor = MISTAKES.get(self.mistake, lambda *_: prepare_bytes(decoded(data), spec))(data, spec)
        return {"text": read(self.session, tensor)}


@pytest.fixture
def program(session, tmp_path):
    """Return a session of a program that has a mistake."""

    def program(mistake="", *, start="image", dies=False):
        child = Program(session, tmp_path, mistake, dies=dies)
        found = ChildSession(child, {"start": start, "shows": ["logits", "text"]})
        found.run = session.run
        return found

    return program


@pytest.mark.parametrize("start", ["image", "gray"])
def test_a_program_without_a_mistake_reads_all_of_them(program, session, start):
    found = prepared_by(program(start=start), session.spec)
    assert found == Preparation(lines=len(telling_lines()), wrong=())


def test_a_programs_mistake_is_found(program, session, shows):
    mistake = "EXIF's orientation is not applied"
    assert prepared_by(program(mistake), session.spec).wrong == tuple(
        id_ for id_, kind in shows.items() if kind == mistake
    )


def test_a_program_that_starts_from_gray_can_only_resize_wrongly(program, session, shows):
    wrong = prepared_by(program("any", start="gray"), session.spec).wrong
    assert set(wrong) >= {id_ for id_, kind in shows.items() if kind == "resized without antialiasing"}


def test_what_a_program_refuses_is_wrong_and_one_that_ends_has_failed(program, session):
    photos = {line.id for line in telling_lines() if line.image.suffix == ".jpg"}
    assert set(prepared_by(program("no JPEG"), session.spec).wrong) == photos
    with pytest.raises(RuntimeExecutionError):
        prepared_by(program("no JPEG", dies=True), session.spec)


def test_sessions_that_inkport_prepares_for_are_not_asked(session, program):
    assert prepared_by(session, session.spec) is None
    bare = program()
    bare.hello = {}
    assert prepared_by(bare, session.spec) is None
