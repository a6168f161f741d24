"""An artifact of inkport as one of the peers."""

from __future__ import annotations

from pathlib import Path

from inkport.benchmarks.checks.peers.onnx_size import count_macs, count_parameters
from inkport.benchmarks.checks.peers.peer import Answer, Gray, timed
from inkport.core.artifact import Artifact
from inkport.core.bundle import find_lm
from inkport.core.decoder import load_text_decoder
from inkport.core.files import sha256_file
from inkport.core.preprocess import prepare
from inkport.core.registry import load_runtime, probe
from inkport.core.runtime import SessionOptions


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
        self._session = load_runtime(RUNTIME).open(artifact, device="cpu", options=SessionOptions(threads=1))

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
