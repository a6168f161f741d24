"""Each stage of a result against its golden values; a stage is judged by what it was itself given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from inkport.benchmarks.run.kit.faults import distance, name_gray_fault, name_tensor_fault, name_text_fault
from inkport.benchmarks.run.kit.manifest import KitLine
from inkport.benchmarks.run.kit.open import Kit
from inkport.benchmarks.run.kit.result import LineResult, Result
from inkport.benchmarks.run.kit.stages import ORDER, Stage, Values, as_gray, as_input, tensor_stage
from inkport.benchmarks.run.kit.tensors import Array
from inkport.core.errors import ImageError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.runtime import contract_fault
from inkport.core.target import Precision
from inkport.lines.line import Line
from inkport.runtimes.faults import name_fault


ROUNDED_INPUT = 0.05
"""Gray levels from which on a prepared image of triangle-v1 counts as rounded otherwise than the golden one.

Sums in another order differ by less than 0.001 levels, pixels rounded to 8 bits by 0.12 to 0.34.
"""
ROUNDED_AS = Precision.BF16
"""The tolerance of logits of such an input is at least this precision's.

Pixels rounded to 8 bits moved logits of convtext-tiny by up to 0.25 standard deviations.
"""


class State(StrEnum):
    """What is known about a stage."""

    GIVEN = "given"
    """The runner was given its golden values, or those of a later stage."""
    RIGHT = "right"
    """Its values are the golden ones, within the tolerance."""
    WRONG = "wrong"
    """They are not."""
    NOT_SHOWN = "not shown"
    """The runner does not show it."""
    NOT_JUDGED = "not judged"
    """It cannot be told whether it is right, because what went into it is wrong or not shown."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is known about one stage."""

    stage: Stage
    """The stage."""
    state: State
    """What is known about it."""
    lines: int = 0
    """Lines that were judged."""
    wrong_lines: int = 0
    """How many of them are wrong."""
    line: str = ""
    """Id of the first wrong line."""
    fault: str = ""
    """What is wrong with it."""


def judge_stages(kit: Kit, result: Result) -> tuple[Finding, ...]:
    """Judge every stage but the image, in order.

    Args:
        kit: The kit.
        result: A result of it, whose lines are the kit's.
    """
    document = result.document
    wrong: dict[Stage, list[tuple[str, str]]] = {stage: [] for stage in document.shown}
    judged = dict.fromkeys(document.shown, 0)
    lines = list(zip(kit.manifest.lines, kit.lines, document.lines, strict=True))
    # The golden lines first: where they show that the input is wrong, the logits of other lines are not to blame.
    for entry, line, found in sorted(lines, key=lambda item: item[0].golden is None):
        input_wrong = bool(wrong.get(Stage.GRAY) or wrong.get(Stage.TENSOR))
        for stage, fault in _faults(kit, result, entry, line, found):
            if stage is Stage.LOGITS and input_wrong and entry.golden is None:
                continue
            judged[stage] += 1
            if fault:
                wrong[stage].append((line.id, fault))
    return tuple(_finding(stage, result, judged.get(stage, 0), wrong.get(stage, [])) for stage in ORDER[1:])


def _finding(stage: Stage, result: Result, judged: int, wrong: Sequence[tuple[str, str]]) -> Finding:
    if ORDER.index(stage) <= ORDER.index(result.document.start):
        return Finding(stage=stage, state=State.GIVEN)
    if stage not in result.document.shown:
        return Finding(stage=stage, state=State.NOT_SHOWN)
    if not judged:
        return Finding(stage=stage, state=State.NOT_JUDGED)
    if not wrong:
        return Finding(stage=stage, state=State.RIGHT, lines=judged)
    line, fault = wrong[0]
    return Finding(stage=stage, state=State.WRONG, lines=judged, wrong_lines=len(wrong), line=line, fault=fault)


def _faults(
    kit: Kit, result: Result, entry: KitLine, line: Line, found: LineResult
) -> Iterator[tuple[Stage, str | None]]:
    """Yield each stage of one line that can be judged, and what is wrong with it."""
    spec, golden = kit.spec, kit.golden(entry)
    tensor, logits = result.tensor(found, Stage.TENSOR), result.tensor(found, Stage.LOGITS)
    input_wrong = False
    if golden:
        for stage, fault in _input_faults(kit, result, entry, found, golden):
            input_wrong = input_wrong or fault is not None
            yield stage, fault
    if logits is None:
        return
    shape = (1, spec.frames(spec.preprocess.padded_width(*line.gray().shape)), spec.charset.size)
    broken = contract_fault(logits, shape) if logits.ndim == len(shape) else f"returns {logits.ndim} axes, expected 3"
    if broken and not input_wrong:
        yield Stage.LOGITS, broken
    elif golden and not input_wrong:
        rounded = tensor is not None and _is_rounded(tensor, golden[Stage.TENSOR], spec.preprocess)
        yield Stage.LOGITS, name_fault(logits, golden[Stage.LOGITS], _tolerance(kit, result, rounded=rounded))
    if found.text is not None and is_decodable(logits, spec.charset.size):
        yield Stage.TEXT, name_text_fault(found.text, logits[0], spec.charset)


def _input_faults(
    kit: Kit, result: Result, entry: KitLine, found: LineResult, golden: Mapping[Stage, Values]
) -> Iterator[tuple[Stage, str | None]]:
    """Yield the stages before the network: the image against the golden one, the tensor against what it came from."""
    spec, allowed, image = kit.spec.preprocess, kit.manifest.tolerances, kit.members[entry.image]
    gray, tensor = result.tensor(found, Stage.GRAY), result.tensor(found, Stage.TENSOR)
    if gray is not None:
        yield (
            Stage.GRAY,
            _type_fault(gray, golden[Stage.GRAY])
            or name_gray_fault(as_gray(gray), as_gray(golden[Stage.GRAY]), allowed.gray_levels, image=image),
        )
    if tensor is not None:
        usable = gray is not None and not _type_fault(gray, golden[Stage.GRAY])
        given = gray if gray is not None and usable else golden[Stage.GRAY]
        hidden = gray is None and result.document.start is Stage.IMAGE
        levels = max(allowed.gray_levels, allowed.tensor_levels) if hidden else allowed.tensor_levels
        try:
            expected = tensor_stage(given, spec)
        except ImageError:
            given, expected = golden[Stage.GRAY], golden[Stage.TENSOR]
        yield (
            Stage.TENSOR,
            _type_fault(tensor, expected)
            or name_tensor_fault(
                as_input(tensor, spec), as_input(expected, spec), levels, gray=as_gray(given), spec=spec
            ),
        )


def _type_fault(found: Values, expected: Values) -> str | None:
    if found.dtype == expected.dtype:
        return None
    return f"holds {found.dtype} values, expected {expected.dtype}"


def is_decodable(logits: Array, classes: int) -> bool:
    """Return whether logits are those of one line, finite, with as many classes as the charset has."""
    return logits.ndim == 3 and len(logits) == 1 and logits.shape[2] == classes and bool(np.isfinite(logits).all())


def _is_rounded(tensor: Values, golden: Values, spec: PreprocessSpec) -> bool:
    if spec.in_bytes:
        return False
    return tensor.shape != golden.shape or distance(tensor, golden, scale=spec.std) > ROUNDED_INPUT


def _tolerance(kit: Kit, result: Result, *, rounded: bool) -> float:
    allowed = kit.manifest.tolerances.logits
    precision = kit.manifest.artifact_of(kit.target(result.document.target)).precision
    return max(allowed[precision], allowed[ROUNDED_AS] if rounded else 0.0)
