from __future__ import annotations

import json
from dataclasses import replace

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.errors import LineDataError, RecipeError  # noqa: E402
from inkport.core.metrics import cer  # noqa: E402
from inkport.core.recogniser import Recogniser  # noqa: E402
from inkport.core.registry import open_session  # noqa: E402
from inkport.core.runtime import SessionOptions  # noqa: E402
from inkport.train.adapt import curve as module  # noqa: E402
from inkport.train.adapt.adapt import AdaptSettings  # noqa: E402
from inkport.train.adapt.curve import Experiment, run_experiment  # noqa: E402


@pytest.fixture
def make(toy_weights, hand, others):
    def call(**changes):
        given = {
            "pool": hand[:4],
            "test": hand[4:],
            "others": others[:2],
            "counts": (1, 3),
            "draws": 2,
            "settings": AdaptSettings(steps=1, folds=0, batch=2),
        }
        return Experiment(weights=toy_weights, **(given | changes))

    return call


@pytest.fixture
def ran(monkeypatch):
    """Cells that were computed, not taken from an earlier run."""
    places = []
    run_cell = module.run_cell

    def note(experiment, count, draw):
        places.append((count, draw))
        return run_cell(experiment, count, draw)

    monkeypatch.setattr(module, "run_cell", note)
    return places


def quiet(text):
    pass


def test_draws_nest_within_an_order_and_differ_between_orders(make, hand, others):
    experiment = make(pool=hand, test=others[3:])
    few, many = experiment.draw(2, 0), experiment.draw(5, 0)
    assert many[:2] == few
    assert len({line.id for line in many}) == 5
    assert any(experiment.draw(5, 0) != experiment.draw(5, draw) for draw in (1, 2))
    assert experiment.draw(5, 1) == make(pool=hand, test=others[3:]).draw(5, 1)


def test_every_cell_is_computed_once_and_a_second_run_takes_up_the_rest(make, ran, tmp_path):
    experiment = make()
    cells = run_experiment(experiment, tmp_path, say=quiet)
    everything = [(0, 0), (1, 0), (3, 0), (1, 1), (3, 1)]
    assert ran == [(cell.lines, cell.draw) for cell in cells] == everything
    ran.clear()
    assert run_experiment(experiment, tmp_path, say=quiet) == cells
    assert ran == []
    (tmp_path / "lines-3-draw-1.json").unlink()
    assert run_experiment(experiment, tmp_path, say=quiet) == cells
    assert ran == [(3, 0)]


def test_cells_of_another_experiment_are_not_taken(make, ran, hand, tmp_path):
    run_experiment(make(counts=(1,), draws=1), tmp_path, say=quiet)
    ran.clear()
    run_experiment(make(counts=(1,), draws=2), tmp_path, say=quiet)
    assert ran == [(1, 1)]
    ran.clear()
    run_experiment(make(counts=(1,), draws=1, test=[replace(hand[5], text="a")]), tmp_path, say=quiet)
    assert ran == [(0, 0), (1, 0)]


def test_with_no_lines_the_start_weights_read_as_when_deployed(make, toy_artifact, tmp_path):
    experiment = make(counts=(1,), draws=1)
    first = run_experiment(experiment, tmp_path, say=quiet)[0]
    with open_session(toy_artifact, runtime="torch", device="cpu", options=SessionOptions(threads=1)) as session:
        recogniser = Recogniser(toy_artifact.spec, session)
        for lines, edits in ((experiment.test, first.edits), (experiment.others, first.other_edits)):
            texts = [reading.text for reading in map(recogniser.read, [line.gray() for line in lines])]
            assert list(edits) == [cer([line.text], [text]).edits for line, text in zip(lines, texts, strict=True)]


def test_two_processes_give_the_cells_of_one(make, tmp_path):
    experiment = make(counts=(1,), draws=1)
    one = run_experiment(experiment, tmp_path / "one", threads=1, say=quiet)
    two = run_experiment(experiment, tmp_path / "two", jobs=2, threads=1, say=quiet)
    assert one == two
    stored = json.loads((tmp_path / "two" / "lines-1-draw-1.json").read_text())
    assert stored["cell"]["lines"] == 1


def test_a_symbol_that_the_recogniser_lacks_counts_as_an_error_of_the_reading(make, hand, tmp_path):
    test = [replace(hand[4], text="þþþ")]
    cell = run_experiment(make(counts=(1,), draws=1, test=test), tmp_path, say=quiet)[0]
    assert cell.edits[0] >= 3


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"counts": (5,)}, LineDataError),
        ({"counts": (0, 1)}, RecipeError),
        ({"counts": (1, 1)}, RecipeError),
        ({"draws": 0}, RecipeError),
    ],
)
def test_impossible_experiments_are_refused(make, changes, error):
    with pytest.raises(error):
        make(**changes)


def test_lines_in_both_pool_and_test_or_without_text_are_refused(make, hand):
    with pytest.raises(LineDataError, match="both pool and test"):
        make(test=hand[3:])
    with pytest.raises(LineDataError, match="no text"):
        make(test=[replace(hand[5], text=" ")])
