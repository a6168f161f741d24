"""Scans that go on where they were, and plans that no other choice beats."""

from __future__ import annotations

import itertools

import pytest


torch = pytest.importorskip("torch", reason="networks are torch")
pytest.importorskip("torch_pruning", reason="pruning needs torch-pruning")

from inkport.core.errors import UsageError  # noqa: E402
from inkport.train.evaluate import rates_by_dataset, read_all  # noqa: E402
from inkport.train.prune.apply import Pruning, prune_weights  # noqa: E402
from inkport.train.prune.importance import Importance  # noqa: E402
from inkport.train.prune.plan import Option, format_pruning, load_pruning, make_plan, options_of  # noqa: E402  # noqa: E402
from inkport.train.prune.scan import (  # noqa: E402
    Scan,
    ScanJob,
    Trial,
    count_macs,
    load_scan,
    run_scan,
)


@pytest.fixture
def job(parent, lines):
    return ScanJob(
        weights=parent,
        lines=lines,
        cost=lambda weights: float(count_macs(weights.network(), height=48, width=64)),
        ratios=(0.25, 0.5),
        groups=("stage.0", "encoder.0.heads", "residual.0"),
    )


@pytest.fixture
def scan():
    return Scan(
        weights="w",
        lines="l",
        count=6,
        importance=Importance.GROUP_L1,
        multiple=4,
        statistics=False,
        unit="multiply-accumulates",
    )


def test_an_interrupted_scan_goes_on_and_ends_the_same(job, scan, tmp_path, parent, lines):
    whole = list(run_scan(job, scan, tmp_path / "whole.json"))
    begun = run_scan(job, scan, tmp_path / "scan.json")
    first = [next(begun), next(begun)]
    begun.close()
    assert load_scan(tmp_path / "scan.json").trials == tuple(first)
    rest = list(run_scan(job, scan, tmp_path / "scan.json"))
    assert [*first, *rest] == whole
    assert (tmp_path / "scan.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert [(trial.group, trial.ratio) for trial in whole] == [
        ("", 0.0),
        ("residual.0", 1.0),
        ("stage.0", 0.25),
        ("stage.0", 0.5),
        ("encoder.0.heads", 0.25),
        ("encoder.0.heads", 0.5),
    ]
    small = prune_weights(parent, Pruning(ratios={"stage.0": 0.5}, importance=Importance.GROUP_L1, multiple=4))
    alone = rates_by_dataset(lines, read_all(small.network(), lines, parent.spec.charset))["all"].rate
    assert (whole[3].cer, whole[3].kept) == (alone, 8)
    table = (tmp_path / "scan.md").read_text()
    assert table.count("| stage.0 |") == 2


def test_a_scan_of_something_else_is_not_continued(job, scan, tmp_path):
    next(run_scan(job, scan, tmp_path / "scan.json"))
    other = Scan(**{**vars(scan), "multiple": 8})
    with pytest.raises(UsageError, match="other multiple"):
        next(run_scan(job, other, tmp_path / "scan.json"))
    with pytest.raises(UsageError, match=r"none\.json: cannot be read"):
        load_scan(tmp_path / "none.json")
    with pytest.raises(UsageError, match="not a group"):
        list(run_scan(ScanJob(**{**vars(job), "groups": ("nosuch",)}), scan, tmp_path / "new.json"))


def test_no_choice_saves_as_much_and_loses_less(rng):
    for _ in range(20):
        options = {
            f"stage.{group}": tuple(
                Option(ratio=0.2 * step, saved=float(rng.uniform(0.01, 0.2)), loss=float(rng.uniform(0, 0.1)))
                for step in range(1, 4)
            )
            for group in range(4)
        }
        most = sum(max(option.saved for option in some) for some in options.values())
        plan = make_plan(options, 1 - float(rng.uniform(0.2, 0.95)) * most)
        taken = [next(o for o in options[name] if o.ratio == ratio) for name, ratio in plan.items()]
        saved, loss = sum(o.saved for o in taken), sum(o.loss for o in taken)
        choices = itertools.product(*[(None, *some) for some in options.values()])
        for choice in choices:
            other = [option for option in choice if option is not None]
            if sum(o.saved for o in other) >= saved - 1e-12:
                assert sum(o.loss for o in other) >= loss - 1e-12


def test_a_block_takes_the_place_of_what_is_in_it():
    options = {
        "encoder.0.heads": (Option(ratio=0.5, saved=0.1, loss=0.0),),
        "encoder.0": (Option(ratio=1.0, saved=0.4, loss=0.05),),
        "stem": (Option(ratio=0.5, saved=0.1, loss=0.5),),
    }
    assert make_plan(options, 0.9) == {"encoder.0.heads": 0.5}
    assert make_plan(options, 0.6) == {"encoder.0": 1.0}
    assert make_plan(options, 0.5) == {"encoder.0": 1.0, "stem": 0.5}
    with pytest.raises(UsageError, match=r"together leaves 0\.500"):
        make_plan(options, 0.3)
    with pytest.raises(UsageError, match=r"within 0\.\.1"):
        make_plan(options, 0.0)


def test_a_counted_cost_decides_when_it_is_enough():
    options = {name: (Option(ratio=0.5, saved=0.3, loss=0.1),) for name in ("stem", "features", "width")}
    assert len(make_plan(options, 0.4)) == 2
    assert len(make_plan(options, 0.4, cost=lambda ratios: 0.7 ** len(ratios))) == 3


def test_options_are_what_trials_save_and_lose(scan):
    trials = (
        Trial(group="", ratio=0.0, kept=0, cer=0.1, cost=200.0),
        Trial(group="stem", ratio=0.25, kept=6, cer=0.09, cost=150.0),
        Trial(group="stem", ratio=0.5, kept=4, cer=0.4, cost=100.0),
        Trial(group="width", ratio=0.5, kept=4, cer=0.1, cost=200.0),
    )
    found = options_of(Scan(**{**vars(scan), "trials": trials}), most_loss=0.2)
    assert found == {"stem": (Option(ratio=0.25, saved=0.25, loss=0.0),)}


def test_a_plan_survives_its_file(tmp_path):
    pruning = Pruning(ratios={"stage.0": 0.25, "encoder.0": 1.0}, importance=Importance.TAYLOR, multiple=16)
    (tmp_path / "plan.toml").write_text(format_pruning(pruning, note="A note."))
    assert load_pruning(tmp_path / "plan.toml") == pruning
