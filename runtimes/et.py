"""ExecuTorch on the CPU: programs for the XNNPACK delegate."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import line_axis
from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError, UnsupportedFormatError
from inkport.core.runtime import Availability, SessionOptions
from inkport.core.target import Precision
from inkport.runtimes.sdk import native_output


class ExecuTorchRuntime:
    """Opens ExecuTorch artifacts."""

    name = "executorch"
    formats = ("executorch",)

    def probe(self) -> Availability:
        """Say whether executorch and torch are installed, without importing torch (that takes seconds)."""
        try:
            version("torch")
            return Availability(ok=True, version=version("executorch"), devices=("cpu",))
        except PackageNotFoundError as error:
            return Availability(
                ok=False, reason=f"{error.name} is not installed", remedy="pip install 'inkport[executorch]'"
            )

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> ExecuTorchSession:
        """Load the artifact's program.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``, or a session with another number of threads is open.
            UnsupportedFormatError: If the precision is not fp32.
            ArtifactCorruptError: If ExecuTorch refuses the file.
            UsageError: If an extra option is given; this adapter knows none.
        """
        options.check_extra()
        if device != "cpu":
            raise RuntimeUnavailableError(
                f"executorch here runs on cpu, not on {device!r}", remedy='set device = "cpu"'
            )
        if artifact.precision is not Precision.FP32:
            raise UnsupportedFormatError(
                f"{artifact.path}: executorch runs fp32, this artifact is {artifact.precision}"
            )
        axis = line_axis(artifact.spec)
        return ExecuTorchSession(artifact.file(".pte"), threads=options.threads, axis=axis)


class ExecuTorchSession:
    """Runs each line by itself: the program's batch is 1, its width varies.

    Args:
        file: The ``.pte`` file.
        threads: Threads for the computation.
        axis: Axis of the lines in the result.

    Raises:
        RuntimeUnavailableError: If a session with another number of threads is open.
        ArtifactCorruptError: If ExecuTorch refuses the file.
    """

    _open: ClassVar[WeakSet[ExecuTorchSession]] = WeakSet()

    def __init__(self, file: Path, *, threads: int, axis: int = 0) -> None:
        # Not executorch.runtime: that imports the whole exporter, which takes seconds and sets environment variables.
        # Torch first, because the bindings link to its libraries (executorch/extension/pybindings/portable_lib.py).
        import torch  # noqa: F401
        from executorch.extension.pybindings import _C as bindings  # noqa: N811 - a module

        with native_output() as printed:
            self._size_pool(bindings, threads)
            try:
                self._program = bindings._load_program(str(file))  # noqa: SLF001 - the bindings' only names
                self._method: Any = self._program.load_method("forward")
            except Exception as error:
                raise ArtifactCorruptError(
                    f"{file}: executorch cannot load it ({error}; {printed()})",
                    remedy="export it again, or run it with the version of executorch that its sidecar names",
                ) from error
        self._axis = axis
        self._open.add(self)

    @classmethod
    def _size_pool(cls, bindings: Any, threads: int) -> None:
        """Give the process's thread pool the wanted size.

        A new size is a new pool, and a loaded program keeps a pointer to the old one: running it again kills the
        process (seen with 1.5.1). So the size changes only while nothing is loaded.
        """
        size = bindings._threadpool_get_thread_count()  # noqa: SLF001
        if size == threads:
            return
        if cls._open:
            raise RuntimeUnavailableError(
                f"executorch has one thread pool per process, now of size {size} and in use; {threads} were asked for",
                remedy="give all executorch targets of one run the same number of threads, or close the other session",
            )
        bindings._unsafe_reset_threadpool(threads)  # noqa: SLF001

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the logits float32 (n, t, k) of images float32 (n, 1, h, w)."""
        import torch

        logits = []
        for image in images:
            tensor = torch.from_numpy(image[None].copy())
            # Copied by numpy, because torch would start threads of its own to copy.
            logits.append(self._method.call([tensor], clone_outputs=False)[0].numpy().copy())
        return np.concatenate(logits, axis=self._axis)

    def close(self) -> None:
        """Free the program."""
        self._method = self._program = None
        self._open.discard(self)
