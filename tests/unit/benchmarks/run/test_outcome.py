from __future__ import annotations

import pytest

from inkport.benchmarks.run.record import Outcome, exit_code


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([Outcome.PASS, Outcome.PASS], 0),
        ([Outcome.PASS, Outcome.UNAVAILABLE], 3),
        ([Outcome.UNAVAILABLE, Outcome.TEXT_DIFFERS, Outcome.PASS], 1),
        ([Outcome.EXPORT_FAILED], 1),
        ([Outcome.LOAD_FAILED], 1),
        ([Outcome.RUN_FAILED, Outcome.UNAVAILABLE], 1),
        ([Outcome.LATENCY_OVER_BUDGET], 1),
        ([Outcome.FELL_BACK], 1),
        ([Outcome.INCONCLUSIVE], 0),
        ([Outcome.INCONCLUSIVE, Outcome.UNAVAILABLE], 3),
    ],
)
def test_exit_code_tells_regressed_from_unavailable(outcomes, code):
    assert exit_code((outcome, True) for outcome in outcomes) == code


def test_an_absent_target_that_is_not_required_is_no_failure():
    assert exit_code([(Outcome.PASS, True), (Outcome.UNAVAILABLE, False)]) == 0
    assert exit_code([(Outcome.UNAVAILABLE, False), (Outcome.UNAVAILABLE, True)]) == 3
    assert exit_code([(Outcome.TEXT_DIFFERS, False)]) == 1
