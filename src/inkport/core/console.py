"""Standard output and error that never raise: what could not be written is kept, for the exit code to tell.

Standard output is for results: what libraries print there would break `--json`, and goes to standard error.

A verdict must not depend on who reads it. A reader that goes away, a full disk, or a stream that was closed before the
start would otherwise end a run in the middle, or when the interpreter flushes its buffers, too late for any handler.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, TextIO


UNICODE = ("utf-8", "utf8")
"""Names of the encoding that JSON is exchanged in (RFC 8259, section 8.1)."""


class GuardedWriter(io.RawIOBase):
    """Writes to a file descriptor until it refuses, and takes the rest without a word.

    Args:
        descriptor: Where to; None for a stream that was closed before the start, whose output nobody wants.
    """

    def __init__(self, descriptor: int | None) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.error: OSError | None = None
        """Why output was lost; None as long as none was."""

    def writable(self) -> bool:
        """Whether this can be written to: always."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor.

        Raises:
            OSError: If there is none.
        """
        return super().fileno() if self._descriptor is None else self._descriptor

    def isatty(self) -> bool:
        """Whether a terminal shows it."""
        return self._descriptor is not None and os.isatty(self._descriptor)

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Write all of ``data``, or lose it and keep the reason in ``error``; the length is always that of all."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self._descriptor is not None and self.error is None:
                rest = rest[_write_some(self._descriptor, rest) :]
        except OSError as error:
            self.error = error
        return size

    @property
    def lost(self) -> bool:
        """Whether output is missing that somebody waits for: a reader that went away does not."""
        return self.error is not None and not isinstance(self.error, BrokenPipeError | ConnectionResetError)


class GuardedStream(io.TextIOWrapper):
    """The text layer on a ``GuardedWriter``; closing it only flushes, whoever does it."""

    def close(self) -> None:
        """Flush."""
        self.flush()


_RESULTS: ContextVar[TextIO | None] = ContextVar("_RESULTS", default=None)


@contextlib.contextmanager
def results_only() -> Iterator[None]:
    """Lead what anybody prints in the block, or the function, to standard error; ``results`` is where results go.

    For commands in which code of others runs: runtimes, converters.
    """
    before = _RESULTS.set(results())
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _RESULTS.reset(before)


def results() -> TextIO:
    """Return the stream of results: standard output, also inside of ``results_only``."""
    return _RESULTS.get() or sys.stdout


def _write_some(descriptor: int, data: memoryview) -> int:
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        # A program that shares our terminal or pipe (Node does) may have made it non-blocking.
        select.select([], [descriptor], [])
        return 0


def guard_streams() -> GuardedWriter:
    """Make the process's own ``sys.stdout`` and ``sys.stderr`` such that writing never raises.

    Streams that something else has put in their place, a test for example, are left alone. Descriptors 0 to 2 are
    opened on the null device where they are closed: the next file would otherwise get one of their numbers, and with
    it what libraries and children print. Descriptor 1 itself becomes standard error, for those who write to it past
    ``sys.stdout``.

    Returns:
        What standard output ends in.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _open_descriptors()
    _guard("stderr")
    return _guard("stdout")


def _open_descriptors() -> None:
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is the one.
            with contextlib.suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _guard(name: str) -> GuardedWriter:
    stream: TextIO | None = getattr(sys, name)
    if stream is None:
        writer = GuardedWriter(None)
        setattr(sys, name, GuardedStream(_bytes_of(writer), encoding="utf-8", errors="backslashreplace"))
        return writer
    if not isinstance(stream, io.TextIOWrapper):
        return GuardedWriter(None)
    if stream is not getattr(sys, f"__{name}__"):
        stream.reconfigure(errors="backslashreplace")
        return GuardedWriter(None)
    writer = GuardedWriter(_take_output() if name == "stdout" else stream.fileno())
    guarded = GuardedStream(
        # Without a buffer where the interpreter was told to use none.
        _bytes_of(writer, buffered=not stream.write_through),
        encoding=stream.encoding,
        # A terminal that lacks a symbol, or a file name that is no UTF-8, must not end a reading in a traceback.
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    setattr(sys, name, guarded)
    return writer


def _take_output() -> int:
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept


def _bytes_of(writer: GuardedWriter, *, buffered: bool = True) -> Any:
    """Return what a text layer goes on; typed as little as it is, for the types of ``io`` want a whole file."""
    raw: Any = writer
    return io.BufferedWriter(raw) if buffered else raw


def json_for_stdout(text: str) -> str:
    r"""Return a JSON document so that standard output carries it whatever its encoding is.

    Args:
        text: The document. Beyond ASCII it holds symbols in strings alone, where ``\u`` may stand for them.
    """
    if (results().encoding or "").lower() in UNICODE:
        return text
    return "".join(_escaped(symbol) if symbol > "\x7f" else symbol for symbol in text)


def _escaped(symbol: str) -> str:
    units = symbol.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
