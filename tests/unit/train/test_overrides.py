from __future__ import annotations

import pytest

from inkport.core.errors import RecipeError
from inkport.train.overrides import merge, parse_overrides, write_overrides


def test_tables_are_merged_and_all_else_is_replaced():
    base = {"seed": 1, "data": {"train": ["a", "b"], "val": ["v"]}}
    changed = merge(base, {"data": {"train": ["c"]}, "optim.lr": 0.5, "optim": {"steps": 3}})
    assert changed == {"seed": 1, "data": {"train": ["c"], "val": ["v"]}, "optim": {"lr": 0.5, "steps": 3}}
    assert base == {"seed": 1, "data": {"train": ["a", "b"], "val": ["v"]}}


def test_what_is_written_is_read_again():
    nested = {
        "seed": 3,
        "start": 'a "quoted" \\ päth',
        "optim": {"lr": 5e-7, "bf16": False},
        "data": {"train": ["x", "y"], "unlabelled": []},
    }
    assert parse_overrides(write_overrides(nested)) == nested


def test_a_key_with_thousands_of_dots_is_refused():
    with pytest.raises(RecipeError, match="nested deeper than 200 levels"):
        parse_overrides(['"' + "a." * 5000 + 'a" = 1'])


@pytest.mark.parametrize("text", ["optim.lr", "optim.lr=", "=1", "a=b"])
def test_what_is_no_assignment_is_refused(text):
    with pytest.raises(RecipeError, match="not an assignment"):
        parse_overrides([text])
