"""A package's program as plain steps, run one by one, rounding to fp16 where the program says fp16."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ArtifactCorruptError, RuntimeExecutionError, UnsupportedFormatError, UsageError
from inkport.runtimes.mil.operators import OPERATORS
from inkport.runtimes.mlpackage import Widths, import_coremltools, quiet


Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Reference:
    """A value that an earlier step computes, or an input."""

    name: str


Argument = Array | str | Reference | tuple[Array | Reference, ...]
"""A constant, a value by its name, or several of them."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A value as the program declares it."""

    name: str
    """Its name."""
    dtype: np.dtype[Any]
    """Its type; results are rounded to it."""
    shape: tuple[int | None, ...]
    """Its shape; None for sizes that vary."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operator of the program."""

    kind: str
    """MIL's name of the operator."""
    arguments: Mapping[str, Argument]
    """Its arguments by MIL's names."""
    outputs: tuple[Declared, ...]
    """What it computes."""


@dataclass(frozen=True, kw_only=True)
class MilProgram:
    """The ``main`` function of a package."""

    steps: tuple[Step, ...]
    """Its operators in order, without constants."""
    outputs: tuple[str, ...]
    """Names of the values that it returns."""
    widths: Widths
    """Widths of images that it takes."""


def load_program(package: Path, image: str) -> MilProgram:
    """Read a package with coremltools' own reader.

    Args:
        package: The ``.mlpackage``.
        image: Name of the input that takes the image.

    Raises:
        ArtifactCorruptError: If it cannot be read, or is not an mlprogram with that input.
        UnsupportedFormatError: If it has an operator that the evaluator does not know.
    """
    import_coremltools()
    from coremltools.converters.mil.frontend.milproto.load import load
    from coremltools.models.utils import load_spec

    weights = package / "Data" / "com.apple.CoreML" / "weights"
    try:
        with quiet():
            model = load_spec(str(package))
            function = load(model, model.specificationVersion, file_weights_dir=str(weights)).functions["main"]
    except Exception as error:
        raise ArtifactCorruptError(f"{package}: coremltools cannot read it ({error!r})") from error
    return MilProgram(
        steps=tuple(_step(operation) for operation in function.operations if operation.op_type != "const"),
        outputs=tuple(value.name for value in function.outputs),
        widths=Widths.of(model, image),
    )


def _step(operation: Any) -> Step:
    kind = operation.op_type
    outputs = tuple(_declared(value) for value in operation.outputs)
    known = OPERATORS.get(kind)
    if known is None:
        raise UnsupportedFormatError(
            f"operator {kind} (of value {outputs[0].name}) is not one that the MIL reference evaluator knows",
            remedy=f"it knows {', '.join(sorted(OPERATORS))}; add a function to inkport.runtimes.mil.operators",
        )
    arguments = {name: _argument(value) for name, value in operation.inputs.items() if value is not None}
    try:
        inspect.signature(known).bind(**arguments)
    except TypeError as error:
        raise UnsupportedFormatError(f"operator {kind} (of value {outputs[0].name}): {error}") from error
    return Step(kind=kind, arguments=arguments, outputs=outputs)


def _argument(value: Any) -> Argument:
    if isinstance(value, list | tuple):
        return tuple(_single(part) for part in value)
    constant = _single(value)
    return str(constant) if isinstance(constant, np.ndarray) and constant.dtype.kind == "U" else constant


def _single(value: Any) -> Array | Reference:
    if value.op is None or value.op.op_type != "const":
        return Reference(value.name)
    return widened(np.asarray(value.val))


def _declared(value: Any) -> Declared:
    from coremltools.converters.mil.mil.types import nptype_from_builtin

    shape = tuple(int(size) if isinstance(size, int | np.integer) else None for size in value.shape or ())
    return Declared(name=value.name, dtype=np.dtype(nptype_from_builtin(value.dtype)), shape=shape)


def widened(value: Array) -> Array:
    """Return fp16 values as float32, which holds each of them exactly; other values as they are."""
    return value.astype(np.float32) if value.dtype == np.float16 else value


