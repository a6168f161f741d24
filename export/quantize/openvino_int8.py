"""OpenVINO IR in int8 from ONNX in fp32, by NNCF's post-training quantization, on request with control of the CER."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import feed, logits_of
from inkport.core.artifact import Artifact, Calibration, load_artifact
from inkport.core.config import to_plain
from inkport.core.ctc import greedy
from inkport.core.errors import ExportError, ExportRequestError
from inkport.core.metrics import cer
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.graph import bare_onnx, compile_fp32, name_operations, openvino_forward
from inkport.export.quantize.calibration import CalibrationSet
from inkport.export.quantize.onnx_int8 import Int8Options, Part, nodes_of
from inkport.export.quiet_converter import failing, quiet_logger
from inkport.export.record import derived_artifact
from inkport.lines.audit import Audit
from inkport.lines.roles import Role, describe_lines, refuse_test_lines
from inkport.runtimes.onnx_graph import load_onnx


STAGE = "int8_openvino_from_onnx"
DEPTHWISE = "GroupConvolution"
"""Never quantized: OpenVINO 2026.4 compiles it in int8, then fails or returns wrong logits where widths vary."""


@dataclass(frozen=True, kw_only=True)
class OpenVinoInt8Options:
    """What is quantized, and how far the CER may rise."""

    keep_fp32: tuple[Part, ...] = Int8Options.keep_fp32
    """Parts that are not quantized; depthwise convolutions never are."""
    products_only: bool | None = None
    """Whether to quantize convolutions and matrix products alone, as ONNX in int8 does, and not, as NNCF does, also
    additions, means and gates between them; what the calibration lines speak for (``Quantizer.best``) if None."""
    accuracy: AccuracyControl | None = None
    """If given, operators go back to fp32 until the CER on validation lines holds; needs those lines."""


def int8_openvino_from_onnx(
    source: Artifact,
    out: Path,
    *,
    calibration: CalibrationSet,
    options: OpenVinoInt8Options | None = None,
    validation: ValidationSet | None = None,
) -> Artifact:
    """Quantize convolutions and matrix products; equal input and calibration lines give equal bytes.

    The parts that stay in fp32 are those of ONNX in int8 (``Int8Options.keep_fp32``) unless told otherwise, and
    depthwise convolutions always. If the texts of the calibration lines then part too far from those of fp32, all but
    convolutions and matrix products stay in fp32, too. NNCF sees the calibration lines one at a time, at their own
    widths.

    Args:
        source: An ONNX artifact in fp32.
        out: The artifact's directory; replaced if it is there.
        calibration: Lines that the ranges are taken from.
        options: What is quantized; ``OpenVinoInt8Options()`` if None.
        validation: Lines that ``options.accuracy`` measures the CER on; never calibration or test lines.

    Raises:
        ExportError: If the quantizer fails, OpenVINO cannot run what it made on lines of several widths, there is
            accuracy control and no validation lines, or the CER cannot be held.
    """
    import openvino as ov

    options = options or OpenVinoInt8Options()
    if options.accuracy and validation is None:
        raise ExportRequestError(f"{STAGE}: accuracy control measures the CER, and there are no validation lines")
    path = source.file(".onnx")
    drop: Drop | None = None
    with failing(STAGE, path):
        model = ov.Core().read_model(bare_onnx(path))
        # Before too: NNCF keeps the names that it finds, and those are not the same twice.
        name_operations(model)
        names = _operations(model, nodes_of(load_onnx(path), options.keep_fp32))
        inputs = [part for image in calibration.inputs for part in feed(image, source.spec)]
        quantizer = Quantizer(model, source.spec, names, inputs)
        # Progress bars and notes of NNCF's.
        with quiet_logger("nncf"), redirect_stdout(io.StringIO()):
            quantized, recipe = quantizer.best(options.products_only)
            if options.accuracy and validation:
                measure = validation_function(source.spec, validation)
                everything = _unquantized(quantized)
                quantized = quantizer.controlled(
                    recipe.products_only, measure, len(validation.inputs), options.accuracy
                )
                returned = sorted(_unquantized(quantized) - everything)
                drop = Drop.measure(measure, model, quantized, returned, len(validation.inputs))
        name_operations(quantized)
        _try_widths(quantized, inputs)
    settings: dict[str, Any] = {"keep_fp32": [str(part) for part in options.keep_fp32], "ignored_types": [DEPTHWISE]}
    if options.products_only is not None:
        settings["products_only"] = options.products_only
    settings["recipe"] = to_plain(recipe)
    if options.accuracy and validation and drop:
        options.accuracy.check(drop)
        settings["accuracy"] = {
            **to_plain(options.accuracy),
            **to_plain(drop),
            "validation": to_plain(validation.record),
        }
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="openvino",
        precision=Precision.INT8,
        tools=("openvino", "nncf"),
        options=settings,
        calibration=calibration.record,
    ) as folder:
        ov.save_model(quantized, folder / "model.xml", compress_to_fp16=False)
    return load_artifact(out)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network was quantized, and why."""

    products_only: bool
    """Whether convolutions and matrix products alone were."""
    edits: Mapping[str, float]
    """Edits that lead from the texts of fp32 to those of each recipe that was tried, percent of the symbols."""


