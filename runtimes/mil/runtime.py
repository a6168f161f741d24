"""The MIL reference evaluator as a runtime."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.errors import RuntimeUnavailableError, UsageError
from inkport.core.runtime import Availability, Evidence, Intermediate, SessionOptions
from inkport.core.spec import RecogniserSpec
from inkport.runtimes.mil.evaluator import Evaluator
from inkport.runtimes.mil.trace import isolate_mil, trace_mil
from inkport.runtimes.mlpackage import DISTRIBUTION, package_path, run_by_line


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
        return MilSession(Evaluator(package_path(artifact), artifact.spec.input.name), artifact.spec)


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
        name, evaluator = self._spec.output.name, self.evaluator
        return run_by_line(images, self._spec, evaluator.widths, lambda line: evaluator.run(line, [name])[name])

    def intermediates(self, images: npt.NDArray[np.float32]) -> tuple[Intermediate, ...]:
        """Return the values of the program on one line (``inkport.core.runtime.Traced``).

        Raises:
            UsageError: If there is more than one line, or the package takes none of this width.
        """
        width = images.shape[3]
        if (taken := self.evaluator.widths.fit(width, self._spec.preprocess)) != width:
            raise UsageError(f"the package would pad a line of {width} pixels to {taken}", remedy="choose another line")
        return trace_mil(self.evaluator, self._spec.input.name, images)

    def isolate(self, output: str, inputs: Sequence[str], folder: Path) -> str:
        """Write the constants that lead from ``inputs`` to ``output``; return the operators as Python source."""
        return isolate_mil(self.evaluator, output, inputs, folder)

    def close(self) -> None:
        """Nothing to free that garbage collection does not."""