class Evaluator:
    """Computes any value of a package's program.

    An operator computes in float32 and its result is rounded to the type that the program declares for it. So
    sums inside one operator are float32 sums, also where the program says fp16: what an accelerator loses by
    summing in fp16 does not show.

    ``steps`` are the program's operators in order; ``expanded`` are its compressed weights, expanded, by name.

    Args:
        package: The ``.mlpackage``.
        image: Name of the input that takes the image.

    Raises:
        ArtifactCorruptError: If the package cannot be read.
        UnsupportedFormatError: If it has an operator that the evaluator does not know.
        RuntimeExecutionError: If its compressed weights cannot be expanded.
    """

    def __init__(self, package: Path, image: str) -> None:
        program = load_program(package, image)
        self.outputs, self.widths, self._image = program.outputs, program.widths, image
        self.expanded: dict[str, Array] = {}
        steps = []
        for step in program.steps:
            # Weights are expanded once; every run reads them.
            if step.kind.startswith("constexpr_"):
                expanded = _computed(step, self.expanded)
                self.expanded.update({name: widened(value) for name, value in expanded.items()})
            else:
                steps.append(step)
        self.steps = tuple(steps)
        self._last_use = {name: index for index, step in enumerate(steps) for name in _uses(step)}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all values that can be asked for, in the order in which they are computed."""
        return (self._image, *(output.name for step in self.steps for output in step.outputs))

    def run(self, image: Array, wanted: Sequence[str] | None = None) -> dict[str, Array]:
        """Compute the program's outputs, or the values named.

        Args:
            image: float32 (1, 1, h, w).
            wanted: Names of values, intermediate ones too; the outputs if left out.

        Returns:
            The values by name, in the types that the program declares.

        Raises:
            UsageError: If the program has no value of such a name.
            RuntimeExecutionError: If an operator fails, or its result is not what the program declares.
        """
        keep = tuple(self.outputs if wanted is None else wanted)
        if unknown := sorted(set(keep) - set(self.names)):
            raise UsageError(f"the program has no values {', '.join(unknown)}", remedy="choose from Evaluator.names")
        values: dict[str, Array] = {**self.expanded, self._image: image}
        # As in an engine, overflow is infinity; what that does to the logits is for the caller to judge.
        with np.errstate(all="ignore"):
            for index, step in enumerate(self.steps):
                values.update(_computed(step, values))
                for name in _uses(step):
                    if self._last_use[name] == index and name not in keep and name not in self.expanded:
                        values.pop(name, None)
        return {name: values[name] for name in keep}


def _uses(step: Step) -> list[str]:
    parts = [part for value in step.arguments.values() for part in (value if isinstance(value, tuple) else (value,))]
    return [part.name for part in parts if isinstance(part, Reference)]


def _computed(step: Step, values: Mapping[str, Array]) -> dict[str, Array]:
    arguments = {name: _resolved(value, values) for name, value in step.arguments.items()}
    try:
        results = OPERATORS[step.kind](**arguments)
        results = results if isinstance(results, tuple) else (results,)
        return {
            declared.name: _rounded(result, declared) for declared, result in zip(step.outputs, results, strict=True)
        }
    except Exception as error:
        raise RuntimeExecutionError(f"operator {step.kind} (of value {step.outputs[0].name}): {error}") from error


def _resolved(argument: Argument, values: Mapping[str, Array]) -> Any:
    if isinstance(argument, tuple):
        return tuple(_resolved(part, values) for part in argument)
    return widened(values[argument.name]) if isinstance(argument, Reference) else argument


def _rounded(result: Array, declared: Declared) -> Array:
    kind = np.dtype(declared.dtype).kind
    if result.dtype.kind != kind and not {result.dtype.kind, kind} <= set("iu"):
        raise ValueError(f"the result is {result.dtype}, the program declares {declared.dtype}")
    fits = len(result.shape) == len(declared.shape) and all(
        size is None or size == found for size, found in zip(declared.shape, result.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"the result has shape {result.shape}, the program declares {declared.shape}")
    return result.astype(declared.dtype, copy=False)
