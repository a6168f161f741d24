"""How much a target's CER changed between two reports of the same lines, with a paired interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inkport.benchmarks.checks.compare.document import LineFigures, Row
from inkport.benchmarks.measure.equivalence import Equivalence, judge_equivalence
from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.units import UnitKind, WorstWriter, units_of, worst_writer
from inkport.lines.line import Line


@dataclass(frozen=True, kw_only=True)
class RateChange:
    """The CER on all lines or on a data set, before and after."""

    dataset: str
    """Name of the data set; empty for all lines."""
    seen_writer: bool
    """Whether the model may have seen these writers in training; False for all lines."""
    lines: int
    """Lines that both reports' targets read."""
    before: float
    """CER in the first report, on these lines."""
    after: float
    """CER in the second."""
    delta: float
    """``after`` minus ``before``: above zero it reads worse than it did."""
    interval: tuple[float, float] | None
    """95 % interval of ``delta`` for other such writers; absent where lines cannot be paired, and for fewer than
    three writers."""
    interval_unit: UnitKind | None
    """What is taken as independent; absent where lines cannot be paired."""
    clusters: int | None
    """How many of those there are."""
    equivalence: Equivalence | None
    """The verdict on ``delta`` and the margin, as ``inkport verify`` judges; absent where lines cannot be paired."""


def rate_changes(before: Row, after: Row, lines: LineFigures | None, *, margin: float) -> tuple[RateChange, ...]:
    """Return the change on all lines, then on each data set if there are several.

    Args:
        before: The target in the first report.
        after: The target in the second.
        lines: Figures of the lines that both reports are about; without them there are no intervals.
        margin: CER difference that is taken as none.
    """
    if before.cer is None or after.cer is None:
        return ()
    if lines is None or before.line_edits is None or after.line_edits is None:
        whole = RateChange(
            dataset="",
            seen_writer=False,
            lines=min(before.lines, after.lines),
            before=before.cer,
            after=after.cer,
            delta=after.cer - before.cer,
            interval=None,
            interval_unit=None,
            clusters=None,
            equivalence=None,
        )
        return (whole,)
    pairs = _pairs(before.line_edits, after.line_edits)
    if not pairs:
        return ()
    settings = {"margin": margin, "largest_writer_loss": after.largest_writer_loss}
    changes = [_change(pairs, lines, None, **settings)]
    present = sorted({lines.group[index] for index, _, _ in pairs})
    if len(present) > 1:
        for group in present:
            part = [pair for pair in pairs if lines.group[pair[0]] == group]
            changes.append(_change(part, lines, group, **settings))
    return tuple(changes)


def worst_change(before: Row, after: Row, lines: LineFigures | None) -> WorstWriter | None:
    """Return the writer whose CER rose most between two reports, named by the number of a line in the data.

    Args:
        before: The target in the first report.
        after: The target in the second.
        lines: Figures of the lines that both reports are about; None where they cannot be paired.
    """
    if lines is None or before.line_edits is None or after.line_edits is None:
        return None
    pairs = _pairs(before.line_edits, after.line_edits)
    if not pairs:
        return None
    part = [_line(index, lines) for index, _, _ in pairs]
    return worst_writer(
        part,
        [old for _, old, _ in pairs],
        [new for _, _, new in pairs],
        [lines.symbols[index] for index, _, _ in pairs],
        units_of(part),
    )


def _pairs(before: Sequence[int | None], after: Sequence[int | None]) -> list[tuple[int, int, int]]:
    """Return index, edits before and edits after of each line that both read."""
    return [
        (index, old, new)
        for index, (old, new) in enumerate(zip(before, after, strict=True))
        if old is not None and new is not None
    ]


def _change(
    pairs: Sequence[tuple[int, int, int]],
    lines: LineFigures,
    group: int | None,
    *,
    margin: float,
    largest_writer_loss: float,
) -> RateChange:
    symbols = [lines.symbols[index] for index, _, _ in pairs]
    differences = [new - old for _, old, new in pairs]
    found = estimate(differences, symbols, units_of([_line(index, lines) for index, _, _ in pairs]))
    total = sum(symbols)
    return RateChange(
        dataset="" if group is None else lines.groups[group].dataset,
        seen_writer=False if group is None else lines.groups[group].seen_writer,
        lines=len(pairs),
        before=sum(old for _, old, _ in pairs) / total,
        after=sum(new for _, _, new in pairs) / total,
        delta=found.rate,
        interval=found.interval(),
        interval_unit=found.kind,
        clusters=found.units,
        equivalence=judge_equivalence(found, margin=margin, largest_writer_loss=largest_writer_loss),
    )


def _line(index: int, lines: LineFigures) -> Line:
    """Return a line that says which others are of the same unit, and nothing else."""
    number = lines.writer[index]
    name = "" if number is None else str(number)
    group = lines.groups[lines.group[index]]
    line = Line(id=f"line {index + 1}", image=b"", text="", dataset=group.dataset)
    return replace(line, document=name) if number in lines.documents else replace(line, writer=name)
