"""The schema of reports: made of their dataclasses, and the shipped file is what would be made today."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest

from inkport.benchmarks.report.envelope import Check, Document
from inkport.benchmarks.report.schema import make_schema, schema_of


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part."""

    width: int
    """In pixels,
    on the paper."""


@dataclass(frozen=True, kw_only=True)
class Sample(Document):
    """A report.

    More about it.
    """

    NAME = "sample"

    part: Part
    colour: Colour | None
    limits: tuple[float, float]
    parts: tuple[Part, ...] = ()
    by: Mapping[str, float] = field(default_factory=dict)
    artifact_sha256: str
    side: Literal["left", "right"]
    anything: Any


RIGHT: dict[str, Any] = {
    "part": {"width": 3},
    "colour": None,
    "limits": [0, 1.5],
    "parts": [],
    "by": {"a": 1},
    "artifact_sha256": "0" * 64,
    "side": "left",
    "anything": [1, "x"],
}
HEAD = {"schema": 2, "maker": "a test", "created": "now", "check": "sample", "exit_code": 1}


def test_the_shipped_schema_is_made_of_todays_dataclasses():
    command = [sys.executable, str(Path(__file__).parents[3] / "scripts/report_schema.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


def test_every_kind_of_field_is_held_to_its_type():
    schema = make_schema([Sample])
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(HEAD | RIGHT, schema)
    wrong = {
        "part": {"width": 3.5},
        "colour": "green",
        "limits": [0],
        "parts": [{}],
        "by": {"a": "b"},
        "artifact_sha256": "abc",
        "side": "top",
        "exit_code": 2,
        "check": "other",
        "schema": 1,
    }
    for name, value in wrong.items():
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(HEAD | RIGHT | {name: value}, schema)
    for name in HEAD | RIGHT:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({key: value for key, value in (HEAD | RIGHT).items() if key != name}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(HEAD | RIGHT | {"unknown": 1}, schema)


def test_docstrings_describe():
    definitions = make_schema([Sample])["$defs"]
    assert definitions["sample"]["description"] == "A report."
    assert definitions["Part"]["properties"]["width"]["description"] == "In pixels, on the paper."


def test_sections_stand_beside_the_fields_of_the_envelope():
    found = make_schema([Check("sample", Part, (Part,), (Part,))])["$defs"]["sample"]
    assert found["properties"]["width"] == found["properties"]["targets"]["items"]["properties"]["width"]
    assert found["properties"]["options"]["$ref"] == "#/$defs/Part"
    assert "sections" not in found["properties"]


def test_two_classes_of_one_name_are_refused():
    other = dataclass(type("Part", (), {"__annotations__": {"x": int}, "__doc__": "Another."}))
    with pytest.raises(ValueError, match="two classes of reports are called Part"):
        make_schema([Check("sample", Part, (), ()), Check("another", other, (), ())])


def test_an_unknown_report_has_no_schema():
    with pytest.raises(KeyError):
        schema_of("nothing")
