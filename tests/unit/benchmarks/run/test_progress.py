"""Progress on a terminal: how many of how many, the rate, the time that remains; elsewhere, and when quiet, nothing."""

from __future__ import annotations

import io
import re
import sys

import pytest

from inkport.benchmarks.run import progress as module
from inkport.benchmarks.run.progress import shown_progress, silent, tracked
from inkport.core.verbosity import take_verbosity


class Terminal(io.StringIO):
    """What a terminal would be told."""

    def isatty(self):
        return True


@pytest.fixture
def watch(monkeypatch):
    """Returns what begins to watch a terminal of 100 columns, whose clock goes on by half a second with every look."""
    now = iter(number / 2 for number in range(10**6))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))

    def begin() -> Terminal:
        # Not in the fixture: pytest puts its own streams in place before the test.
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    yield begin
    take_verbosity([])


def test_a_bar_has_the_count_the_rate_and_the_time_that_remains(watch):
    terminal = watch()
    with shown_progress() as progress:
        for number in range(40):
            progress("port: reading", number, 80)
    assert "port: reading" in terminal.getvalue()
    assert re.search(r"39/80 .*\d\.\d/s .*\d\d:\d\d", terminal.getvalue())


def test_the_bar_goes_away_and_other_lines_stay(watch):
    terminal = watch()
    with shown_progress() as progress:
        progress("opening")
        progress("reading", 1, 2)
        terminal.write("\r\x1b[Knews\n")
        progress("reading", 2, 2)
    shown = terminal.getvalue()
    assert "news\n" in shown
    # It ends one line up, with that line erased.
    assert shown.rstrip().endswith(("\x1b[1A\x1b[2K", "\x1b[1A\x1b[2K\x1b[?25h"))


def test_a_stage_without_a_length_has_no_numbers(watch):
    terminal = watch()
    with shown_progress() as progress:
        progress("opening the reference")
    assert "opening the reference" in terminal.getvalue()
    assert "/" not in re.sub(r"\x1b\[[\d;?]*\w", "", terminal.getvalue())


def test_a_stage_starts_over(watch):
    terminal = watch()
    with shown_progress() as progress:
        progress("first", 8, 10)
        progress("second", 0, 10)
        progress("second", 1, 10)
    assert "first" in terminal.getvalue()
    assert "1/10" in terminal.getvalue()


def test_nothing_is_shown_when_quiet_or_without_a_terminal(watch, monkeypatch):
    terminal = watch()
    take_verbosity(["-q"])
    with shown_progress() as progress:
        assert progress is silent
    take_verbosity([])
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with shown_progress() as progress:
        assert progress is silent
    assert terminal.getvalue() == ""


def test_tracked_yields_all_and_tells_of_all():
    told = []
    items = list(tracked("abc", "letters", lambda *report: told.append(report)))
    assert items == ["a", "b", "c"]
    assert told == [("letters", 0, 3), ("letters", 1, 3), ("letters", 2, 3), ("letters", 3, 3)]


def test_what_has_no_length_is_counted():
    told = []
    assert list(tracked(iter("ab"), "letters", lambda *report: told.append(report))) == ["a", "b"]
    assert told[:2] == [("letters", 0, 0), ("letters", 1, 0)]
