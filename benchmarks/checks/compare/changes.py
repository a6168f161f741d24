"""How much a target's CER and its speed changed between two reports, each with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, log, sqrt
from statistics import mean

from inkport.benchmarks.checks.compare.document import LineFigures, ReportedTarget, Run, Times
from inkport.benchmarks.measure.equivalence import Equivalence, judge_equivalence
from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.quantiles import mean_interval
from inkport.benchmarks.measure.units import UnitKind, WorstWriter, units_of, worst_writer
from inkport.lines.line import Line, hands


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


def rate_changes(
    before: ReportedTarget, after: ReportedTarget, lines: LineFigures | None, *, margin: float
) -> tuple[RateChange, ...]:
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


def worst_change(before: ReportedTarget, after: ReportedTarget, lines: LineFigures | None) -> WorstWriter | None:
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
        [(line.dataset, line.id) for line in part],
        [old for _, old, _ in pairs],
        [new for _, _, new in pairs],
        [lines.symbols[index] for index, _, _ in pairs],
        units_of(hands(part)),
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
    found = estimate(differences, symbols, units_of(hands([_line(index, lines) for index, _, _ in pairs])))
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


FEWEST_WIDTHS = 3
"""Widths that two curves must share before their ratio gets an interval from them."""


@dataclass(frozen=True, kw_only=True)
class PaceChange:
    """The latency before and after."""

    before_ms: float
    """p50 in the first report, per line."""
    after_ms: float
    """p50 in the second."""
    ratio: float | None
    """``after`` over ``before``, width by width where both reports have curves; absent if not comparable."""
    interval: tuple[float, float] | None
    """95 % interval of the ratio within the two runs; absent if the reports do not give one."""
    noise: float | None
    """What the machine makes by itself, as a share: the larger noise floor, or how far the calibration load moved
    between the reports; absent if a report does not give it."""
    reason: str
    """Why the two cannot be compared; empty if they can."""

    def slower_by(self, tolerance: float) -> bool:
        """Return whether it became slower by more than ``tolerance`` (a share) and the noise, interval and all."""
        return self.interval is not None and self.interval[0] > 1 + tolerance + (self.noise or 0.0)


def pace_change(before: ReportedTarget, after: ReportedTarget, first: Run, second: Run) -> PaceChange | None:
    """Compare a target's times in two reports; None where one of them has none."""
    old, new = before.times, after.times
    if old is None or new is None:
        return None
    if reason := _obstacle(first, second):
        ratio, interval = None, None
    else:
        ratio, interval = _ratio(old, new)
    return PaceChange(
        before_ms=old.median_ms,
        after_ms=new.median_ms,
        ratio=ratio,
        interval=interval,
        noise=_noise(first, second),
        reason=reason,
    )


def _obstacle(first: Run, second: Run) -> str:
    if first.data != second.data:
        return "not the same lines"
    if differing := [key for key, value in first.machine.items() if second.machine[key] != value]:
        return f"not the same machine: {', '.join(differing)}"
    if first.timed_lines != second.timed_lines:
        return "not the same number of timed lines"
    return ""


def _noise(first: Run, second: Run) -> float | None:
    if first.floor is None or second.floor is None:
        return None
    moved = exp(abs(log(second.load_ms / first.load_ms))) - 1 if first.load_ms and second.load_ms else 0.0
    return max(first.floor, second.floor, moved)


def _ratio(old: Times, new: Times) -> tuple[float, tuple[float, float] | None]:
    """Return the ratio and its interval: by Student's t over the widths, else from the intervals of the medians."""
    logs = [
        log(time / old.points[width][0])
        for width, (time, runs) in new.points.items()
        if width in old.points and old.points[width][1] == runs
    ]
    if len(logs) == len(new.points) == len(old.points) and len(logs) >= FEWEST_WIDTHS:
        interval = mean_interval(logs)
        return exp(mean(logs)), interval and (exp(interval[0]), exp(interval[1]))
    ratio = new.median_ms / old.median_ms
    if old.interval is None or new.interval is None or min(*old.interval, *new.interval) <= 0:
        return ratio, None
    # The limits belong to independent runs: their distances on the log scale add like standard errors.
    down = sqrt(log(new.median_ms / new.interval[0]) ** 2 + log(old.interval[1] / old.median_ms) ** 2)
    up = sqrt(log(new.interval[1] / new.median_ms) ** 2 + log(old.median_ms / old.interval[0]) ** 2)
    return ratio, (ratio * exp(-down), ratio * exp(up))
