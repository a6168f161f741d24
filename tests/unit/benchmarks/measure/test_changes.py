from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from inkport.benchmarks.measure.edits import Edits, Effects, count_edits, edit_script, find_changes, sum_effects
from inkport.core.ctc import Emission, Transcription
from inkport.core.metrics import edit_distance


def read(text, margin=1.0):
    emissions = tuple(Emission(s, 3 * i, 3 * i + 1, 0.9, margin + i) for i, s in enumerate(text))
    return Transcription(text, emissions, margin)


def changes(text, reference, target):
    return [
        (c.reference, c.target, str(c.effect), c.first_frame) for c in find_changes(text, read(reference), read(target))
    ]


@pytest.mark.parametrize(
    ("text", "reference", "target", "expected"),
    [
        ("chat", "chat", "chat", []),
        ("chat", "chat", "chot", [("a", "o", "harmful", 6)]),
        ("chat", "chot", "chat", [("o", "a", "repaired", 6)]),
        ("chat", "chot", "chut", [("o", "u", "harmless", 6)]),
        ("chat", "chat", "cha", [("t", "", "harmful", 9)]),
        ("chat", "cha", "chat", [("", "t", "repaired", 9)]),
        ("chat", "chot", "chatt", [("o", "a", "repaired", 6), ("", "t", "harmful", 12)]),
        ("chat", "", "ch", [("", "c", "repaired", 0), ("", "h", "repaired", 3)]),
        ("a b", "a b", "a  b", [("", " ", "harmless", 6)]),
    ],
)
def test_each_edit_has_its_effect_and_place(text, reference, target, expected):
    assert changes(text, reference, target) == expected


def test_margins_are_those_of_the_changed_symbols():
    (change,) = find_changes("chat", read("chat", 1.0), read("chot", 7.0))
    assert (change.gap_reference, change.gap, change.last_frame) == (3.0, 9.0, 7)
    (gone,) = find_changes("chat", read("chat"), read("cht"))
    assert (gone.gap_reference, gone.gap) == (3.0, None)


def test_effects_are_counted():
    found = find_changes("chat", read("chot"), read("chatt"))
    assert sum_effects(found) == Effects(harmful=1, harmless=0, repaired=1)
    assert sum_effects([]) == Effects()


words = st.text(alphabet="abc ", max_size=9)


def carried_out(steps, before, after):
    """What the steps make of the text before."""
    built, position = "", 0
    for step in steps:
        built += before[position : step.position]
        built += "" if step.after is None else after[step.after]
        position = step.position + (step.before is not None)
    return built + before[position:]


@given(words, words)
def test_a_script_leads_from_one_reading_to_the_other_in_as_few_steps_as_counted(before, after):
    steps = edit_script(before, after)
    assert carried_out(steps, before, after) == after
    assert count_edits(before, after) == Edits(
        substitutions=sum(step.before is not None and step.after is not None for step in steps),
        insertions=sum(step.before is None for step in steps),
        deletions=sum(step.after is None for step in steps),
    )


def test_a_script_of_a_line_longer_than_any_is_as_short(rng):
    """400 symbols beyond Latin, a tenth of them changed; equal symbols are equal whichever object holds them."""
    letters = list("ạảấầẩẫậắằẳẵặẹẻẽếềểễệ")
    before = "".join(rng.choice(letters, 400))
    after = "".join(rng.choice(["", "ạ", f"{old}ả"]) if rng.random() < 0.1 else old for old in before)
    # With its end as it is, and with the end of either missing.
    for old, new in ((before, after), (before, after[:-9]), (before[:-9], after)):
        steps = edit_script(old, new)
        assert carried_out(steps, old, new) == new
        assert len(steps) == count_edits(old, new).total == edit_distance(old, new)
