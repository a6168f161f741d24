"""What quantizing does to the reading of validation lines: CER, edits by kind, flips, and forecast flips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.edits import sum_edits
from inkport.benchmarks.measure.flip_model import logit_errors
from inkport.benchmarks.measure.flip_prediction import PROBES, Probe, predict
from inkport.benchmarks.measure.gaps import find_margins
from inkport.benchmarks.measure.parity import Reading, score
from inkport.benchmarks.run.latency import choose_lines
from inkport.core.artifact import Artifact
from inkport.core.charset import normalise_text
from inkport.core.ctc import greedy
from inkport.core.errors import LineDataError
from inkport.core.registry import open_session
from inkport.core.runtime import SessionOptions
from inkport.lines.audit import Audit
from inkport.lines.held_out import refuse_test_lines
from inkport.lines.roles import Role, describe_lines


Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A quantized artifact beside fp32 on validation lines."""

    cer: float
    """Its character error rate."""
    cer_change: float
    """That minus the one of fp32: above zero it reads worse."""
    substitutions: int
    """Symbols read as another."""
    insertions: int
    """Symbols read that are not in the texts."""
    deletions: int
    """Symbols of the texts that were not read."""
    flips: int
    """Lines whose text differs from that of fp32."""
    predicted_flips: float
    """Lines that would differ, predicted from fp32's margins on all lines and the errors on the probe lines alone."""
    predicted_interval: tuple[float, ...]
    """95 % interval of that."""
    error: float
    """Root mean square error of the logits, as a share of fp32's root mean square."""


class Meter:
    """Reads validation lines with fp32 once, and measures artifacts against it, with ONNX Runtime on the CPU.

    Args:
        reference: The ONNX artifact in fp32.
        audit: The usable validation lines, prepared for it; never calibration or test lines.
        probes: Lines that margins learn a target's errors from.
        threads: Threads for the computation.

    Raises:
        LineDataError: If there is no line, none besides the probe lines, or one is a test line.
    """

    def __init__(self, reference: Artifact, audit: Audit, *, probes: int = PROBES, threads: int = 1) -> None:
        if len(audit.lines) <= probes:
            raise LineDataError(
                f"{len(audit.lines)} validation lines, {probes} of them to be probe lines: none is left to predict",
                remedy="pass more lines with --lines, or ask for fewer with --probes",
            )
        list(refuse_test_lines(audit.lines, purpose="quantisation"))
        self.reference = reference
        self.audit = audit
        self.threads = threads
        self.probes = tuple(choose_lines(audit.inputs, probes, seed=0))
        self.record = describe_lines(audit.lines, Role.TUNING)
        self._logits = self.read(reference)
        self._reading = self._score(self._logits)
        self._margins = [find_margins(rows) for rows in self._logits]
        self._symbols = sum(len(normalise_text(line.text)) for line in audit.lines)
        self.cer = self._rate(self._reading)
        """CER of fp32 on the lines."""

    def read(self, artifact: Artifact) -> list[Logits]:
        """Return the logits of every line, each read by itself, float32 (t, k)."""
        options = SessionOptions(threads=self.threads)
        with open_session(artifact, runtime="onnxruntime", device="cpu", options=options) as session:
            return [np.asarray(session.run(image)[0]) for image in self.audit.inputs]

    def measure(self, artifact: Artifact) -> Effect:
        """Read all lines with an artifact of the same recogniser, and compare."""
        return self.compare(self.read(artifact))

    def compare(self, logits: Sequence[Logits]) -> Effect:
        """Compare the logits of all lines with those of fp32."""
        reading = self._score(logits)
        edits = sum_edits(reading.edits)
        pairs = list(zip(logits, self._logits, strict=True))
        squared = sum(float(np.square(a.astype(np.float64) - b).sum()) for a, b in pairs)
        norm = sum(float(np.square(b.astype(np.float64)).sum()) for _, b in pairs)
        probes = [Probe(errors=logit_errors(self._margins[i], logits[i]), frames=self._margins[i]) for i in self.probes]
        forecast = predict(probes, self._margins)
        return Effect(
            cer=self._rate(reading),
            cer_change=self._rate(reading) - self.cer,
            substitutions=edits.substitutions,
            insertions=edits.insertions,
            deletions=edits.deletions,
            flips=sum(
                a.text != b.text for a, b in zip(reading.transcriptions, self._reading.transcriptions, strict=True)
            ),
            predicted_flips=forecast.expected,
            predicted_interval=forecast.interval,
            error=(squared / norm) ** 0.5 if norm else 0.0,
        )

    def _score(self, logits: Sequence[Logits]) -> Reading:
        return score(self.audit.lines, [greedy(rows, self.reference.spec.charset) for rows in logits])

    def _rate(self, reading: Reading) -> float:
        return sum(edits.total for edits in reading.edits) / max(1, self._symbols)
