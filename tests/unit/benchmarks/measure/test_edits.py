from __future__ import annotations

from functools import cache

import jiwer
import pytest
from hypothesis import given, strategies as st

from inkport.benchmarks.measure.edits import BAND, Edits, count_edits, edit_script, sum_edits
from inkport.core.metrics import edit_distance


texts = st.text("abc ", max_size=8)


def every_script(a: str, b: str) -> set[tuple[int, int, int]]:
    """All (substitutions, insertions, deletions) that lead from a to b, by plain recursion."""

    @cache
    def walk(i: int, j: int) -> frozenset[tuple[int, int, int]]:
        if i == len(a) and j == len(b):
            return frozenset({(0, 0, 0)})
        found = set()
        if i < len(a) and j < len(b):
            step = 0 if a[i] == b[j] else 1
            found |= {(s + step, n, d) for s, n, d in walk(i + 1, j + 1)}
        if j < len(b):
            found |= {(s, n + 1, d) for s, n, d in walk(i, j + 1)}
        if i < len(a):
            found |= {(s, n, d + 1) for s, n, d in walk(i + 1, j)}
        return frozenset(found)

    return set(walk(0, 0))


@given(texts, texts)
def test_counts_are_those_of_the_shortest_script_with_most_substitutions(a, b):
    best = min(every_script(a, b), key=lambda counts: (sum(counts), -counts[0]))
    edits = count_edits(a, b)
    assert (edits.substitutions, edits.insertions, edits.deletions) == best


@given(st.text("ab", max_size=4 * BAND), st.text("ab", max_size=4 * BAND))
def test_a_script_leads_from_one_to_the_other_and_is_the_best_however_many_edits_it_takes(a, b):
    script = edit_script(a, b)
    edits = count_edits(a, b)
    kinds = [(step.before is None, step.after is None) for step in script]
    assert (kinds.count((False, False)), kinds.count((True, False))) == (edits.substitutions, edits.insertions)
    assert len(script) == edits.total
    made, at = "", 0
    for step in script:
        made += a[at : step.position] + ("" if step.after is None else b[step.after])
        at = step.position + (step.before is not None)
    assert made + a[at:] == b


@given(st.text("abcde", min_size=1, max_size=40), st.text("abcde", max_size=40))
def test_total_and_surplus_agree_with_jiwer(a, b):
    # jiwer may pick another of several shortest scripts, but these two figures are the same for all of them.
    theirs = jiwer.process_characters(a, b)
    ours = count_edits(a, b)
    assert ours.total == theirs.substitutions + theirs.insertions + theirs.deletions == edit_distance(a, b)
    assert ours.insertions - ours.deletions == theirs.insertions - theirs.deletions


@pytest.mark.parametrize(
    ("text", "reading", "expected"),
    [
        ("", "", Edits()),
        ("abc", "", Edits(deletions=3)),
        ("", "ab", Edits(insertions=2)),
        ("ab", "ba", Edits(substitutions=2)),
        ("Madame", "Madam", Edits(deletions=1)),
        ("aaaa", "aa", Edits(deletions=2)),
    ],
)
def test_known_counts(text, reading, expected):
    assert count_edits(text, reading) == expected


def test_sums_by_kind():
    edits = [Edits(substitutions=1, insertions=2), Edits(deletions=3, insertions=1)]
    assert sum_edits(edits) == Edits(substitutions=1, insertions=3, deletions=3)


def test_nothing_read_is_nothing_edited():
    assert sum_edits([]) == Edits()
    assert Edits().total == 0
