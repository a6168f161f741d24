"""PP-OCRv6_rec_small through RapidOCR, in ONNX Runtime on one thread."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from inkport.benchmarks.checks.peers.onnx_size import count_macs, count_parameters
from inkport.benchmarks.checks.peers.peer import Answer, Gray, timed
from inkport.core.files import sha256_file


MODEL = "PP-OCRv6_rec_small"
"""The recogniser that RapidOCR 3.10 brings along."""
SETTINGS = {
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Global.log_level": "critical",
    # Else a line that it is not sure of counts as not read at all.
    "Global.text_score": 0.0,
}
"""How it runs: alone, on one thread, and every reading counts."""


class PpOcr:
    """The recogniser as RapidOCR's users call it, without detection and classification."""

    name = MODEL

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        file = Path(str(files("rapidocr"))) / "models" / f"{MODEL}.onnx"
        self.version = f"rapidocr {version('rapidocr')}"
        self.parameters: int | None = count_parameters(file)
        self.bytes, self.sha256 = file.stat().st_size, sha256_file(file)
        self.lm_sha256: str | None = None
        self._file = file
        self._engine: Any = RapidOCR(params=SETTINGS)
        self._network = _Timed(self._engine._load_rec_model())  # noqa: SLF001 - nothing public gives the network's time

    def macs(self, gray: Gray) -> int | None:
        """Return the multiply-accumulates of its network on a line."""
        self.read(gray)
        return count_macs(self._file, self._network.batch)

    def read(self, gray: Gray) -> Answer:
        """Read one line; RapidOCR wants three channels, which are made before the time starts."""
        image = np.repeat(gray[..., None], 3, axis=2)
        self._network.ns = 0
        output, total_ns = timed(lambda: self._engine(image, use_det=False, use_cls=False, use_rec=True))
        return Answer(text=" ".join(output.txts or ()), total_ns=total_ns, network_ns=self._network.ns)

    def close(self) -> None:
        """Forget the engine."""
        self._engine = None


class _Timed:
    """Stands in for a recogniser's session: adds up the time of its calls and keeps what it was last called with."""

    def __init__(self, recogniser: Any) -> None:
        self._session, self.ns = recogniser.session, 0
        self.batch: Any = None
        recogniser.session = self

    def __call__(self, batch: Any) -> Any:
        result, ns = timed(lambda: self._session(batch))
        self.ns += ns
        self.batch = batch
        return result
