"""How much a target's CER changed between two reports of the same lines, with a paired interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inkport.benchmarks.bootstrap import paired_resamples
from inkport.benchmarks.compare.document import LineFigures, Row
from inkport.benchmarks.equivalence import Equivalence, judge_equivalence
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
    """95 % interval of ``delta``, by paired bootstrap over writers; absent where lines cannot be paired."""
    equivalence: Equivalence | None
    """The verdict on ``delta`` and the margin, as ``inkport verify`` judges; absent where lines cannot be paired."""


def rate_changes(
    before: Row, after: Row, lines: LineFigures | None, *, margin: float, seed: int = 0
) -> tuple[RateChange, ...]:
    """Return the change on all lines, then on each data set if there are several.

    Args:
        before: The target in the first report.
        after: The target in the second.
        lines: Figures of the lines that both reports are about; without them there are no intervals.
        margin: CER difference that is taken as none.
        seed: Of the bootstrap.
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
            equivalence=None,
        )
        return (whole,)
    pairs = [
        (index, old, new)
        for index, (old, new) in enumerate(zip(before.line_edits, after.line_edits, strict=True))
        if old is not None and new is not None
    ]
    if not pairs:
        return ()
    changes = [_change(pairs, lines, None, margin=margin, seed=seed)]
    present = sorted({lines.group[index] for index, _, _ in pairs})
    if len(present) > 1:
        for group in present:
            part = [pair for pair in pairs if lines.group[pair[0]] == group]
            changes.append(_change(part, lines, group, margin=margin, seed=seed))
    return tuple(changes)


def _change(
    pairs: Sequence[tuple[int, int, int]], lines: LineFigures, group: int | None, *, margin: float, seed: int
) -> RateChange:
    symbols = [lines.symbols[index] for index, _, _ in pairs]
    differences = [new - old for _, old, new in pairs]
    resampled = paired_resamples(differences, symbols, [_line(index, lines) for index, _, _ in pairs], seed=seed)
    total, delta = sum(symbols), sum(differences) / sum(symbols)
    return RateChange(
        dataset="" if group is None else lines.groups[group].dataset,
        seen_writer=False if group is None else lines.groups[group].seen_writer,
        lines=len(pairs),
        before=sum(old for _, old, _ in pairs) / total,
        after=sum(new for _, _, new in pairs) / total,
        delta=delta,
        interval=resampled.interval(),
        equivalence=judge_equivalence(resampled, delta=delta, lines=len(pairs), symbols=total, margin=margin),
    )


def _line(index: int, lines: LineFigures) -> Line:
    """Return a line that tells the bootstrap which others are of the same writer, and nothing else."""
    writer = lines.writer[index]
    return Line(id=str(index), image=b"", text="", writer="" if writer is None else str(writer))
