"""What a language model does to the reading of lines: choosing its weights, and measuring gain and cost."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.quantiles import Percentiles
from inkport.benchmarks.measure.units import units_of
from inkport.benchmarks.run.progress import Progress, silent, tracked
from inkport.core.artifact import Artifact
from inkport.core.beam import BeamDecoder
from inkport.core.charset import Charset, normalise_text
from inkport.core.ctc import Decode, Transcription, greedy
from inkport.core.lm.files import Fusion
from inkport.core.lm.model import CharModel
from inkport.core.metrics import edit_distance
from inkport.core.runtime import Session
from inkport.lines.audit import Audit
from inkport.lines.line import Line, hands


ALPHAS = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Weights of the language model that are tried first."""
BETAS = (0.0, 0.5, 1.0, 1.5)
"""Additions per symbol that are tried first."""
REFINEMENTS = ((0.1, 0.25), (0.05, 0.125))
"""Steps of alpha and beta around the best so far."""

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One pair of weights and what it read."""

    alpha: float
    """Weight of the language model."""
    beta: float
    """Addition per symbol."""
    cer: float
    """Character error rate on all lines."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Greedy decoding beside the beam on a set of lines."""

    dataset: str
    """Which lines; empty for all."""
    seen_writer: bool
    """Whether the model may have seen their writers."""
    lines: int
    """How many."""
    cer_greedy: float
    """Character error rate of greedy decoding."""
    cer_beam: float
    """Character error rate of the beam with the language model."""
    interval: tuple[float, float] | None
    """95 % interval of the difference, beam minus greedy, for other such writers; absent for fewer than three."""
    changed_lines: int
    """Lines whose text differs."""


def read_logits(session: Session, audit: Audit, *, progress: Progress = silent) -> list[Logits]:
    """Return the logits of every line, each read by itself, float32 (t, k)."""
    return [np.asarray(session.run(image)[0]) for image in tracked(audit.inputs, "reading lines", progress)]


def tune(
    model: CharModel, logits: Sequence[Logits], lines: Sequence[Line], charset: Charset, *, beam: int
) -> tuple[Fusion, list[Trial]]:
    """Choose alpha and beta by the CER on lines: a grid, then two rounds around its best.

    Returns:
        The best weights, the smallest alpha where several are as good, and all trials.
    """
    trials: dict[tuple[float, float], Trial] = {}

    def attempt(alpha: float, beta: float) -> None:
        if alpha >= 0 and (alpha, beta) not in trials:
            decode = BeamDecoder(model, Fusion(alpha=alpha, beta=beta, beam=beam))
            edits = _edits(lines, (decode(rows, charset) for rows in logits))
            trials[alpha, beta] = Trial(alpha=alpha, beta=beta, cer=sum(edits) / _symbols(lines))

    def best() -> Trial:
        return min(trials.values(), key=lambda trial: (trial.cer, trial.alpha, abs(trial.beta)))

    for alpha in ALPHAS:
        # Without a language model there is nothing for beta to balance, but plain search is worth knowing.
        for beta in BETAS if alpha else (0.0,):
            attempt(alpha, beta)
    for step_alpha, step_beta in REFINEMENTS:
        centre = best()
        for alpha in (-step_alpha, 0.0, step_alpha):
            for beta in (-step_beta, 0.0, step_beta):
                attempt(round(centre.alpha + alpha, 4), round(centre.beta + beta, 4))
    chosen = best()
    return Fusion(alpha=chosen.alpha, beta=chosen.beta, beam=beam), list(trials.values())


def measure_gain(decode: Decode, logits: Sequence[Logits], lines: Sequence[Line], charset: Charset) -> list[Gain]:
    """Compare the beam with greedy decoding on all lines together and per data set, seen writers apart."""
    first = [greedy(rows, charset) for rows in logits]
    second = [decode(rows, charset) for rows in logits]
    edits = list(zip(_edits(lines, first), _edits(lines, second), strict=True))
    changed = [a.text != b.text for a, b in zip(first, second, strict=True)]
    groups: dict[tuple[str, bool], list[int]] = {}
    for index, line in enumerate(lines):
        groups.setdefault((line.dataset, line.seen_writer), []).append(index)
    everything = _gain("", any(line.seen_writer for line in lines), range(len(lines)), lines, edits, changed)
    return [everything, *(_gain(*key, part, lines, edits, changed) for key, part in groups.items())]


def measure_cost(decodes: dict[str, Decode], logits: Sequence[Logits], charset: Charset) -> dict[str, Percentiles]:
    """Time decoders on the same logits, in turns line by line, after one untimed line each."""
    ns: dict[str, list[int]] = {name: [] for name in decodes}
    for number, rows in enumerate((logits[0], *logits)):
        for name, decode in decodes.items():
            start = time.perf_counter_ns()
            decode(rows, charset)
            if number:
                ns[name].append(time.perf_counter_ns() - start)
    return {name: Percentiles.of(values) for name, values in ns.items()}


def with_digests(fusion: Fusion, lm_sha256: str, artifact: Artifact) -> Fusion:
    """Return the weights bound to their language model and to the recogniser that they were chosen for."""
    return replace(fusion, lm_sha256=lm_sha256, charset_sha256=artifact.spec.charset.digest, root=artifact.root)


def _edits(lines: Sequence[Line], read: Iterable[Transcription]) -> list[int]:
    pairs = zip(lines, read, strict=True)
    return [_distance(normalise_text(line.text), normalise_text(reading.text)) for line, reading in pairs]


# Most trials read most lines alike.
_distance = lru_cache(maxsize=1 << 16)(edit_distance)


def _symbols(lines: Iterable[Line]) -> int:
    return sum(len(normalise_text(line.text)) for line in lines)


def _gain(  # noqa: PLR0917
    dataset: str,
    seen_writer: bool,
    part: Sequence[int],
    lines: Sequence[Line],
    edits: Sequence[tuple[int, int]],
    changed: Sequence[bool],
) -> Gain:
    chosen = [lines[i] for i in part]
    lengths = [len(normalise_text(line.text)) for line in chosen]
    found = estimate([edits[i][1] - edits[i][0] for i in part], lengths, units_of(hands(chosen)))
    return Gain(
        dataset=dataset,
        seen_writer=seen_writer,
        lines=len(chosen),
        cer_greedy=sum(edits[i][0] for i in part) / sum(lengths),
        cer_beam=sum(edits[i][1] for i in part) / sum(lengths),
        interval=found.interval(),
        changed_lines=sum(changed[i] for i in part),
    )
