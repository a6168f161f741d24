"""Targets: which port to prove, on what, and what it may cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from inkport.core.config import MOST_THREADS, parse_config
from inkport.core.documents import read_toml
from inkport.core.errors import RecipeError, UsageError


class Precision(StrEnum):
    """Number format that a target computes in."""

    FP32 = "fp32"
    """32-bit floating point."""
    FP16 = "fp16"
    """16-bit floating point (IEEE 754 binary16)."""
    BF16 = "bf16"
    """bfloat16."""
    INT8 = "int8"
    """8-bit integers for weights and activations where the converter quantizes them."""
    W8 = "w8"
    """8-bit weights, expanded before use; activations stay floating point."""
    PAL6 = "pal6"
    """Weights as indices into palettes of 64 values; activations stay floating point."""
    PAL4 = "pal4"
    """Weights as indices into palettes of 16 values; activations stay floating point."""


class LineChoice(StrEnum):
    """Which lines a target reads that does not read all."""

    WIDTHS = "widths"
    """Lines with the widths of all: a sample, from which all may be judged."""
    FRAGILE = "fragile"
    """The lines that are closest to changing: the quickest way to flips, and no sample."""


LARGEST_WRITER_LOSS = 0.05
"""Largest loss on a single writer that a verdict reckons with, unless another is stated, as an error rate.

A port that ruins one writer in a thousand shows in no test set; up to five points, a few dozen writers tell."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a target may lose against the reference; a limit left out is not checked.

    Raises:
        RecipeError: If a limit is negative or not finite.
    """

    cer_margin: float = 0.005
    """Largest CER difference to the reference per data set, either way; 0.005 is half a point."""
    largest_writer_loss: float = LARGEST_WRITER_LOSS
    """Largest loss on a single writer up to which EQUIVALENT is wrong in at most 5 %; 0.05 is five points."""
    flipped_lines: int | None = None
    """Most lines whose text may change."""
    p90_ms: float | None = None
    """Slowest p90 latency per line, in milliseconds."""

    def __post_init__(self) -> None:
        limits = (self.cer_margin, self.largest_writer_loss, self.flipped_lines, self.p90_ms)
        # Not `limit < 0`, which NaN passes.
        if not all(limit is None or 0 <= limit < math.inf for limit in limits):
            raise RecipeError(f"budget limits must not be negative, and finite: {self}")


@dataclass(frozen=True, kw_only=True)
class Target:
    """One row of a targets file.

    Raises:
        RecipeError: If ``lines`` is below 1, or is left out where ``choose`` is not ``widths``.
    """

    name: str
    """Unique name of the row."""
    runtime: str
    """Name of a registered runtime."""
    precision: Precision
    """Number format."""
    device: str = "cpu"
    """Device of the runtime, in the runtime's own words."""
    budget: Budget = field(default_factory=Budget)
    """What it may lose."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options that only its runtime knows."""
    lines: int | None = None
    """Most lines that it reads, for targets too slow for all of them; ``choose`` says which."""
    choose: LineChoice = LineChoice.WIDTHS
    """Which lines it reads where ``lines`` is less than all."""
    required: bool = True
    """Whether the run must end with exit code 3 where this target is not available."""

    def __post_init__(self) -> None:
        if self.lines is not None and self.lines < 1:
            raise RecipeError(f"target {self.name!r}: lines must be at least 1, found {self.lines}")
        if self.lines is None and self.choose is LineChoice.FRAGILE:
            raise RecipeError(
                f"target {self.name!r}: choose = {str(self.choose)!r} needs to know how many lines",
                remedy="add lines = 120, or however many the device can read",
            )


@dataclass(frozen=True, kw_only=True)
class _TargetsFile:
    target: tuple[Target, ...]


def load_targets(path: Path) -> tuple[Target, ...]:
    """Read a targets file: TOML with one ``[[target]]`` table per row.

    Raises:
        RecipeError: If it cannot be read, a key is unknown, a value is impossible, or a name appears twice.
    """
    targets = parse_config(_TargetsFile, read_toml(path), where=str(path)).target
    names = [target.name for target in targets]
    if not names or len(set(names)) < len(names):
        raise RecipeError(f"{path}: needs at least one target and unique names, found {names}")
    for target in targets:
        _check_threads(target)
    return targets


def named_targets(names: Sequence[str], *, like: Sequence[Target]) -> tuple[Target, ...]:
    """Return the targets that names such as ``onnxruntime:int8`` or ``tensorrt:fp16@cuda:0`` mean.

    Args:
        names: Each RUNTIME:PRECISION or RUNTIME:PRECISION@DEVICE.
        like: Known targets. A name means the first of its runtime, precision and device, and is required, as it was
            asked for. Where only the runtime is known, its usual device is taken; where not even that is, "cpu". A
            target in fp32 must then flip no line, any other keep the usual margin.

    Raises:
        UsageError: If a name has another form, an unknown precision, or is there twice.
    """
    targets = tuple(_named(name, like) for name in names)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"--target {twice[0]} is there twice", remedy="name each target once")
    return targets


def _named(name: str, like: Sequence[Target]) -> Target:
    runtime, _, rest = name.partition(":")
    precision, at, device = rest.partition("@")
    if not runtime or precision not in set(Precision) or (at and not device):
        raise UsageError(
            f"--target {name!r}: expected RUNTIME:PRECISION or RUNTIME:PRECISION@DEVICE",
            remedy=f"for example onnxruntime:int8; precisions: {', '.join(Precision)}; inkport runtimes lists runtimes",
        )
    of_runtime = [target for target in like if target.runtime == runtime]
    device = device or next((target.device for target in of_runtime), Target.device)
    for target in of_runtime:
        if (target.precision, target.device) == (precision, device):
            return replace(target, name=name, required=True)
    budget = Budget(flipped_lines=0) if precision == Precision.FP32 else Budget()
    return Target(name=name, runtime=runtime, precision=Precision(precision), device=device, budget=budget)


def _check_threads(target: Target) -> None:
    threads = target.options.get("threads", "1")
    if not (threads.isascii() and threads.isdecimal() and len(threads) < 5 and 1 <= int(threads) <= MOST_THREADS):
        raise RecipeError(
            f"target {target.name!r}: threads must be a number of at least 1 and at most {MOST_THREADS:,}, "
            f"found {threads!r}"
        )
