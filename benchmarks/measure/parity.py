"""Whether a target reads the same text as the reference: error rates, their difference, and every flipped line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from inkport.benchmarks.measure import RESAMPLES
from inkport.benchmarks.measure.edits import Change, Edits, Effects, count_edits, find_changes, sum_edits, sum_effects
from inkport.benchmarks.measure.equivalence import Equivalence, Verdict, judge_equivalence
from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.units import UnitKind, WorstWriter, units_of, worst_writer
from inkport.core.charset import normalise_text
from inkport.core.ctc import Transcription
from inkport.core.metrics import wer, wer_htr
from inkport.core.target import LARGEST_WRITER_LOSS
from inkport.lines.line import Line, hands


@dataclass(frozen=True)
class Reading:
    """What one system read on all lines."""

    transcriptions: tuple[Transcription, ...]
    """One per line, in order."""
    edits: tuple[Edits, ...]
    """Edits against each line's text, in order."""
    thresholds: tuple[float, ...] = ()
    """Smallest gap per line that matters (``FrameGaps.threshold``); empty where it was not asked for."""

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
    gap_reference: float | None
    """Smallest top-1 minus top-2 logit of the reference on the line: how close its reading was to flipping."""
    gap: float | None
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
            [(line.dataset, line.id) for line in lines],
            [edits.total for edits in reference.edits],
            [edits.total for edits in target.edits],
            [len(normalise_text(line.text)) for line in lines],
            units_of(hands(lines)),
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
    found = estimate(differences, lengths, units_of(hands(lines)))
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
        gap_reference=_finite(reference.gap),
        gap=_finite(target.gap),
        changes=find_changes(normalise_text(line.text), reference, target),
    )


def _finite(value: float) -> float | None:
    """JSON knows no infinity, which is the gap of a reading without frames."""
    return value if math.isfinite(value) else None


K = TypeVar("K")


@dataclass(frozen=True, kw_only=True)
class Group:
    """Lines that have a row of their own in a report."""

    dataset: str
    """Name of the data set."""
    seen_writer: bool
    """Whether the model may have seen these writers in training."""


@dataclass(frozen=True, kw_only=True)
class PerLine:
    """Figures per line, in the order of the lines; writers and documents are numbered and not named."""

    groups: tuple[Group, ...]
    """The data sets, lines of seen and unseen writers apart."""
    group: tuple[int, ...]
    """Index into ``groups``."""
    writer: tuple[int | None, ...]
    """Number of the line's writer, or of its document where only that is known, counted from 0 over all data sets;
    None where neither is."""
    symbols: tuple[int, ...]
    """Symbols of the line's text."""
    edits_reference: tuple[int, ...]
    """Edits of the reference's reading."""
    gap_reference: tuple[float | None, ...]
    """Smallest top-1 minus top-2 logit of the reference on the line, to four digits; None without frames."""
    documents: tuple[int, ...]
    """Numbers in ``writer`` that are documents."""


def per_line(lines: Sequence[Line], reference: Reading) -> PerLine:
    """Return the figures of ``lines`` and of what the reference read on them."""
    groups = _numbered((line.dataset, line.seen_writer) for line in lines)
    units = _numbered(unit for line in lines if (unit := line.unit))
    return PerLine(
        groups=tuple(Group(dataset=dataset, seen_writer=seen) for dataset, seen in groups),
        group=tuple(groups[line.dataset, line.seen_writer] for line in lines),
        writer=tuple(units[unit] if (unit := line.unit) else None for line in lines),
        symbols=tuple(len(normalise_text(line.text)) for line in lines),
        edits_reference=tuple(edits.total for edits in reference.edits),
        gap_reference=tuple(_rounded(read.gap) for read in reference.transcriptions),
        documents=tuple(number for (_, kind, _), number in units.items() if kind == "document"),
    )


def line_edits(reading: Reading, indices: Sequence[int] | None, *, lines: int) -> tuple[int | None, ...]:
    """Return a target's edits per line.

    Args:
        reading: What it read.
        indices: Which lines it read; all if None.
        lines: How many lines there are.

    Returns:
        One entry per line, None where it did not read.
    """
    found = dict(zip(range(lines) if indices is None else indices, reading.edits, strict=True))
    return tuple(found[index].total if index in found else None for index in range(lines))


def to_json_text(value: Any, *, indent: int = 0) -> str:
    """Return JSON with one member per line, but lists of numbers and words on a single one: they can be long.

    Args:
        value: Plain data.
        indent: Spaces that the text is already indented by.

    Raises:
        ValueError: If a number is not finite.
    """
    pad, end = " " * (indent + 1), " " * indent
    if isinstance(value, dict) and value:
        members = (
            f"{pad}{json.dumps(key, ensure_ascii=False)}: {to_json_text(item, indent=indent + 1)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(members) + f"\n{end}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return "[\n" + ",\n".join(pad + to_json_text(item, indent=indent + 1) for item in value) + f"\n{end}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _numbered(keys: Iterable[K]) -> dict[K, int]:
    """Number what differs in the order of its first occurrence."""
    return {key: number for number, key in enumerate(dict.fromkeys(keys))}


def _rounded(gap: float) -> float | None:
    return float(f"{gap:.4g}") if math.isfinite(gap) else None


def choose_fragile(thresholds: Sequence[float], count: int) -> list[int]:
    """Return up to ``count`` lines, the most fragile first.

    Args:
        thresholds: ``FrameGaps.threshold`` of each line.
        count: How many.

    Returns:
        Indices into ``thresholds``; of equals the earlier line comes first.
    """
    return [int(index) for index in np.argsort(thresholds, kind="stable")[:count]]


def without_claims(parity: Parity) -> Parity:
    """Return what a comparison on fragile lines proves: its flips, and nothing about error rates if there are any.

    Fragile lines flip more often than others, so their CER says nothing about the CER of all lines. If none of them
    flipped, the verdict stands: it allows for what was not seen (``equivalence``) as if the lines had been drawn by
    chance, and the others are less likely to flip than these.
    """
    if not parity.flipped_lines:
        return parity
    return replace(
        parity,
        equivalence=_open(parity.equivalence),
        worst_writer=None,
        datasets=tuple(replace(row, equivalence=_open(row.equivalence)) for row in parity.datasets),
    )


def fragile_reason(parity: Parity) -> str:
    """Return the sentence for a target that read fragile lines and flipped some, within its budget."""
    return (
        f"{parity.flipped_lines} of the {parity.lines} most fragile lines read differently. They are no sample of all "
        "lines: their flips count, their error rate proves nothing about the rest."
    )


def _open(found: Equivalence) -> Equivalence:
    return replace(found, verdict=Verdict.INCONCLUSIVE, non_inferior=False, further_writers=None)
