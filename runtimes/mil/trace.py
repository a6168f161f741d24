"""The values of a Core ML program, and parts of it as calls of the reference evaluator's operators."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import UsageError
from inkport.core.runtime import Intermediate
from inkport.runtimes.mil.evaluator import Evaluator
from inkport.runtimes.mil.program import Argument, Reference, Step


Array = npt.NDArray[Any]

KINDS = {
    "conv": "Conv",
    "linear": "Gemm",
    "layer_norm": "LayerNormalization",
    "batch_norm": "BatchNormalization",
    "matmul": "MatMul",
    "real_div": "Div",
    "expand_dims": "Unsqueeze",
    "max_pool": "MaxPool",
    "lstm": "LSTM",
}
"""ONNX's words for MIL's operators, where they differ by more than a capital."""


def trace_mil(evaluator: Evaluator, image: str, images: npt.NDArray[np.float32]) -> tuple[Intermediate, ...]:
    """Return the image, the expanded weights and every value of the program, in the order of its steps.

    Raises:
        UsageError: If there is more than one line: packages take one.
        RuntimeExecutionError: If an operator fails.
    """
    if len(images) != 1:
        raise UsageError(f"a Core ML package is traced on one line, found {len(images)}")
    values = evaluator.run(images, evaluator.names)
    found = [Intermediate(name=image, operator=image, kind="Input", inputs=(), value=images)]
    found += [
        Intermediate(name=name, operator=name, kind="Constant", inputs=(), value=value)
        for name, value in evaluator.expanded.items()
    ]
    for step in evaluator.steps:
        constants = {f"{step.outputs[0].name}.{name}": value for name, value in _weights(step).items()}
        found += [
            Intermediate(name=name, operator=name, kind="Constant", inputs=(), value=value)
            for name, value in constants.items()
        ]
        kind = KINDS.get(step.kind, step.kind.capitalize())
        inputs = (*_references(step), *constants)
        found += [
            Intermediate(name=out.name, operator=out.name, kind=kind, inputs=inputs, value=values[out.name])
            for out in step.outputs
        ]
    return tuple(found)


def isolate_mil(evaluator: Evaluator, output: str, inputs: Sequence[str], folder: Path) -> str:
    """Write the constants of the steps that lead from ``inputs`` to ``output``; return the calls as Python source."""
    wanted = {output}
    steps: list[Step] = []
    for step in reversed(evaluator.steps):
        if wanted & {out.name for out in step.outputs} - set(inputs):
            steps.insert(0, step)
            wanted |= set(_references(step))
    weights = {f"{s.outputs[0].name}.{name}": value for s in evaluator.steps for name, value in _weights(s).items()}
    weights |= evaluator.expanded
    constants = {name: weights[name] for name in sorted(wanted & set(weights))}
    lines = [f"    values[{name!r}] = constants[{name!r}]" for name in constants]
    for step in steps:
        arguments = ", ".join(
            f"{name}={_source(step, name, value, constants)}" for name, value in step.arguments.items()
        )
        lines.append(f"    results = OPERATORS[{step.kind!r}]({arguments})")
        lines.append("    results = results if isinstance(results, tuple) else (results,)")
        lines += [
            f"    values[{out.name!r}] = results[{index}].astype({out.dtype.name!r})"
            for index, out in enumerate(step.outputs)
        ]
    np.savez(folder / "constants.npz", **constants)  # type: ignore[arg-type]
    return "\n".join(
        [
            "def run(folder, inputs):",
            "    import numpy as np",
            "    from inkport.runtimes.mil.operators import OPERATORS",
            "    from inkport.runtimes.mil.program import widened",
            "",
            '    constants = np.load(folder / "constants.npz")',
            "    values = dict(inputs)",
            *lines,
            f"    return values[{output!r}]",
            "",
        ]
    )


def _references(step: Step) -> list[str]:
    parts = [part for value in step.arguments.values() for part in (value if isinstance(value, tuple) else (value,))]
    return [part.name for part in parts if isinstance(part, Reference)]


def _weights(step: Step) -> dict[str, Array]:
    """Return the constants of a step that are weights rather than settings."""
    found = {name: value for name, value in step.arguments.items() if isinstance(value, np.ndarray)}
    return {name: value for name, value in found.items() if value.dtype.kind == "f" and value.ndim}


def _source(step: Step, name: str, value: Argument, constants: dict[str, Array]) -> str:
    """Return an argument as Python source; arrays are put among ``constants``."""
    if isinstance(value, tuple):
        return (
            f"({''.join(_source(step, f'{name}.{index}', part, constants) + ', ' for index, part in enumerate(value))})"
        )
    if isinstance(value, Reference):
        return f"widened(values[{value.name!r}])"
    if isinstance(value, str):
        return repr(value)
    key = f"{step.outputs[0].name}.{name}"
    constants[key] = value
    return f"constants[{key!r}]"
