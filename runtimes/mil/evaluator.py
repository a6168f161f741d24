"""Runs a program step by step, rounding to fp16 where the program says fp16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import RuntimeExecutionError, UsageError
from inkport.runtimes.mil.operators import OPERATORS
from inkport.runtimes.mil.program import Argument, Declared, Reference, Step, load_program, widened


Array = npt.NDArray[Any]


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
