"""A package's program as plain steps: constants as arrays, everything else by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ArtifactCorruptError, UnsupportedFormatError
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
