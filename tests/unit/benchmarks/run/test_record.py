from __future__ import annotations

from dataclasses import replace

import pytest

from inkport.benchmarks.measure.edits import Edits, Effects
from inkport.benchmarks.measure.equivalence import Equivalence, Verdict
from inkport.benchmarks.measure.parity import DatasetScore, Flip, Parity
from inkport.benchmarks.measure.units import WorstWriter
from inkport.benchmarks.run.latency import Latency
from inkport.benchmarks.run.record import Outcome, judge
from inkport.core.runtime import Placement
from inkport.core.target import Budget


def found(verdict, further=None):
    return Equivalence(
        verdict=verdict,
        margin=0.005,
        largest_writer_loss=0.05,
        interval=(-0.001, 0.0062),
        non_inferior=False,
        further_writers=further,
    )


EQUIVALENT = found(Verdict.EQUIVALENT)
OPEN = found(Verdict.INCONCLUSIVE, 1200)
SCORE = {
    "lines": 10,
    "symbols": 1000,
    "interval": (0.0, 0.0),
    "interval_unit": "writer",
    "clusters": 10,
    "equivalence": EQUIVALENT,
    "edits": Edits(),
    "edits_reference": Edits(),
    "wer": 0.0,
    "wer_reference": 0.0,
    "wer_htr": 0.0,
    "wer_htr_reference": 0.0,
}
FLIP = Flip(
    id="page-7", dataset="b", text="x", reading_reference="x", reading="y", gap_reference=0.1, gap=0.1, changes=()
)


def parity(*deltas, flips=0, verdicts=None, total=EQUIVALENT, worst=None):
    """All lines, with a data set for each difference: proven where it is beyond the margin, unless told otherwise."""
    proven = [
        found(Verdict.WORSE) if d > 0.005 else found(Verdict.BETTER) if d < -0.005 else EQUIVALENT for d in deltas
    ]
    rows = tuple(
        DatasetScore(
            **{**SCORE, "equivalence": verdict},
            dataset="abc"[i],
            seen_writer=False,
            cer=0.2 + d,
            cer_reference=0.2,
            delta=d,
            flipped_lines=0,
        )
        for i, (d, verdict) in enumerate(zip(deltas, verdicts or proven, strict=True))
    )
    return Parity(
        **{**SCORE, "equivalence": total},
        cer=0.2,
        cer_reference=0.2,
        delta=0.0,
        flipped_lines=flips,
        flips=(FLIP,) * flips,
        datasets=rows,
        effects=Effects(),
        worst_writer=worst,
    )


LATENCY = Latency(p50_ms=2.0, p90_ms=5.0, p99_ms=9.0, cold_start_ms=50.0, lines_per_s=400.0, n=10, speed_up=None)


def test_within_the_budget_passes():
    budget = Budget(cer_margin=0.005, flipped_lines=2, p90_ms=5.0)
    assert judge(parity(0.005, -0.005, flips=2), LATENCY, None, budget) == (Outcome.PASS, "")


def test_one_bad_data_set_is_enough():
    # Together the two differences cancel out, which must not hide either.
    outcome, reason = judge(parity(0.012, -0.012), None, None, Budget(cer_margin=0.005))
    assert outcome == Outcome.TEXT_DIFFERS
    assert "CER on a is 1.20 points above the reference's (21.20 against 20.00 %" in reason
    assert "CER on b is 1.20 points below" in reason


def test_getting_better_is_suspicious_too():
    outcome, reason = judge(parity(-0.006), None, None, Budget(cer_margin=0.005))
    assert outcome == Outcome.TEXT_DIFFERS
    assert "got better" in reason


def test_flipped_lines_have_a_budget_of_their_own():
    outcome, reason = judge(parity(0.0, flips=5), None, None, Budget(flipped_lines=4))
    assert outcome == Outcome.TEXT_DIFFERS
    assert reason.startswith("5 lines read differently from the reference (page-7, page-7, page-7, ...); 4 ")
    assert judge(parity(0.0, flips=5), None, None, Budget())[0] == Outcome.PASS


def test_slow_is_judged_after_the_text():
    budget = Budget(p90_ms=4.0)
    outcome, reason = judge(parity(0.0), LATENCY, None, budget)
    assert outcome == Outcome.LATENCY_OVER_BUDGET
    assert "5.00 ms" in reason
    assert judge(parity(0.1), LATENCY, None, budget)[0] == Outcome.TEXT_DIFFERS
    assert judge(parity(0.0), replace(LATENCY, p90_ms=4.0), None, budget)[0] == Outcome.PASS


