"""Whether a target reads the same text as the reference: error rates, their difference, and every flipped line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from inkport.benchmarks.measure import RESAMPLES
from inkport.benchmarks.measure.changes import Change, Effects, find_changes, sum_effects
from inkport.benchmarks.measure.edits import Edits, count_edits, sum_edits
from inkport.benchmarks.measure.equivalence import Equivalence, judge_equivalence
from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.units import UnitKind, units_of
from inkport.benchmarks.measure.worst import WorstWriter, worst_writer
from inkport.core.charset import normalise_text
from inkport.core.ctc import Transcription
from inkport.core.metrics import wer, wer_htr
from inkport.core.target import LARGEST_WRITER_LOSS
from inkport.lines.line import Line


@dataclass(frozen=True)
class Reading:
    """What one system read on all lines."""

    transcriptions: tuple[Transcription, ...]
    """One per line, in order."""
    edits: tuple[Edits, ...]
    """Edits against each line's text, in order."""
    thresholds: tuple[float, ...] = ()
    """Smallest margin per line that matters (``FrameMargins.threshold``); empty where it was not asked for."""

    def part(self, indices: Sequence[int]) -> Reading:
        """Return the reading of some of the lines."""
        return Reading(
            tuple(self.transcriptions[i] for i in indices),
            tuple(self.edits[i] for i in indices),
            tuple(self.thresholds[i] for i in indices) if self.thresholds else (),
        )


def score(lines: Sequence[Line], transcriptions: Iterable[Transcription]) -> Reading:
    """Count the edits of what was read on ``lines``; texts are compared after ``normalise_text``.

    Raises:
        ValueError: If the two differ in length.
    """
    read = tuple(transcriptions)
    pairs = zip(lines, read, strict=True)
    return Reading(read, tuple(count_edits(normalise_text(a.text), normalise_text(b.text)) for a, b in pairs))


@dataclass(frozen=True, kw_only=True)
class Score:
    """A target beside the reference on a set of lines; rates are micro averages."""

    lines: int
    """Lines compared."""
    symbols: int
    """Symbols in their texts."""
    cer: float
    """Character error rate of the target."""
    cer_reference: float
    """Character error rate of the reference on the same lines."""
    delta: float
    """``cer`` minus ``cer_reference``: above zero the target reads worse."""
    interval: tuple[float, float] | None
    """95 % interval of ``delta`` for other such writers; absent for fewer than three."""
    interval_unit: UnitKind
    """What is taken as independent: writers; documents, where of some only the document is known; or single lines,
    where neither is known of any."""
    clusters: int
    """How many of those there are."""
    equivalence: Equivalence
    """Whether ``delta`` lies within the target's margin, as far as these lines can tell."""
    flipped_lines: int
    """Lines whose text differs from what the reference read."""
    edits: Edits
    """The target's edits by kind."""
    edits_reference: Edits
    """The reference's edits by kind."""
    wer: float
    """Word error rate of the target, words being what white space separates."""
    wer_reference: float
    """The same of the reference."""
    wer_htr: float
    """Word error rate of the target with each punctuation mark as a word, as the HTR literature counts."""
    wer_htr_reference: float
    """The same of the reference."""


@dataclass(frozen=True, kw_only=True)
class DatasetScore(Score):
    """One data set, lines of seen and unseen writers apart."""

    dataset: str
    """Name of the data set."""
    seen_writer: bool
    """Whether the model may have seen these writers in training; if so, this says little about new writers."""


@dataclass(frozen=True, kw_only=True)
class Flip:
    """A line that the target and the reference read differently."""

    id: str
    """The line's id."""
    dataset: str
    """Its data set."""
    text: str
    """Its transcription."""
    reading_reference: str
    """What the reference read."""
    reading: str
    """What the target read."""
    margin_reference: float | None
    """Smallest top-1 minus top-2 logit of the reference on the line: how close its reading was to flipping."""
    margin: float | None
    """The same of the target."""
    changes: tuple[Change, ...]
    """The edits from the reference's reading to the target's."""


