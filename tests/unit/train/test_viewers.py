"""A training's log in TensorBoard and trackio, as they themselves store it."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from types import ModuleType

import pytest

from inkport.train.log import LOG, TrainingLog
from inkport.train.viewers import GuardedViewer, TensorBoard, Trackio, curves, installed_viewers


def entries(*steps):
    """What a training logs at these steps, every second one of which is validated."""
    for step in steps:
        yield {"step": step, "loss": 1 / step, "lr": 0.001, "lines_per_s": 5.0, "data_wait": 0.0}
        if step % 2 == 0:
            yield {"step": step, "val_cer": {"all": 0.5 / step, "letters": 0.25}}


def logged(out, viewer, after, *steps):
    """Write the log of a run that goes on after a step, and return its viewer."""
    log = TrainingLog(out, step=after, viewers=[viewer])
    for entry in entries(*steps):
        log.add(entry)
    return viewer


def in_file(out):
    return [json.loads(row) for row in (out / LOG).read_text().splitlines()]


def points_of(log):
    """The same of a log file."""
    points = defaultdict(list)
    for entry in log:
        for name, value in curves(entry).items():
            points[name].append((entry["step"], round(value, 5)))
    return dict(points)


@pytest.fixture
def tensorboard(tmp_path):
    pytest.importorskip("tensorboardX", reason="TensorBoard's files are written with it")
    return lambda: TensorBoard(tmp_path / "run" / "tensorboard")


def test_tensorboard_shows_what_the_log_says(tmp_path, tensorboard, read_events):
    logged(tmp_path / "run", tensorboard(), 0, 1, 2, 3, 4).close()
    shown = read_events(tmp_path / "run" / "tensorboard")
    assert shown == points_of(in_file(tmp_path / "run"))
    assert set(shown) == {"loss", "lr", "lines_per_s", "data_wait", "val_cer/all", "val_cer/letters"}


def test_a_resumed_run_goes_on_in_the_same_log_and_repeats_no_step(tmp_path, tensorboard, read_events):
    out = tmp_path / "run"
    # Killed after step 4, when its last checkpoint was that of step 2; nobody closed anything.
    killed = logged(out, tensorboard(), 0, 1, 2, 3, 4)
    logged(out, tensorboard(), 2, 3, 4, 5, 6).close()
    assert [entry["step"] for entry in in_file(out)] == [1, 2, 2, 3, 4, 4, 5, 6, 6]
    assert read_events(out / "tensorboard") == points_of(in_file(out))
    killed.close()


def test_an_entry_that_the_kill_cut_short_is_shown_when_it_comes_again(tmp_path, tensorboard, read_events):
    out = tmp_path / "run"
    logged(out, tensorboard(), 0, 1).close()
    with (out / LOG).open("a") as file:
        file.write('{"step": 2, "lo')
    logged(out, tensorboard(), 1, 2, 3).close()
    assert read_events(out / "tensorboard") == points_of(in_file(out))


def test_a_run_that_begins_again_shows_nothing_of_the_one_before(tmp_path, tensorboard, read_events):
    out = tmp_path / "run"
    logged(out, tensorboard(), 0, 1, 2, 3).close()
    (out / "tensorboard" / "notes.txt").write_text("mine")
    logged(out, tensorboard(), 0, 1).close()
    assert read_events(out / "tensorboard") == points_of(in_file(out))
    assert [entry["step"] for entry in in_file(out)] == [1]
    assert (out / "tensorboard" / "notes.txt").read_text() == "mine"


class FakeTrackio(ModuleType):
    """trackio's functions, with the arguments of its 0.43 that matter; runs are kept by name.

    The real one cannot be installed beside inkport as it is: it asks for Pillow before 13.
    """

    def __init__(self):
        super().__init__("trackio")
        self.runs, self.called = {}, []

    def init(self, project, *, name=None, space_id=None, server_url=None, resume="never"):
        assert (space_id, server_url) == (None, None), "nothing leaves the machine"
        sys.stdout.write("* Trackio project initialized\n")
        self.called.append((project, name, resume))
        if resume == "never":
            self.runs[name] = []
        return FakeRun(self.runs.setdefault(name, []))


class FakeRun:
    def __init__(self, rows):
        self.rows, self.finished = rows, False

    def log(self, metrics, step=None):
        assert not self.finished
        self.rows.append((step, metrics))

    def finish(self):
        self.finished = True


@pytest.fixture
def trackio(monkeypatch):
    fake = FakeTrackio()
    monkeypatch.setitem(sys.modules, "trackio", fake)
    return fake


def test_trackio_gets_each_step_once_in_one_run(tmp_path, trackio, capsys):
    out = tmp_path / "run"
    for after, steps in ((0, (1, 2, 3)), (2, (3, 4))):
        logged(out, Trackio("run"), after, *steps).close()
    assert trackio.called == [("inkport", "run", "never"), ("inkport", "run", "allow")]
    assert trackio.runs == {"run": [(entry["step"], curves(entry)) for entry in in_file(out)]}
    assert capsys.readouterr().out == "", "what trackio prints is no result"


@pytest.mark.parametrize("names", [(), ("trackio",), ("tensorboardX",), ("tensorboardX", "trackio")])
def test_what_is_installed_is_used(tmp_path, monkeypatch, names):
    from inkport.train import viewers

    monkeypatch.setattr(viewers, "find_spec", lambda name: name if name in names else None)
    with installed_viewers(tmp_path / "run") as found:
        assert [type(each._viewer).__name__ for each in found] == [
            *(["TensorBoard"] if "tensorboardX" in names else []),
            *(["Trackio"] if "trackio" in names else []),
        ]
    assert not (tmp_path / "run").exists(), "nothing is written before the run begins"


class Broken:
    """A viewer that fails at one of its calls, and counts them."""

    def __init__(self, at):
        self.at, self.calls = at, []

    def _call(self, name):
        self.calls.append(name)
        if name == self.at:
            raise OSError("no space")

    def begin(self, before, again):
        self._call("begin")

    def add(self, entry):
        self._call("add")

    def close(self):
        self._call("close")


@pytest.mark.parametrize(
    ("at", "calls"),
    [
        ("begin", ["begin", "close"]),
        ("add", ["begin", "add", "close"]),
        ("close", ["begin", "add", "add", "close"]),
    ],
)
def test_a_viewer_that_fails_ends_no_training(tmp_path, capsys, at, calls):
    broken = Broken(at)
    logged(tmp_path / "run", GuardedViewer(broken), 0, 1, 3).close()
    assert broken.calls == calls
    assert [entry["step"] for entry in in_file(tmp_path / "run")] == [1, 3]
    said = capsys.readouterr().err
    assert said == "warning: Broken shows no more of this run (OSError: no space)\n"