@dataclass(frozen=True)
class Quantizer:
    """Quantizes one model by one recipe or another."""

    model: Any
    """The ``openvino.Model`` in fp32, its operations named."""
    spec: RecogniserSpec
    """The recogniser."""
    names: Sequence[str]
    """Operations that stay in fp32."""
    inputs: Sequence[npt.NDArray[Any]]
    """What the ranges are taken from, as the network takes it."""

    def best(self, products_only: bool | None) -> tuple[Any, Recipe]:
        """Return the quantized model, and how it was made.

        Args:
            products_only: The recipe; if None, NNCF's own, unless its texts of the calibration lines are more than
                ``MOST_EDITS`` away from those of fp32, and the other recipe's are nearer.
        """
        edits: dict[str, float] = {}
        if products_only is not None:
            return self.quantized(products_only), Recipe(products_only=products_only, edits=edits)
        found = self.quantized(False)
        _try_widths(found, self.inputs)
        exact = self._read(self.model)
        edits[EVERYTHING] = _edits(exact, self._read(found))
        if edits[EVERYTHING] <= MOST_EDITS:
            return found, Recipe(products_only=False, edits=edits)
        fewer = self.quantized(True)
        edits[PRODUCTS] = _edits(exact, self._read(fewer))
        better = edits[PRODUCTS] < edits[EVERYTHING]
        return (fewer if better else found), Recipe(products_only=better, edits=edits)

    def quantized(self, products_only: bool) -> Any:
        """Return the model, quantized by NNCF."""
        import nncf

        data = nncf.Dataset(list(self.inputs))
        scope = self._scope(products_only)
        return nncf.quantize(self.model, data, subset_size=len(self.inputs), ignored_scope=scope)

    def controlled(self, products_only: bool, measure: Measure, lines: int, accuracy: AccuracyControl) -> Any:
        """Return the model, quantized as far as the CER on so many validation lines allows."""
        import nncf

        return nncf.quantize_with_accuracy_control(
            self.model,
            nncf.Dataset(list(self.inputs)),
            nncf.Dataset(list(range(lines))),
            measure,
            max_drop=accuracy.max_drop / 100,
            subset_size=len(self.inputs),
            ignored_scope=self._scope(products_only),
            advanced_accuracy_restorer_parameters=accuracy.restorer(),
        )

    def _scope(self, products_only: bool) -> Any:
        import nncf

        there = {operation.get_type_name() for operation in self.model.get_ordered_ops()}
        # NNCF refuses to ignore what is not there.
        ignored = (there - NOT_OPERATORS - {"Convolution", "MatMul"} if products_only else set()) | (
            there & {DEPTHWISE}
        )
        return nncf.IgnoredScope(types=sorted(ignored), names=list(self.names))

    def _read(self, model: Any) -> list[str]:
        forward = openvino_forward(model)
        found = [logits_of([forward(part)], self.spec, 1)[0] for part in self.inputs]
        return [greedy(logits, self.spec.charset).text for logits in found]


