"""The reference: torch in float32 on the CPU (or, by option, CUDA), reading safetensors artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact
from inkport.core.errors import RuntimeUnavailableError
from inkport.core.runtime import Availability, Intermediate, SessionOptions


if TYPE_CHECKING:
    from torch import nn

    from inkport.model.trace import TorchTracer


class TorchRuntime:
    """Opens weights as trained; every other runtime is compared with this one."""

    name = "torch"
    formats = ("safetensors",)

    def probe(self) -> Availability:
        """Say whether torch and safetensors are installed, without importing torch (that takes seconds)."""
        try:
            version("safetensors")
            return Availability(ok=True, version=version("torch"), devices=("cpu",))
        except PackageNotFoundError as error:
            return Availability(
                ok=False, reason=f"{error.name} is not installed", remedy="pip install 'inkport[torch]'"
            )

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> _TorchSession:
        """Build the network and load its weights.

        The number of threads is a setting of the whole process in torch; it is set before each run.

        Raises:
            RuntimeUnavailableError: If the device is not there.
            ArtifactCorruptError: If the weights do not load.
            UsageError: If an extra option is given; this adapter knows none.
        """
        import torch

        from inkport.model.weights import load_weights

        options.check_extra()
        gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        devices = ["cpu", *(["cuda", *gpus] if gpus else [])]
        if device not in devices:
            raise RuntimeUnavailableError(
                f"torch has no device {device!r} here", remedy=f"devices here: {', '.join(devices)}"
            )
        network = load_weights(artifact.file(".safetensors")).network().to(device)
        return _TorchSession(network, device, options.threads)


class _TorchSession:
    _tracer: TorchTracer

    def __init__(self, network: nn.Module, device: str, threads: int) -> None:
        self._network, self._device, self._threads = network, device, threads

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        import torch

        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        # A copy, because torch takes neither read-only arrays nor negative strides.
        tensor = torch.from_numpy(images.copy()).to(self._device)
        # fp32 means fp32: on CUDA, convolutions round to TF32 unless told not to (torch, notes on CUDA semantics).
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            logits: npt.NDArray[np.float32] = self._network(tensor).cpu().numpy()
        return logits

    def intermediates(self, images: npt.NDArray[np.float32]) -> Sequence[Intermediate]:
        """Return the result of every operator of torch."""
        from inkport.model.trace import TorchTracer

        self._tracer = TorchTracer(self._network, self._device)
        return self._tracer.intermediates(images)

    def isolate(self, output: str, inputs: Sequence[str], folder: Path) -> str:
        """Write the weights that lead from ``inputs`` to ``output``; return the operators as Python source."""
        return self._tracer.isolate(output, inputs, folder)

    def close(self) -> None:
        self._network = None  # type: ignore[assignment]
