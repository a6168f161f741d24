"""A budget chooses the fastest that is proven to keep it, by val alone, and says what is missing if none is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inkport.benchmarks.measure.equivalence import Verdict
from inkport.compress.compress import choose_member, parse_budget
from inkport.compress.measure import Standing
from inkport.core.errors import UsageError


def test_the_fastest_that_keeps_the_budget(member):
    members = [
        member("slow", 5.0),
        member("fast", 2.0),
        member("fastest, too bad", 1.0, Standing.BEYOND, verdict=Verdict.WORSE),
        member("fastest, open", 1.0, Standing.OPEN, verdict=Verdict.INCONCLUSIVE, further=100),
        member("not timed", None),
    ]
    choice = choose_member(members, 0.003)
    assert (choice.member, choice.budget) == ("fast", 0.003)
    assert "fastest of 2" in choice.sentence
    assert "0.3 points" in choice.sentence


def test_test_lines_never_choose(member):
    good = member("good on test", 2.0, Standing.OPEN)
    good = replace(good, test=good.val, standing_test=Standing.WITHIN)
    bad = replace(member("bad on test", 3.0), test=good.val, standing_test=Standing.BEYOND)
    assert choose_member([good, bad], 0.003).member == "bad on test"


def test_none_says_inconclusive_and_how_many_writers_would_decide(member):
    members = [
        member("a", 1.0, Standing.OPEN, verdict=Verdict.INCONCLUSIVE, further=412),
        member("b", 1.0, Standing.OPEN, verdict=Verdict.INCONCLUSIVE),
        member("c", 1.0, Standing.BEYOND, verdict=Verdict.WORSE),
    ]
    choice = choose_member(members, 0.003)
    assert choice.member is None
    assert choice.sentence.startswith("INCONCLUSIVE")
    assert "a is open; about 412 further writers" in choice.sentence
    assert "b is open; no number of writers" in choice.sentence
    assert "Beyond the budget: c." in choice.sentence


def test_all_beyond_is_not_called_inconclusive(member):
    choice = choose_member([member("c", 1.0, Standing.BEYOND, verdict=Verdict.WORSE)], 0.003)
    assert choice.member is None
    assert "INCONCLUSIVE" not in choice.sentence


def test_a_budget_is_in_points():
    assert parse_budget("cer=0.3") == pytest.approx(0.003)
    for wrong in ("0.3", "wer=0.3", "cer=", "cer=-1", "cer=nan", "cer=much", "cer=200"):
        with pytest.raises(UsageError, match="not a budget"):
            parse_budget(wrong)
