"""The MIL reference evaluator as a runtime, and the values inside a program."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import plain_name
from inkport.core.artifact import Artifact
from inkport.core.errors import RuntimeUnavailableError, UsageError
from inkport.core.runtime import Availability, Evidence, Intermediate, SessionOptions
from inkport.core.spec import RecogniserSpec
from inkport.runtimes.mil.program import Argument, Evaluator, Reference, Step
from inkport.runtimes.mlpackage import DISTRIBUTION, package_path, run_by_line


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


class MilReference:
    """Evaluates Core ML packages in numpy, on any machine; what that proves is described in docs/runtimes/coreml.md."""

    name = "coreml-mil"
    formats = ("coreml",)

    def probe(self) -> Availability:
        """Say whether coremltools, which reads the packages, is installed; importing it takes seconds."""
        try:
            found = version(DISTRIBUTION)
        except PackageNotFoundError:
            return Availability(
                ok=False, reason=f"{DISTRIBUTION} is not installed", remedy="pip install 'inkport[coreml]'"
            )
        return Availability(ok=True, version=found, devices=("cpu",), evidence=Evidence.REFERENCE)

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> MilSession:
        """Read the artifact's package and expand its weights.

        numpy decides about threads for the whole process; nothing of this runtime is timed.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``, or coremltools is not installed.
            ArtifactCorruptError: If the package cannot be read.
            UnsupportedFormatError: If it has an operator that the evaluator does not know.
            UsageError: If an extra option is given; this runtime knows none.
        """
        options.check_extra()
        if device != "cpu":
            raise RuntimeUnavailableError(
                f"the evaluator runs on cpu, not on {device!r}", remedy='set device = "cpu"; runtime "coreml" has more'
            )
        image = plain_name(artifact.spec.input.name)
        return MilSession(Evaluator(package_path(artifact), image), artifact.spec)


class MilSession:
    """Reads line by line; ``evaluator`` has the values in between.

    Args:
        evaluator: The package's evaluator.
        spec: The recogniser.
    """

    def __init__(self, evaluator: Evaluator, spec: RecogniserSpec) -> None:
        self.evaluator, self._spec = evaluator, spec

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map images float32 (n, 1, h, w) to logits float32 (n, w / stride, classes).

        Raises:
            SpecMismatchError: If the package does not take lines of this width.
            RuntimeExecutionError: If an operator fails.
        """
        name, evaluator = plain_name(self._spec.output.name), self.evaluator
        return run_by_line(images, self._spec, evaluator.widths, lambda line: evaluator.run(line, [name])[name])

    def intermediates(self, images: npt.NDArray[np.float32]) -> tuple[Intermediate, ...]:
        """Return the values of the program on one line (``inkport.core.runtime.Traced``).

        Raises:
            UsageError: If there is more than one line, or the package takes none of this width.
        """
        width = images.shape[3]
        if (taken := self.evaluator.widths.fit(width, self._spec.preprocess)) != width:
            raise UsageError(f"the package would pad a line of {width} pixels to {taken}", remedy="choose another line")
        return trace_mil(self.evaluator, plain_name(self._spec.input.name), images)

    def isolate(self, output: str, inputs: Sequence[str], folder: Path) -> str:
        """Write the constants that lead from ``inputs`` to ``output``; return the operators as Python source."""
        return isolate_mil(self.evaluator, output, inputs, folder)

    def close(self) -> None:
        """Nothing to free that garbage collection does not."""