@pytest.mark.parametrize("delta", [0.006, -0.006])
def test_reasons_are_sentences(delta):
    _, reason = judge(parity(delta, flips=1), None, None, Budget(flipped_lines=0))
    assert reason[0].isupper() or reason[0].isdigit()
    assert reason.endswith(".")


@pytest.mark.parametrize(
    ("further", "words"), [(12, "about 12 further writers like these"), (None, "no number of further writers")]
)
def test_too_few_writers_are_no_pass(further, words):
    open_case = found(Verdict.INCONCLUSIVE, further)
    outcome, reason = judge(parity(0.0, total=open_case), LATENCY, None, Budget())
    assert outcome == Outcome.INCONCLUSIVE
    assert "All lines together" in reason
    assert "between -0.10 and +0.62 points" in reason
    assert "with losses of up to 5 points on a single writer" in reason
    assert words in reason


def test_a_data_set_beyond_the_margin_by_chance_is_inconclusive_and_named():
    case = parity(0.001, 0.007, -0.009, verdicts=[EQUIVALENT, OPEN, OPEN])
    outcome, reason = judge(case, LATENCY, None, Budget())
    assert outcome == Outcome.INCONCLUSIVE
    assert "CER on b is 0.70 points above the reference's (20.70 against 20.00 %, 95 % interval" in reason
    assert "CER on c is 0.90 points below" in reason
    assert reason.count("about 1200 further writers like these would settle it") == 2
    assert "CER on a" not in reason
    assert "All lines" not in reason


def test_a_data_set_within_the_margin_that_leaves_it_open_hides_behind_all_lines():
    assert judge(parity(0.001, 0.004, verdicts=[EQUIVALENT, OPEN]), LATENCY, None, Budget()) == (Outcome.PASS, "")


def test_one_data_set_beyond_the_margin_is_not_told_twice():
    _, reason = judge(parity(0.007, verdicts=[OPEN], total=OPEN), None, None, Budget())
    assert reason.count("further writers") == 1
    assert reason.startswith("CER on a")


@pytest.mark.parametrize("verdict", [Verdict.WORSE, Verdict.BETTER])
def test_what_only_all_lines_together_prove_fails_too(verdict):
    case = replace(parity(0.004, verdicts=[OPEN], total=found(verdict)), cer=0.206, delta=0.006)
    outcome, reason = judge(case, None, None, Budget())
    assert outcome == Outcome.TEXT_DIFFERS
    assert "CER on the lines is 0.60 points above" in reason
    assert reason.count(str(verdict)) == 1


def test_a_proven_data_set_counts_whatever_another_leaves_open():
    outcome, reason = judge(parity(0.012, 0.007, verdicts=[found(Verdict.WORSE), OPEN]), None, None, Budget())
    assert outcome == Outcome.TEXT_DIFFERS
    assert "CER on a is 1.20 points above" in reason
    assert "CER on b" not in reason


WORST = WorstWriter(
    kind="writer",
    dataset="a",
    line="page-3",
    lines=20,
    symbols=900,
    cer=0.6,
    cer_reference=0.1,
    delta=0.5,
    interval=(0.2, 0.8),
)


def test_a_writer_that_is_proven_lost_fails_whatever_the_mean_says():
    outcome, reason = judge(parity(0.001, worst=WORST), LATENCY, None, Budget())
    assert outcome == Outcome.TEXT_DIFFERS
    assert "The writer of page-3 is read at 60.00 instead of 10.00 % (20 lines; +50.00 points" in reason
    assert "+20.00 to +80.00); 5 are allowed on one writer." in reason
    for low in (-0.1, 0.05):
        chance = replace(WORST, interval=(low, 0.8))
        assert judge(parity(0.001, worst=chance), LATENCY, None, Budget())[0] == Outcome.PASS


def test_fewer_than_three_writers_are_said_so():
    few = replace(found(Verdict.INCONCLUSIVE, 40), interval=None)
    case = replace(parity(0.0, total=few), clusters=2)
    outcome, reason = judge(case, LATENCY, None, Budget())
    assert outcome == Outcome.INCONCLUSIVE
    assert "2 writers cannot tell, it takes 3 or more: about 40 further writers like these would settle it." in reason


def test_operators_elsewhere_come_after_the_text_and_before_the_verdict():
    placement = Placement(wanted="npu", operators={"npu": 3, "cpu": 1})
    assert judge(parity(0.0), None, placement, Budget())[0] == Outcome.FELL_BACK
    assert judge(parity(0.1), None, placement, Budget())[0] == Outcome.TEXT_DIFFERS
    assert judge(parity(0.0), None, replace(placement, operators={"npu": 4}), Budget())[0] == Outcome.PASS
