"""Settings that are easily mistaken for one another: what else the specification of a recogniser might say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from inkport.core.errors import SpecError
from inkport.core.preprocess import RESAMPLINGS, PreprocessSpec
from inkport.core.preprocess_settings import Channels, Fit, Rounding, Side
from inkport.core.spec import RecogniserSpec


IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
"""Mean and standard deviation that networks pretrained on ImageNet take, red first."""
MIN_WIDTHS = (32, 64, 100, 128, 160, 320)
"""Narrowest inputs that recognisers have, in pixels."""
CHOICES: Mapping[str, Sequence[str]] = {
    "resampling": RESAMPLINGS,
    "rounding": tuple(Rounding),
    "canvas": tuple(Rounding),
    "fit": tuple(Fit),
    "side": tuple(Side),
}
"""Settings that have one of several names."""
Change = tuple[str, dict[str, Any]]
"""A change as ``--set`` takes it, and the fields of ``PreprocessSpec`` that it changes."""


def neighbours(spec: RecogniserSpec) -> Iterator[tuple[str, RecogniserSpec]]:
    """Yield specifications that differ in one setting, each with its name as for ``--set``."""
    native, classes = spec.native, spec.charset.size
    if native is not None:
        for place in {0, classes - 1, 1} - {native.blank}:
            yield f"blank={place}", replace(spec, native=replace(native, blank=place))
    for name, changes in _preprocessings(spec.preprocess):
        try:
            yield name, replace(spec, preprocess=replace(spec.preprocess, **changes))
        except SpecError:
            # One that contradicts the others explains nothing.
            continue


def _preprocessings(pre: PreprocessSpec) -> Iterator[Change]:
    if pre.planes == 3:
        for channels in (Channels.RGB, Channels.BGR, Channels.GRAY3):
            if channels is not pre.channels:
                yield f"channels={channels}", {"channels": channels}
    yield from _normalisations(pre)
    for key, values in CHOICES.items():
        for value in values:
            if value != getattr(pre, key):
                yield f"{key}={value}", {key: value}
    yield from _paddings(pre)
    for width in MIN_WIDTHS if pre.min_width != pre.max_width else ():
        if width % pre.width_multiple == 0 and width != pre.min_width:
            yield f"min_width={width}", {"min_width": width}


def _normalisations(pre: PreprocessSpec) -> Iterator[Change]:
    plain = {"channel_mean": (), "channel_std": ()}
    for mean, std in ((0.0, 1.0), (0.5, 0.5), (0.0, 1 / 255), (0.5, 1.0), (0.5, 1 / 255)):
        if (pre.mean, pre.std) != (mean, std) or pre.channel_mean:
            yield f"mean={mean:g}, std={std:.6g}", {**plain, "mean": mean, "std": std}
    if not pre.channel_mean:
        for mean in (0.0, 0.5, 1.0):
            if mean != pre.mean:
                yield f"mean={mean:g}", {"mean": mean}
    if pre.planes == 3:
        for step, order in ((1, "red first"), (-1, "blue first")):
            means, stds = (tuple(values[::step]) for values in IMAGENET)
            if (pre.channel_mean, pre.channel_std) != (means, stds):
                name = f"mean={','.join(map(str, means))}, std={','.join(map(str, stds))} ({order})"
                yield name, {"mean": 0.0, "std": 1.0, "channel_mean": means, "channel_std": stds}
    if pre.channel_mean:
        yield (
            f"mean={','.join(map(str, pre.channel_mean[::-1]))} (the other order)",
            {"channel_mean": pre.channel_mean[::-1], "channel_std": pre.channel_std[::-1]},
        )


def _paddings(pre: PreprocessSpec) -> Iterator[Change]:
    constant = {"repeat_edge": False, "pad_value": None}
    for background in (0.0, 0.5, 1.0):
        if pre.background != background or pre.repeat_edge or pre.pad_value is not None:
            yield f"background={background:g}", {**constant, "background": background}
    if pre.pad_value != 0:
        yield "pad_value=0", {"repeat_edge": False, "pad_value": 0.0}
    if not pre.repeat_edge:
        yield "repeat_edge=true", {"repeat_edge": True, "pad_value": None}
