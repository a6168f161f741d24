"""Figures that are handed on: none can be changed once it is computed, and none is handed over by its position."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from importlib import import_module
from pkgutil import iter_modules

import pytest

from inkport.benchmarks import measure


RECORDS = [
    item
    for module in (import_module(f"{measure.__name__}.{found.name}") for found in iter_modules(measure.__path__))
    for item in vars(module).values()
    if is_dataclass(item) and item.__module__ == module.__name__
]
BY_POSITION = {"Reading", "Step"}
"""Their fields are of different kinds, or are made for every symbol."""


def test_all_modules_are_looked_at():
    assert {"Change", "CostModel", "Equivalence", "Estimate", "Parity", "Quantile", "WorstWriter"} < {
        record.__name__ for record in RECORDS
    }


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_never_changes_and_names_its_fields(record):
    """Two rates or three percentiles in a row are easily swapped, and nothing would notice."""
    assert record.__dataclass_params__.frozen
    assert {field.kw_only for field in fields(record)} == {record.__name__ not in BY_POSITION}
