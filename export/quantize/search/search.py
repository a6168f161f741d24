"""Which operators stay in fp32 so that the CER on validation lines keeps within a budget, at the least cost in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from inkport.benchmarks.run.progress import Progress, silent
from inkport.core.artifact import Artifact
from inkport.core.config import to_plain
from inkport.core.errors import ExportError, UsageError
from inkport.core.scratch import scratch
from inkport.export.quantize.calibration import CalibrationSet
from inkport.export.quantize.onnx_int8 import Int8Options, int8_onnx_from_onnx, measure_ranges
from inkport.export.quantize.search.meter import Effect, Meter
from inkport.export.quantize.search.operators import Group
from inkport.export.quantize.search.sensitivity import Rank, Row, Scan, keep_all_but


Attempt = Callable[[Sequence[Group]], Effect]
"""Measures what keeping some groups in fp32 comes to."""


class Start(StrEnum):
    """Where the search starts."""

    INT8 = "int8"
    """Everything in int8; operators return to fp32 until the budget holds."""
    FP32 = "fp32"
    """Everything in fp32; operators go to int8, each for as long as the budget holds."""


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How far the CER may rise, and in which order operators are tried.

    Raises:
        UsageError: If the budget is negative.
    """

    budget: float = 0.3
    """Most that the CER may rise above that of fp32 on the validation lines, in points (percent of the symbols)."""
    rank: Rank = Rank.MARGINS
    """Which figure tells an operator's harm."""
    start: Start = Start.INT8
    """Where the search starts."""

    def __post_init__(self) -> None:
        if not self.budget >= 0:
            raise UsageError(f"the budget must be at least 0 points of CER, found {self.budget}")

    def holds(self, effect: Effect) -> bool:
        """Whether an effect keeps within the budget."""
        return 100 * effect.cer_change <= self.budget + 1e-9


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operator, or group, that was tried."""

    name: str
    """The group."""
    nodes: tuple[str, ...]
    """Names of its ONNX nodes."""
    fp32: bool
    """Whether it stays in fp32 from here on."""
    cer_change: float
    """Change of the CER against fp32 after the step, or that the refused step would have made."""
    flips: int
    """Lines that read differently then."""
    why: str
    """The reason in words."""


def search(
    source: Artifact,
    out: Path,
    *,
    calibration: CalibrationSet,
    options: Int8Options,
    meter: Meter,
    sensitivity: Scan,
    settings: SearchOptions | None = None,
    record: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Artifact:
    """Make an int8 artifact within the budget; equal arguments give equal bytes.

    Operators come in the order of their harm per time that int8 saves in them, as the scan has it: from all int8 the
    most harmful first, from all fp32 the least harmful first.

    Args:
        source: An ONNX artifact in fp32.
        out: The artifact's directory; replaced if it is there.
        calibration: Lines that the ranges are taken from.
        options: How to quantize; what is quantized is the search's own choice.
        meter: Measures on validation lines.
        sensitivity: The scan of the same artifact.
        settings: The budget; ``SearchOptions()`` if None.
        record: What else the artifact's provenance shall say, such as the scan's digest.
        progress: Told how far it is.

    Returns:
        The artifact; its provenance says under ``search`` which operators stayed in fp32 and why.

    Raises:
        ExportError: If not even one operator in int8 keeps within the budget.
    """
    settings = settings or SearchOptions()
    ranges = measure_ranges(source, calibration, options)
    groups = [_group(row) for row in sensitivity.rows]
    order = [_group(row) for row in sensitivity.by_saving(settings.rank)]

    def make(kept: Sequence[Group], folder: Path, note: Mapping[str, Any] | None = None) -> Artifact:
        chosen = keep_all_but(options, groups, [group for group in groups if group not in kept])
        return int8_onnx_from_onnx(source, folder, calibration=calibration, options=chosen, ranges=ranges, record=note)

    with scratch("search") as temporary:

        def attempt(kept: Sequence[Group]) -> Effect:
            progress("search", len(kept), len(groups))
            return meter.measure(make(kept, Path(temporary, "int8")))

        walk = _from_int8 if settings.start is Start.INT8 else _from_fp32
        kept, steps, effect = walk(order, attempt, settings)
    note = {
        "search": {
            **to_plain(settings),
            "mode": str(sensitivity.mode),
            "cer_fp32": meter.cer,
            "effect": to_plain(effect),
            "steps": [to_plain(step) for step in steps],
            "validation": to_plain(meter.record),
            **(record or {}),
        }
    }
    return make(kept, out, note)


def _from_int8(
    order: Sequence[Group], attempt: Attempt, settings: SearchOptions
) -> tuple[list[Group], list[Step], Effect]:
    kept: list[Group] = []
    steps: list[Step] = []
    effect = attempt(kept)
    for group in order:
        if settings.holds(effect):
            return kept, steps, effect
        if len(kept) == len(order) - 1:
            break
        before = effect
        kept.append(group)
        effect = attempt(kept)
        why = (
            f"with it in int8 the CER rose by {100 * before.cer_change:.3f} points, {settings.budget:g} are allowed; "
            "of what was in int8 it did most harm per time saved"
        )
        steps.append(_step(group, effect, fp32=True, why=why))
    if settings.holds(effect):
        return kept, steps, effect
    raise _impossible(settings, effect)


def _from_fp32(
    order: Sequence[Group], attempt: Attempt, settings: SearchOptions
) -> tuple[list[Group], list[Step], Effect]:
    kept = list(order)
    steps: list[Step] = []
    held: Effect | None = None
    effect: Effect | None = None
    for group in reversed(order):
        trial = [other for other in kept if other != group]
        effect = attempt(trial)
        if settings.holds(effect):
            kept, held = trial, effect
            steps.append(_step(group, effect, fp32=False, why="the budget holds with it in int8"))
        else:
            why = f"in int8 it would raise the CER by {100 * effect.cer_change:.3f} points, {settings.budget:g} allowed"
            steps.append(_step(group, effect, fp32=True, why=why))
    if held is None:
        raise _impossible(settings, effect)
    return kept, steps, held


def _group(row: Row) -> Group:
    return Group(name=row.name, operators=row.operators, nodes=row.nodes, weights=row.weights, macs=row.macs)


def _step(group: Group, effect: Effect, *, fp32: bool, why: str) -> Step:
    return Step(
        name=group.name, nodes=group.nodes, fp32=fp32, cer_change=effect.cer_change, flips=effect.flips, why=why
    )


def _impossible(settings: SearchOptions, effect: Effect | None) -> ExportError:
    rise = "" if effect is None else f", the last try rose by {100 * effect.cer_change:.3f}"
    return ExportError(
        f"no operator in int8 keeps the CER within {settings.budget:g} points of fp32{rise}",
        remedy="allow a larger budget, try another calibrator, or ship fp32",
    )
