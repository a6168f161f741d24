"""Settings of an imported recogniser: one flat table, and for each where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeVar

from inkport.core.config import parse_config
from inkport.core.errors import RecipeError, SpecError, UsageError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import NativeSpec


T = TypeVar("T")

PREPROCESS = tuple(f.name for f in fields(PreprocessSpec))
"""Settings of ``PreprocessSpec``."""
NATIVE = tuple(f.name for f in fields(NativeSpec))
"""Settings of ``NativeSpec``."""
OTHERS = ("stride", "space")
"""Input columns per ``gain`` frames; whether the charset's file leaves out a space, which is the last class."""
KEYS = (*PREPROCESS, *NATIVE, *OTHERS)
"""What ``--set`` knows."""
PER_CHANNEL = {"mean": "channel_mean", "std": "channel_std"}
"""Where several values for a setting go."""


class Origin(StrEnum):
    """Where a setting comes from."""

    SET = "set"
    """The command line."""
    FILE = "file"
    """The model's file, or one that lies beside it."""
    PROBED = "probed"
    """What the network did when it was run."""
    PRESET = "preset"
    """The preset."""
    ASSUMED = "assumed"
    """Nobody said anything: inkport's default."""


@dataclass(frozen=True)
class Setting:
    """A value and where it comes from."""

    value: Any
    """The value, as JSON has it."""
    origin: Origin
    """Where it comes from."""


Settings = dict[str, Setting]
"""Settings by name; each of ``KEYS`` at most once."""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # PaddleOCR's resize_norm_img, one line at a time; width 320 at the least, and as long as a line needs.
    "paddle-rec": {
        "channels": "bgr",
        "resampling": "cv2-linear",
        "mean": 0.5,
        "std": 0.5,
        "rounding": "ceil",
        "canvas": "floor",
        "min_width": 320,
        "max_width": 4096,
        "width_multiple": 1,
        "pad_value": 0.0,
        "blank": 0,
        "space": True,
    },
    # docTR's Resize((32, 128), preserve_aspect_ratio=True), which antialiases, and its recognisers' Normalize.
    "doctr": {
        "channels": "rgb",
        "resampling": "pil-bilinear",
        "channel_mean": [0.694, 0.695, 0.693],
        "channel_std": [0.299, 0.296, 0.301],
        "rounding": "floor",
        "fit": "contain",
        "width_multiple": 1,
        "background": 0.0,
        "blank": -1,
    },
    # EasyOCR's compute_ratio_and_resize and AlignCollate with contrast_ths=0: one line at a time, as wide as a whole
    # number of heights, the last column repeated.
    "easyocr": {
        "channels": "gray",
        "height": 64,
        "resampling": "cv2-linear",
        "mean": 0.5,
        "std": 0.5,
        "rounding": "floor",
        "canvas": "ceil",
        "min_width": 64,
        "max_width": 4096,
        "width_multiple": 64,
        "repeat_edge": True,
        "blank": 0,
    },
    # deep-text-recognition-benchmark's ResizeNormalize of 32 x 100 (without --PAD).
    "dtrb": {
        "channels": "gray",
        "resampling": "pil-bicubic",
        "mean": 0.5,
        "std": 0.5,
        "fit": "stretch",
        "width_multiple": 1,
        "blank": 0,
    },
    "plain": {},
}
"""Presets by name: how the pipelines of well-known projects prepare a line."""


def preset(name: str) -> Settings:
    """Return the settings of a preset.

    Raises:
        UsageError: If there is none of that name.
    """
    if name not in PRESETS:
        raise UsageError(f"--like {name}: no such preset", remedy=f"presets: {', '.join(PRESETS)}")
    return {key: Setting(value, Origin.PRESET) for key, value in PRESETS[name].items()}


def parse_settings(pairs: Iterable[str]) -> Settings:
    """Read ``--set KEY=VALUE``.

    Numbers, true, false and names are values; several numbers, separated by commas, are one for each channel.

    Raises:
        UsageError: If one is no pair, its key is unknown or appears twice, or its value cannot be one.
    """
    found: Settings = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or key not in KEYS:
            raise UsageError(
                f"--set {pair}: {'no such setting' if equals else 'expected KEY=VALUE'}",
                remedy=f"settings: {', '.join(KEYS)}",
            )
        value = _value(key, text)
        if isinstance(value, list):
            key = PER_CHANNEL.get(key, key)
        if key in found:
            raise UsageError(f"--set {pair}: {key} is set twice")
        found[key] = Setting(value, Origin.SET)
    return found


def _value(key: str, text: str) -> Any:
    if key in ("input", "output"):
        return text
    if text in ("true", "false"):
        return text == "true"
    parts = text.split(",")
    try:
        numbers = [float(part) if set(part) & set(".eE") else int(part) for part in parts]
    except ValueError:
        return text
    return numbers[0] if len(numbers) == 1 and not key.startswith("channel_") else numbers


def merged(*layers: Settings) -> Settings:
    """Return settings of several layers, the first that has one counts; ``mean`` and ``channel_mean`` are the same."""
    found: Settings = {}
    for layer in layers:
        taken = set(found)
        for key, setting in layer.items():
            twin = {**PER_CHANNEL, **{many: one for one, many in PER_CHANNEL.items()}}.get(key)
            if key not in taken and twin not in taken:
                found[key] = setting
    return found


def values_of(settings: Settings, keys: Iterable[str]) -> dict[str, Any]:
    """Return the values of those settings that are there."""
    return {key: settings[key].value for key in keys if key in settings}


def preprocess_of(settings: Settings) -> PreprocessSpec:
    """Build the preprocessing.

    Raises:
        UsageError: If a value is not one of its setting, or contradicts another.
    """
    return _build(PreprocessSpec, values_of(settings, PREPROCESS))


def native_of(settings: Settings) -> NativeSpec:
    """Build the description of the network's ends.

    Raises:
        UsageError: If a value is not one of its setting, or a name is missing.
    """
    return _build(NativeSpec, values_of(settings, NATIVE))


def _build(cls: type[T], values: dict[str, Any]) -> T:
    try:
        return parse_config(cls, values, where="--set")
    except (RecipeError, SpecError) as error:
        raise UsageError(error.message, remedy=error.remedy or "change it with --set KEY=VALUE") from error
