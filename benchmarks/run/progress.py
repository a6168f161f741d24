"""Telling a person at a terminal how far a run is: a bar, how many of how many, the rate, and the time that remains."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from inkport.core.verbosity import is_quiet


if TYPE_CHECKING:
    from rich.progress import Progress as Bars, ProgressColumn, Task


T = TypeVar("T")
EVERY_S = 0.1
"""Seconds between two drawings at least: a run must not spend its time on telling how far it is."""


class Progress(Protocol):
    """Told what is being done and how much of it is done."""

    def __call__(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Show ``stage``; ``total`` 0 if its length is unknown."""
        ...


def silent(stage: str, done: int = 0, total: int = 0) -> None:
    """Show nothing."""


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Return a progress bar on standard error, taken away again at the end; ``silent`` if that is no terminal.

    It is drawn when it is told of progress and at no other time: a thread that draws would disturb what is measured.
    """
    if is_quiet() or not sys.stderr.isatty():
        yield silent
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.clear()


def tracked(items: Iterable[T], stage: str, progress: Progress, *, total: int = 0) -> Iterator[T]:
    """Yield the items, telling how many of them are done.

    Args:
        items: What to go through.
        stage: What is being done.
        progress: Who is told.
        total: How many there are; the length of ``items`` if 0, unknown if they have none.
    """
    total = total or (len(items) if isinstance(items, Sized) else 0)
    for done, item in enumerate(items):
        progress(stage, done, total)
        yield item
    progress(stage, total, total)


class _Bar:
    """A bar that starts over with every stage."""

    def __init__(self) -> None:
        self._bars: Bars = _bars()
        self._told = ("", 0, -1)
        self._drawn = 0.0

    def __call__(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Show how far a stage is."""
        before, self._told = self._told, (stage, done, total)
        # What a stage is called may change on its way: "training, loss 0.3".
        if total != before[2] or done < before[1]:
            for task in self._bars.task_ids:
                self._bars.remove_task(task)
            self._bars.add_task(stage, total=total or None)
        self._bars.update(self._bars.task_ids[0], description=stage, completed=done, total=total or None)
        now = time.monotonic()
        if now - self._drawn >= EVERY_S or (not total and stage != before[0]):
            self._drawn = now
            self._bars.refresh()

    def clear(self) -> None:
        """Take the bar away."""
        self._bars.stop()


def _bars() -> Bars:
    # Only who looks at a terminal needs it, and it takes a tenth of a second to load.
    from rich.console import Console
    from rich.progress import BarColumn, Progress as Bars, TextColumn, TimeRemainingColumn

    bars = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        *_figures(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        auto_refresh=False,
        get_time=time.monotonic,
        transient=True,
        # They are streams of ours already, which no library may replace.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bars.start()
    return bars


def _figures() -> tuple[ProgressColumn, ...]:
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Count(ProgressColumn):
        """How many of how many."""

        def render(self, task: Task) -> Text:
            """Return the numbers; nothing where there are none."""
            done = f"{task.completed:.0f}" if task.completed or task.total else ""
            return Text(done + (f"/{task.total:.0f}" if task.total else ""))

    class Rate(ProgressColumn):
        """How many a second."""

        def render(self, task: Task) -> Text:
            """Return the rate; nothing where it is not known yet."""
            rate = task.finished_speed or task.speed
            return Text("" if not rate else f"{rate:.1f}/s" if rate < 100 else f"{rate:.0f}/s")

    return Count(), Rate()
