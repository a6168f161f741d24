"""The recogniser's specification: what it accepts, and that its JSON is exact."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from inkport.core.errors import SpecError, SpecMismatchError
from inkport.core.spec import RecogniserSpec


def test_json_round_trip(toy_spec):
    data = json.loads(json.dumps(toy_spec.to_dict()))
    assert RecogniserSpec.from_dict(data, where="f") == toy_spec


@pytest.mark.parametrize(("width", "frames"), [(32, 8), (64, 16), (2048, 512)])
def test_frames_are_columns_over_stride(toy_spec, width, frames):
    assert toy_spec.frames(width) == frames


@pytest.mark.parametrize("width", [0, 16, 33, 2064])
def test_widths_that_prepare_never_makes_are_refused(toy_spec, width):
    with pytest.raises(SpecMismatchError, match=f"width {width} is not a multiple of 16 within 32..2048"):
        toy_spec.frames(width)


@pytest.mark.parametrize("stride", [0, 3, 32])
def test_a_stride_that_does_not_divide_the_width_multiple_is_refused(toy_spec, stride):
    with pytest.raises(SpecError, match=f"stride {stride} does not divide"):
        replace(toy_spec, stride=stride)


def test_a_frame_for_every_column_is_allowed(toy_spec):
    assert replace(toy_spec, stride=1).frames(64) == 64


def damaged(spec, *path, value):
    data = copy.deepcopy(spec.to_dict())
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["rotation"], 90, "rotation not as inkport"),
        (["stride"], "4", "stride not as inkport"),
        (["stride"], "four", "not a recogniser specification"),
        (["version"], 1, "version not as inkport"),
        (["charset"], {"symbols": "ab"}, "charset, output not as inkport"),
        (["charset", "digest"], "0" * 64, "charset not as inkport"),
        (["charset", "symbols"], "aa", "twice"),
        (["output", "name"], "probabilities", "output not as inkport"),
        (["preprocess", "heigth"], 48, "unknown key 'heigth'"),
        (["preprocess", "height"], "48", "expected int"),
        (["preprocess", "resampling"], "bicubic-v2", "bicubic-v2"),
    ],
)
def test_anything_that_inkport_does_not_write_is_refused(toy_spec, path, value, message):
    with pytest.raises(SpecError, match=message):
        RecogniserSpec.from_dict(damaged(toy_spec, *path, value=value), where="f")


def test_a_missing_part_is_named(toy_spec):
    data = toy_spec.to_dict()
    del data["preprocess"]
    with pytest.raises(SpecError, match=r"f: not a recogniser specification .*preprocess"):
        RecogniserSpec.from_dict(data, where="f")