EVERYTHING, PRODUCTS = "everything", "products only"
"""The recipes in the record."""
NOT_OPERATORS = frozenset({"Constant", "Parameter", "Result"})
"""Operations that NNCF has no name for."""
MOST_EDITS = 10.0
"""Edits between the texts of fp32 and of int8, percent of the symbols, that are nothing unusual (docs/export.md)."""


def _edits(exact: Sequence[str], found: Sequence[str]) -> float:
    rate = cer(list(exact), list(found))
    return round(100 * rate.edits / max(1, rate.length), 2)


def _unquantized(model: Any) -> set[str]:
    """Return the names of the convolutions and matrix products that have no quantized value as a direct operand.

    Some that are quantized are among them, since the quantizer may lie before a reshape; what one model has and
    another lacks is what tells.
    """
    return {
        operation.get_friendly_name().removesuffix("/WithoutBiases")
        for operation in model.get_ordered_ops()
        if operation.get_type_name() in {"Convolution", "MatMul"}
        and not any(_is_quantized(operation.input_value(port).get_node()) for port in (0, 1))
    }


def _is_quantized(operand: Any) -> bool:
    # Stored weights of 8 bits are converted and multiplied by their step.
    kinds = ("Multiply", "Convert")
    return operand.get_type_name() == "FakeQuantize" or (
        operand.get_type_name() in kinds
        and operand.input_value(0).get_node().get_type_name() in {"Convert", "Subtract"}
    )


def _operations(model: Any, nodes: Sequence[str]) -> list[str]:
    """Return the names of the OpenVINO operations that compute these ONNX nodes.

    A convolution with a bias becomes an addition that has the node's name, after the convolution itself.
    """
    weighted = {f"{node}{suffix}" for node in nodes for suffix in ("", "/WithoutBiases")}
    return [
        operation.get_friendly_name()
        for operation in model.get_ordered_ops()
        if operation.get_friendly_name() in weighted and operation.get_type_name() not in {"Add", DEPTHWISE}
    ]


def _try_widths(model: Any, inputs: Sequence[npt.NDArray[np.float32]]) -> None:
    """Run lines of several widths: some faults of int8 kernels show only when the width changes.

    Raises:
        ExportError: If a run fails, or logits are not finite or of no frames.
    """
    forward = openvino_forward(model)
    by_width = {image.shape[3]: image for image in inputs}
    for image in by_width.values():
        logits = forward(image)
        if not logits.size or not np.isfinite(logits).all():
            raise ExportError(f"{STAGE}: logits of images {image.shape} have shape {logits.shape} or are not finite")


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
    def measure(cls, measure: Measure, exact: Any, quantized: Any, returned: Iterable[str], lines: int) -> Drop:
        """Read all validation lines with both ``openvino.Model``s."""
        # In fp32 like NNCF's own measurements.
        rates = [1 - measure(compile_fp32(model), range(lines))[0] for model in (exact, quantized)]
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
        outputs = [np.asarray(run(feed(validation.inputs[i], spec))[0]) for i in places]
        readings = [greedy(logits_of([output], spec, 1)[0], spec.charset).text for output in outputs]
        rates = [cer([validation.texts[i]], [text]) for i, text in zip(places, readings, strict=True)]
        length = sum(rate.length for rate in rates)
        return 1 - sum(rate.edits for rate in rates) / max(1, length), [-float(rate.edits) for rate in rates]

    return measure
