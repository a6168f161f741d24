"""Accuracy control for quantizers: the CER on validation lines, and how far it may rise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Calibration
from inkport.core.ctc import greedy
from inkport.core.errors import ExportError, ExportRequestError
from inkport.core.metrics import cer
from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import Audit
from inkport.lines.held_out import refuse_test_lines
from inkport.lines.roles import Role, describe_lines


@dataclass(frozen=True, kw_only=True)
class ValidationSet:
    """Prepared lines with their texts, and the record of which they are."""

    inputs: tuple[npt.NDArray[np.float32], ...]
    """Prepared images, each float32 (1, 1, h, w), widths as they come."""
    texts: tuple[str, ...]
    """Their transcriptions."""
    record: Calibration
    """Ids and digest, for the artifact's provenance."""

    @classmethod
    def of(cls, audit: Audit) -> ValidationSet:
        """Take the usable lines of an audit.

        Raises:
            ExportRequestError: If there is none.
            LineDataError: If one is a test line.
        """
        list(refuse_test_lines(audit.lines, purpose="accuracy control"))
        if not audit.lines:
            raise ExportRequestError("no line to validate on", remedy="pass validation lines with --lines")
        return cls(
            inputs=tuple(audit.inputs),
            texts=tuple(line.text for line in audit.lines),
            record=describe_lines(audit.lines, Role.TUNING),
        )


@dataclass(frozen=True, kw_only=True)
class AccuracyControl:
    """How far the CER may rise above that of fp32.

    Raises:
        ExportRequestError: If a number is out of range.
    """

    max_drop: float = 0.3
    """Most that the CER on the validation lines may rise, in points (percent of the symbols)."""
    ranking_lines: int = 100
    """Validation lines on which operators are ranked, those that quantizing changes most."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_drop <= 100 or self.ranking_lines < 1:
            raise ExportRequestError(
                f"max_drop must be 0 to 100 points and ranking_lines at least 1, found {self.max_drop} and "
                f"{self.ranking_lines}"
            )

    def restorer(self) -> Any:
        """Return NNCF's settings: one worker, so that the same operators go back in every run."""
        import nncf

        return nncf.AdvancedAccuracyRestorerParameters(ranking_subset_size=self.ranking_lines, num_ranking_workers=1)

    def check(self, drop: Drop) -> None:
        """Refuse a model whose CER rose further.

        Raises:
            ExportError: If it did.
        """
        rise = 100 * (drop.cer - drop.cer_fp32)
        if rise > self.max_drop + 1e-6:
            raise ExportError(
                f"the CER rose by {rise:.2f} points, {self.max_drop:.2f} are allowed, with "
                f"{len(drop.returned)} operators back in fp32",
                remedy="allow a larger drop, or keep more parts in fp32",
            )


class Measure(Protocol):
    """What NNCF asks for: a metric that is better when larger, and its values per line."""

    def __call__(self, model: Any, items: Iterable[int]) -> tuple[float, list[float]]:
        """Read the lines at these places with a compiled model."""
        ...


@dataclass(frozen=True, kw_only=True)
class Drop:
    """What accuracy control came to."""

    cer_fp32: float
    """CER of fp32 on the validation lines."""
    cer: float
    """CER of the quantized model on them."""
    returned: tuple[str, ...]
    """Operators that went back to fp32."""

    @classmethod
    def measure(cls, measure: Measure, exact: Any, quantised: Any, returned: Iterable[str], lines: int) -> Drop:
        """Read all validation lines with both ``openvino.Model``s."""
        import openvino as ov

        # In fp32 like NNCF's own measurements; processors with bf16 units would otherwise use them.
        compiled = [ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}) for model in (exact, quantised)]
        rates = [1 - measure(model, range(lines))[0] for model in compiled]
        return cls(cer_fp32=rates[0], cer=rates[1], returned=tuple(returned))


def validation_function(spec: RecogniserSpec, validation: ValidationSet) -> Measure:
    """Return a function that reads validation lines with a compiled OpenVINO model.

    Its metric is 1 minus the CER over these lines together, and per line the number of edits, negative. Both are
    better when larger.

    Args:
        spec: The recogniser.
        validation: The lines; the function is called with their places.
    """

    def measure(model: Any, items: Iterable[int]) -> tuple[float, list[float]]:
        run: Callable[[Any], Any] = model
        places = [int(item) for item in items]
        readings = [greedy(np.asarray(run([validation.inputs[i]])[0])[0], spec.charset).text for i in places]
        rates = [cer([validation.texts[i]], [text]) for i, text in zip(places, readings, strict=True)]
        length = sum(rate.length for rate in rates)
        return 1 - sum(rate.edits for rate in rates) / max(1, length), [-float(rate.edits) for rate in rates]

    return measure
