"""Targets files: each mistake is one sentence with the place."""

from __future__ import annotations

import math

import pytest

from inkport.core.errors import RecipeError, UsageError
from inkport.core.target import Budget, LineChoice, Precision, Target, load_targets, named_targets


ROW = '[[target]]\nname = "ort"\nruntime = "onnxruntime"\nprecision = "int8"\n'


@pytest.fixture
def load(tmp_path):
    def read(text):
        path = tmp_path / "targets.toml"
        path.write_text(text, encoding="utf-8")
        return load_targets(path)

    return read


def test_rows_are_read_in_order_with_defaults(load):
    second = (
        '[[target]]\nname = "ov"\nruntime = "openvino"\nprecision = "fp32"\ndevice = "npu"\nbudget = {p90_ms = 5}\n'
        'options = { threads = "2" }\nlines = 24\nrequired = false\n'
    )
    assert load(ROW + second) == (
        Target(name="ort", runtime="onnxruntime", precision=Precision.INT8),
        Target(
            name="ov",
            runtime="openvino",
            precision=Precision.FP32,
            device="npu",
            budget=Budget(p90_ms=5.0),
            options={"threads": "2"},
            lines=24,
            required=False,
        ),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'target' is missing"),
        ("target = []", "at least one target"),
        (ROW + ROW, "unique names"),
        ("[[target]", "not valid TOML"),
        (ROW + 'colour = "red"', r"target\[0\]: unknown key 'colour'"),
        (ROW + 'devise = "cpu"', "did you mean 'device'"),
        (ROW.replace("int8", "int7"), r"target\[0\]\.precision: expected one of fp32"),
        (ROW + "budget = {cer_margin = -1}", "must not be negative"),
        (ROW + "budget = {cer_margin = inf}", "cer_margin: expected a finite float, found inf"),
        (ROW + "budget = {p90_ms = nan}", "p90_ms: expected float, found nan"),
        (ROW + "budget = {flipped_lines = inf}", "flipped_lines: expected a finite float, found inf"),
        (ROW + 'options = {threads = "0"}', "threads must be a number of at least 1 and at most 1,024, found '0'"),
        (ROW + 'options = {threads = "many"}', "threads must be a number of at least 1"),
        (ROW + 'options = {threads = "99999999999"}', "threads must be a number of at least 1"),
        (ROW + "budget = {p90_ms = nan}", "expected float, found nan"),
        (ROW + "budget = {flipped_lines = 1.5}", "expected int"),
        (ROW + "lines = 0", "lines must be at least 1"),
        (ROW + "options = {threads = 2}", "expected str"),
    ],
)
def test_mistakes_are_named(load, text, message):
    with pytest.raises(RecipeError, match=message):
        load(text)


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml: cannot be read"):
        load_targets(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(RecipeError, match=r"latin\.toml: not valid TOML \('utf-8' codec"):
        load_targets(tmp_path / "latin.toml")


@pytest.mark.parametrize("limit", ["cer_margin", "p90_ms"])
def test_a_budget_built_in_code_has_no_endless_limit_either(limit):
    for value in (math.nan, math.inf, -1.0):
        with pytest.raises(RecipeError, match="finite"):
            Budget(**{limit: value})


KNOWN = (
    Target(name="gpu", runtime="trt", precision=Precision.FP16, device="cuda:0", required=False, lines=9),
    Target(name="one", runtime="web", precision=Precision.INT8, device="wasm", options={"threads": "1"}),
    Target(name="two", runtime="web", precision=Precision.INT8, device="wasm", options={"threads": "2"}),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("trt:fp16", {"device": "cuda:0", "lines": 9, "required": True}),
        ("trt:fp16@cuda:0", {"device": "cuda:0", "lines": 9}),
        ("trt:fp16@cuda:1", {"device": "cuda:1", "lines": None}),
        ("trt:fp32", {"device": "cuda:0", "budget": Budget(flipped_lines=0)}),
        ("trt:w8", {"device": "cuda:0", "budget": Budget(), "precision": Precision.W8}),
        ("web:int8", {"device": "wasm", "options": {"threads": "1"}}),
        ("new:int8", {"runtime": "new", "device": "cpu", "choose": LineChoice.WIDTHS, "lines": None}),
    ],
)
def test_a_name_is_a_target_like_the_known_one(name, expected):
    (found,) = named_targets([name], like=KNOWN)
    assert found.name == name
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize("name", ["trt", "trt:", ":fp32", "trt:fp64", "trt:fp16@", "trt fp16", ""])
def test_what_is_no_target_says_how_one_is_named(name):
    with pytest.raises(UsageError, match="expected RUNTIME:PRECISION") as caught:
        named_targets([name], like=KNOWN)
    assert "bf16" in caught.value.remedy


def test_a_target_is_named_once():
    with pytest.raises(UsageError, match="trt:fp16 is there twice"):
        named_targets(["trt:fp16", "web:int8", "trt:fp16"], like=KNOWN)