@dataclass(frozen=True, kw_only=True)
class Parity(Score):
    """All lines together, each data set apart, and the flipped lines."""

    datasets: tuple[DatasetScore, ...]
    """One row per data set and kind of writers, in the order of the lines."""
    flips: tuple[Flip, ...] = ()
    """Every flipped line, in the order of the lines; summaries leave them out."""
    effects: Effects
    """All changes of the flipped lines, by what they do."""
    worst_writer: WorstWriter | None
    """The writer (or document) that lost most; absent where none is known."""


def compare(
    lines: Sequence[Line],
    reference: Reading,
    target: Reading,
    *,
    margin: float,
    largest_writer_loss: float = LARGEST_WRITER_LOSS,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Parity:
    """Compare what a target read with what the reference read.

    Args:
        lines: The lines, at least one, no empty texts.
        reference: The reference's reading of them.
        target: The target's reading of them.
        margin: CER difference up to which the two count as equivalent.
        largest_writer_loss: Largest loss on a single writer that EQUIVALENT reckons with.
        seed: Of the draws for the worst writer's interval.
        resamples: How many of them.
    """
    rows: dict[tuple[str, bool], list[int]] = {}
    for index, line in enumerate(lines):
        rows.setdefault((line.dataset, line.seen_writer), []).append(index)

    def fields(indices: Sequence[int]) -> dict[str, Any]:
        part = [lines[i] for i in indices]
        return _score(
            part,
            reference.part(indices),
            target.part(indices),
            margin=margin,
            largest_writer_loss=largest_writer_loss,
        )

    flips = tuple(
        _flip(line, old, new)
        for line, old, new in zip(lines, reference.transcriptions, target.transcriptions, strict=True)
        if old.text != new.text
    )
    return Parity(
        **fields(range(len(lines))),
        datasets=tuple(
            DatasetScore(dataset=dataset, seen_writer=seen, **fields(indices))
            for (dataset, seen), indices in rows.items()
        ),
        flips=flips,
        effects=sum_effects(change for flip in flips for change in flip.changes),
        worst_writer=worst_writer(
            lines,
            [edits.total for edits in reference.edits],
            [edits.total for edits in target.edits],
            [len(normalise_text(line.text)) for line in lines],
            units_of(lines),
            seed=seed,
            resamples=resamples,
        ),
    )


def _score(
    lines: Sequence[Line], reference: Reading, target: Reading, *, margin: float, largest_writer_loss: float
) -> dict[str, Any]:
    texts = [line.text for line in lines]
    old = [t.text for t in reference.transcriptions]
    new = [t.text for t in target.transcriptions]
    lengths = [len(normalise_text(text)) for text in texts]
    differences = [b.total - a.total for a, b in zip(reference.edits, target.edits, strict=True)]
    found = estimate(differences, lengths, units_of(lines))
    edits, edits_reference, symbols = sum_edits(target.edits), sum_edits(reference.edits), sum(lengths)
    return {
        "lines": len(lines),
        "symbols": symbols,
        "cer": edits.total / symbols,
        "cer_reference": edits_reference.total / symbols,
        "delta": found.rate,
        "interval": found.interval(),
        "interval_unit": found.kind,
        "clusters": found.units,
        "equivalence": judge_equivalence(found, margin=margin, largest_writer_loss=largest_writer_loss),
        "flipped_lines": sum(a != b for a, b in zip(old, new, strict=True)),
        "edits": edits,
        "edits_reference": edits_reference,
        "wer": wer(texts, new).rate,
        "wer_reference": wer(texts, old).rate,
        "wer_htr": wer_htr(texts, new).rate,
        "wer_htr_reference": wer_htr(texts, old).rate,
    }


def _flip(line: Line, reference: Transcription, target: Transcription) -> Flip:
    return Flip(
        id=line.id,
        dataset=line.dataset,
        text=normalise_text(line.text),
        reading_reference=reference.text,
        reading=target.text,
        margin_reference=_finite(reference.gap),
        margin=_finite(target.gap),
        changes=find_changes(normalise_text(line.text), reference, target),
    )


def _finite(value: float) -> float | None:
    """JSON knows no infinity, which is the margin of a reading without frames."""
    return value if math.isfinite(value) else None
