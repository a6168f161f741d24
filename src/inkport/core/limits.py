"""What a runtime that is not inkport's may take: time, memory, and which process."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from inkport.core.child import TIMEOUT_OPTION, TIMEOUT_S, parse_timeout
from inkport.core.errors import UsageError
from inkport.core.runtime import SessionOptions


MEMORY_OPTION = "memory_mib"
"""The option that limits the memory of the child, in MiB."""
PROCESS_OPTION = "process"
"""The option that says which process a plug-in runs in."""
LEAST_MIB = 64
"""Least memory that can be asked for: Python and numpy alone take about 50 MiB."""


class Process(StrEnum):
    """Where a plug-in's session runs."""

    CHILD = "child"
    """In a process of its own."""
    INKPORT = "inkport"
    """In inkport's: for debuggers, and for engines that no second process can use; nothing holds it there."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a plug-in may take, and where it runs.

    Raises:
        UsageError: If a limit is out of range, or cannot be kept on this system.
    """

    timeout_s: float = TIMEOUT_S
    """How long one answer may take, in seconds."""
    memory_mib: int | None = None
    """Most memory that the child may allocate, in MiB; the machine's if None."""
    process: Process = Process.CHILD
    """Where it runs."""

    def __post_init__(self) -> None:
        if self.memory_mib is not None and sys.platform != "linux":
            raise UsageError(f"{MEMORY_OPTION} is kept on Linux only", remedy="leave it out")
        if self.memory_mib is not None and self.memory_mib < LEAST_MIB:
            raise UsageError(f"{MEMORY_OPTION} must be at least {LEAST_MIB}, found {self.memory_mib}")

    @classmethod
    def take(cls, options: SessionOptions) -> tuple[Limits, SessionOptions]:
        """Return the limits among a session's options, and the options that are the plug-in's own.

        Raises:
            UsageError: If one is not possible.
        """
        extra = dict(options.extra)
        memory, process = extra.pop(MEMORY_OPTION, None), extra.pop(PROCESS_OPTION, Process.CHILD)
        if memory is not None and not (memory.isascii() and memory.isdecimal()):
            raise UsageError(f"{MEMORY_OPTION} must be a number of MiB, found {memory!r}")
        if process not in set(Process):
            raise UsageError(f"{PROCESS_OPTION} must be {' or '.join(Process)}, found {process!r}")
        limits = cls(
            timeout_s=parse_timeout(extra.pop(TIMEOUT_OPTION, str(TIMEOUT_S))),
            memory_mib=None if memory is None else int(memory),
            process=Process(process),
        )
        return limits, replace(options, extra=extra)

    def confine(self) -> None:
        """Limit the memory of this process, which is the plug-in's."""
        if sys.platform != "linux":
            return
        import resource

        # Where the machine's memory runs out, this process ends and not the one that the report is in.
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        if self.memory_mib is not None:
            # What is written to counts, and not address space that engines reserve and never touch (RLIMIT_AS).
            limit = self.memory_mib << 20
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
