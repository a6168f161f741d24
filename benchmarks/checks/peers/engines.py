"""The recognisers that read the same lines: an artifact of inkport, PP-OCR and Tesseract, each by itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from inkport.benchmarks.checks.peers.onnx_size import count_macs, count_parameters
from inkport.core.adapted import adapted
from inkport.core.artifact import Artifact, find_lm
from inkport.core.beam import load_text_decoder
from inkport.core.errors import UsageError
from inkport.core.files import sha256_file
from inkport.core.preprocess import prepare
from inkport.core.registry import load_runtime, probe
from inkport.core.runtime import SessionOptions


Result = TypeVar("Result")
Gray = npt.NDArray[np.uint8]
"""A line image, uint8 (h, w), 0 black .. 255 white, as it was cropped."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a peer read, and how long it took."""

    text: str
    """The text of the line."""
    total_ns: int
    """From the gray image to the text, in nanoseconds."""
    network_ns: int | None
    """The network alone, in nanoseconds; None where the peer does not let it be told apart."""


class Peer(Protocol):
    """A recogniser with whatever preprocessing and decoding it has of its own, on one thread."""

    name: str
    """Name in the table."""
    version: str
    """Version of the package that runs it."""
    parameters: int | None
    """Values in its weights, where they can be counted."""
    bytes: int
    """Size of its files."""
    sha256: str
    """Digest of its recogniser: an artifact's, or that of the model's one file."""
    lm_sha256: str | None
    """Digest of the language model that it decodes with, if it does and lets it be told apart."""

    def macs(self, gray: Gray) -> int | None:
        """Return the multiply-accumulates of its network on a line, where they can be counted."""
        ...

    def read(self, gray: Gray) -> Answer:
        """Read one line."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


def timed(function: Callable[[], Result]) -> tuple[Result, int]:
    """Return a call's result and its time in nanoseconds."""
    start = time.perf_counter_ns()
    result = function()
    return result, time.perf_counter_ns() - start


RUNTIME = "onnxruntime"
"""All peers with a network run it in this runtime."""


class Ours:
    """An ONNX artifact: ``prepare``, the session, greedy decoding or a beam with a language model, for the text alone.

    Args:
        artifact: In ONNX.
        lm: Language model, with its weights beside it; greedy decoding without one.

    Raises:
        InkportError: If the artifact cannot be opened.
    """

    def __init__(self, artifact: Artifact, *, lm: Path | None = None) -> None:
        self.name = f"{artifact.spec.name} {artifact.spec.version} {artifact.precision}"
        self._decode = load_text_decoder(lm, artifact)
        self.version = probe(RUNTIME).version
        self.parameters: int | None = count_parameters(artifact.file(".onnx"))
        self.bytes, self.sha256 = artifact.bytes, artifact.digest
        self.lm_sha256: str | None = None
        if lm is not None:
            file = find_lm(lm)
            self.name += " + language model"
            self.bytes += file.stat().st_size
            self.lm_sha256 = sha256_file(file)
        self._spec, self._file = artifact.spec, artifact.file(".onnx")
        session = load_runtime(RUNTIME).open(artifact, device="cpu", options=SessionOptions(threads=1))
        self._session = adapted(session, artifact.spec)

    def macs(self, gray: Gray) -> int | None:
        """Return the multiply-accumulates of its network on a line."""
        return count_macs(self._file, prepare(gray, self._spec.preprocess))

    def read(self, gray: Gray) -> Answer:
        """Read one line."""

        def everything() -> tuple[str, int]:
            images = prepare(gray, self._spec.preprocess)
            logits, network_ns = timed(lambda: self._session.run(images))
            return self._decode(logits[0], self._spec.charset), network_ns

        (text, network_ns), total_ns = timed(everything)
        return Answer(text=text, total_ns=total_ns, network_ns=network_ns)

    def close(self) -> None:
        """Close the session."""
        self._session.close()


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


FOLDERS = ("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tessdata")
"""Where systems keep Tesseract's models, if TESSDATA_PREFIX does not say."""


class Tesseract:
    """Tesseract's LSTM engine in page segmentation mode 7 (one line).

    Args:
        language: Its model, such as ``fra``.

    Raises:
        UsageError: If the model is not there.
    """

    def __init__(self, language: str) -> None:
        # Without it, Tesseract takes every core that there is.
        os.environ["OMP_THREAD_LIMIT"] = "1"
        import tesserocr

        folders = [Path(folder) for folder in (os.environ.get("TESSDATA_PREFIX"), *FOLDERS) if folder]
        folder = next((folder for folder in folders if (folder / f"{language}.traineddata").is_file()), None)
        if folder is None:
            raise UsageError(
                f"Tesseract's model {language!r} is not here (looked in {', '.join(map(str, folders))})",
                remedy=f"apt install tesseract-ocr-{language}, or set TESSDATA_PREFIX",
            )
        self.name = f"Tesseract ({language})"
        self.version = tesserocr.tesseract_version().splitlines()[0]
        self.parameters: int | None = None
        file = folder / f"{language}.traineddata"
        self.bytes, self.sha256 = file.stat().st_size, sha256_file(file)
        self.lm_sha256: str | None = None
        self._api = tesserocr.PyTessBaseAPI(path=str(folder), lang=language, psm=tesserocr.PSM.SINGLE_LINE)

    def macs(self, gray: Gray) -> int | None:
        """Return None: Tesseract's network cannot be looked into."""
        del gray
        return None

    def read(self, gray: Gray) -> Answer:
        """Read one line."""
        image = Image.fromarray(gray)

        def everything() -> str:
            self._api.SetImage(image)
            return str(self._api.GetUTF8Text())

        text, total_ns = timed(everything)
        return Answer(text=text, total_ns=total_ns, network_ns=None)

    def close(self) -> None:
        """End the engine."""
        self._api.End()
