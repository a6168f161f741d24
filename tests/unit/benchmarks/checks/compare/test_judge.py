from __future__ import annotations

import copy

import numpy as np
import pytest

from inkport.benchmarks.checks.compare.document import read_report
from inkport.benchmarks.checks.compare.judge import ORDER, Tolerance, compare_runs
from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.units import units_of
from inkport.benchmarks.run.record import Outcome
from inkport.core.errors import DataError
from inkport.lines.line import Line, hands


@pytest.fixture
def compare(write):
    def run(before, after, **options):
        return compare_runs(read_report(write("before", before)), read_report(write("after", after)), **options)

    return run


@pytest.fixture
def one(compare, make):
    """Compare a target before with the same after; returns its change."""

    def run(before, after, **tolerance):
        documents = make["document"](before), make["document"](after)
        (change,) = compare(*documents, tolerance=Tolerance(**tolerance)).targets
        return change

    return run


def test_a_report_does_not_differ_from_itself(compare, make):
    document = make["document"](make["target"](flips=[("l1", "x")]), make["absent"]("gone"))
    found = compare(document, document)
    assert not found.regressed
    assert not found.differing
    port, gone = found.targets
    # The second data set is of two writers.
    assert [(rate.delta, rate.interval) for rate in port.rates] == [(0.0, (0.0, 0.0))] * 2 + [(0.0, None)]
    assert (port.flips_gained, port.flips_lost, port.flips_changed, port.identity) == ((), (), (), {})
    assert port.pace.ratio == pytest.approx(1)
    assert gone.notes == ()


def test_the_interval_is_that_of_the_differences_by_writer(one, make):
    worse = [e + (index % 3 == 0) - (index % 10 == 1) for index, e in enumerate(make["base"])]
    change = one(make["target"](), make["target"](edits=worse))
    whole, left, right = change.rates
    difference = np.subtract(worse, make["base"])
    assert whole.delta == pytest.approx(difference.sum() / sum(make["symbols"]))
    assert (whole.lines, left.lines, right.lines) == (60, 40, 20)
    assert left.delta == pytest.approx(difference[:40].sum() / sum(make["symbols"][:40]))
    lines = [Line(id=str(i), image=b"", text="", writer=f"w{i // 10}") for i in range(60)]
    by_writer = estimate(difference.tolist(), make["symbols"], units_of(hands(lines)))
    assert whole.interval == pytest.approx(by_writer.interval())


def test_only_lines_that_both_read_are_compared(one, make):
    before = [e if index % 2 else None for index, e in enumerate(make["base"])]
    after = [e + 1 if index % 3 else None for index, e in enumerate(make["base"])]
    change = one(make["target"](edits=before), make["target"](edits=after))
    both = [index for index in range(60) if index % 2 and index % 3]
    assert change.rates[0].lines == len(both)
    assert change.rates[0].delta == pytest.approx(len(both) / sum(make["symbols"][i] for i in both))
    assert "It read 30 lines before and 40 now" in change.notes[0]


def test_a_proven_loss_is_a_regression_and_chance_is_none(one, make):
    every = [e + 1 for e in make["base"]]
    change = one(make["target"](), make["target"](edits=every))
    assert change.rates[0].equivalence.verdict is Verdict.WORSE
    assert any("CER rose" in reason and "0.5 points" in reason for reason in change.regressions)
    # One bad line in sixty is more than half a point too, but proves nothing about others.
    few = [e + 9 * (index == 7) for index, e in enumerate(make["base"])]
    change = one(make["target"](), make["target"](edits=few))
    assert change.rates[0].delta > 0.005
    assert change.rates[0].equivalence.verdict is Verdict.INCONCLUSIVE
    assert change.regressions == ()


def test_a_data_set_counts_by_itself(one, make):
    """What one loses and the other gains cancels out on all lines; two writers prove nothing."""
    moved = [e + 1 if index < 40 else max(0, e - 2) for index, e in enumerate([2] * 60)]
    change = one(make["target"](edits=[2] * 60), make["target"](edits=moved))
    assert abs(change.rates[0].delta) < 0.005
    assert [rate.equivalence.verdict for rate in change.rates[1:]] == [Verdict.WORSE, Verdict.INCONCLUSIVE]
    (reason,) = change.regressions
    assert "CER on left rose" in reason


def test_the_margin_is_the_targets_unless_told(one, make):
    every = [e + 1 for e in make["base"]]
    generous = make["target"](margin=0.1), make["target"](edits=every, margin=0.1)
    assert one(*generous).regressions == ()
    assert one(*generous, max_cer=0.01).regressions


@pytest.mark.parametrize(("before", "after"), [(a, b) for a in ORDER for b in ORDER])
def test_an_outcome_that_got_worse_is_a_regression(one, make, before, after):
    change = one(make["target"](outcome=str(before)), make["target"](outcome=str(after), reason="Because."))
    worse = ORDER.index(after) > ORDER.index(before)
    if before is Outcome.REFERENCE:
        # It had proven nothing: that another one is the reference now is no loss.
        worse = after not in {Outcome.REFERENCE, Outcome.PASS, Outcome.INCONCLUSIVE}
    assert bool(change.regressions) == worse
    assert not worse or f"from {before} to {after}. Because." in change.regressions[0]


