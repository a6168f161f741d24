"""Records of ``core`` that readings and recognisers are made of: none can be changed once it is made."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import pytest

from inkport.core import charset, ctc, metrics, preprocess, spec


RECORDS = [
    item
    for module in (charset, ctc, metrics, preprocess, spec)
    for item in vars(module).values()
    if is_dataclass(item) and item.__module__ == module.__name__
]
BY_POSITION = {"Charset", "Emission", "ErrorRate", "Transcription"}
"""Records of a few fields, made for every symbol or line. In others, like fields would be mixed up by position."""


def test_there_are_records():
    names = {record.__name__ for record in RECORDS}
    assert names == BY_POSITION | {"NativeSpec", "PreprocessSpec", "RecogniserSpec", "TensorSpec"}


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_never_changes_and_names_its_fields(record):
    assert record.__dataclass_params__.frozen
    assert {field.kw_only for field in fields(record)} == {record.__name__ not in BY_POSITION}
