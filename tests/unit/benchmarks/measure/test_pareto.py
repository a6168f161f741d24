"""The Pareto set against its definition by brute force, and its laws."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from inkport.benchmarks.measure.pareto import dominated_by


# Few different values, so that equal ones are frequent: they are where the definition is easily got wrong.
FIGURES = st.integers(1, 4).flatmap(
    lambda size: st.lists(st.tuples(*[st.integers(0, 3)] * size), min_size=1, max_size=8)
)


@given(FIGURES)
def test_as_the_definition_says(rows):
    found = dominated_by({str(i): row for i, row in enumerate(rows)})
    for i, own in enumerate(rows):
        expected = []
        for j, other in enumerate(rows):
            worse_somewhere = any(other[k] > own[k] for k in range(len(own)))
            if not worse_somewhere and other != own:
                expected.append(str(j))
        assert found[str(i)] == tuple(expected)


@given(FIGURES)
def test_the_set_is_never_empty_and_its_members_dominate_all_others(rows):
    found = dominated_by({str(i): row for i, row in enumerate(rows)})
    front = {name for name, above in found.items() if not above}
    assert front
    for name, above in found.items():
        assert name in front or front & set(above)


def test_equals_do_not_dominate_one_another():
    assert dominated_by({"a": [1, 2], "b": [1, 2], "c": [1, 3]}) == {"a": (), "b": (), "c": ("a", "b")}


def test_members_with_other_figures_are_not_compared():
    with pytest.raises(ValueError, match="zip"):
        dominated_by({"a": [1, 2], "b": [1]})