def test_a_proof_is_lost_where_a_target_has_become_the_reference(one, make):
    """As where torch, which it was proven against, is no longer installed."""
    assert one(make["target"](), make["target"](outcome="reference")).regressions


def test_the_order_knows_every_outcome():
    assert set(ORDER) == set(Outcome) - {Outcome.UNAVAILABLE}


def test_a_target_that_is_gone_is_a_regression_unless_it_is_optional(one, make, compare):
    assert "not available any more. It is gone." in one(make["target"](), make["absent"]()).regressions[0]
    optional = one(make["target"](), make["absent"](required=False))
    assert optional.regressions == ()
    assert "It is gone." in optional.notes[0]
    assert one(make["absent"](), make["target"]()).regressions == ()
    before = make["document"](make["target"](), make["target"]("other"))
    found = compare(before, make["document"](make["target"]()))
    assert "first report only" in found.targets[1].regressions[0]
    found = compare(make["document"](make["target"]()), before)
    assert not found.regressed
    assert found.targets[1].notes == ("It is in the second report only.",)


def test_flips_are_told_by_line(one, make):
    change = one(
        make["target"](flips=[("a", "x"), ("b", "x"), ("c", "x")]),
        make["target"](flips=[("b", "x"), ("c", "y"), ("d", "x")]),
    )
    assert (change.flips_gained, change.flips_lost, change.flips_changed) == (("d",), ("a",), ("c",))


def test_slower_counts_beyond_tolerance_and_noise(one, make):
    assert one(make["target"](), make["target"](p50=11.0)).regressions == ()
    (reason,) = one(make["target"](), make["target"](p50=11.5)).regressions
    assert reason.startswith("It takes 1.15 times as long per line")
    assert "10% is tolerated and 2.0% may be the machine" in reason
    assert one(make["target"](), make["target"](p50=11.5), max_slower=0.2).regressions == ()
    assert one(make["target"](), make["target"](p50=5.0)).regressions == ()


def test_what_differs_is_named(compare, make):
    before, after = make["document"](make["target"]()), make["document"](make["target"]())
    after["model"]["version"] = "2"
    after["targets"][0]["artifact"] = {"sha256": "ef" * 32, "bytes": 5, "calibration_sha256": None}
    after["targets"][0]["runtime_version"] = "1.1"
    found = compare(before, after)
    assert list(found.differing) == ["model"]
    assert found.targets[0].identity == {"runtime_version": ("1", "1.1"), "artifact": ("ab" * 32, "ef" * 32)}
    assert (found.targets[0].bytes_before, found.targets[0].bytes_after) == (4_700_000, 5)


def test_other_lines_are_refused_unless_asked_for(compare, make):
    before, after = make["document"](make["target"]()), make["document"](make["target"](edits=[9] * 60, p50=99.0))
    after["data"]["sha256"] = "ff" * 32
    with pytest.raises(DataError, match="--allow-other-data"):
        compare(before, after)
    found = compare(before, after, allow_other_data=True)
    assert found.targets[0].rates[0].interval is None
    assert found.targets[0].pace.ratio is None
    assert not found.regressed
    assert "different lines" in found.notes[0]


def test_reports_without_figures_per_line_have_no_interval(compare, make):
    before, after = make["document"](make["target"]()), make["document"](make["target"](edits=[9] * 60))
    old = copy.deepcopy(before)
    del old["per_line"], old["targets"][0]["line_edits"]
    found = compare(old, after)
    assert found.targets[0].rates[0].interval is None
    assert "No figures per line in before.json" in found.notes[0]
    assert found.targets[0].rates[0].delta > 0.1
    assert not found.regressed
    assert compare(before, after).regressed


def test_the_writer_that_lost_most_has_a_row(one, make):
    lost = [e + 12 + index % 3 if 30 <= index < 40 else e for index, e in enumerate(make["base"])]
    change = one(make["target"](), make["target"](edits=lost))
    worst = change.worst_writer
    assert (worst.kind, worst.dataset, worst.lines, worst.line) == ("document", "left", 10, "line 33")
    assert worst.delta == pytest.approx(sum(12 + i % 3 for i in range(30, 40)) / sum(make["symbols"][30:40]))
    assert 0.05 < worst.interval[0] < worst.delta < worst.interval[1]
    assert any(reason.startswith("The document of line 33 is read at") for reason in change.regressions)


def test_writers_and_documents_are_told_apart(compare, make):
    document = make["document"](make["target"]())
    assert compare(document, document).targets[0].rates[0].interval_unit == "document"
    document["per_line"]["documents"] = []
    assert compare(document, document).targets[0].rates[0].interval_unit == "writer"
    document["per_line"]["documents"] = [3]
    assert compare(document, document).targets[0].rates[0].interval_unit == "document"


def test_the_largest_loss_on_a_writer_is_the_second_reports(compare, make):
    document = make["document"](make["target"]())
    (old,) = compare(document, document).targets
    assert old.rates[0].equivalence.largest_writer_loss == 0.05
    document["targets"][0]["budget"]["largest_writer_loss"] = 0.2
    (new,) = compare(document, document).targets
    assert new.rates[0].equivalence.largest_writer_loss == 0.2
