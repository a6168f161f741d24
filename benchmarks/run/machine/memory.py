"""How much memory a process has taken at most, with the processes that it has started."""

from __future__ import annotations

import re
import sys
from pathlib import Path


PROC = Path("/proc")
"""Where Linux shows its processes."""


def peak_mib(pid: int, proc: Path = PROC) -> float | None:
    """Return the most memory that a process had resident so far, in MiB, plus that of its descendants.

    The peaks of several processes need not fall together: their sum is an upper limit. ``VmHWM`` counts from
    the start of the program; ``ru_maxrss`` would not do on Linux, because it counts from the fork, when the
    process still was a copy of its parent.

    Args:
        pid: The process; its descendants must still run to be counted.
        proc: Where the system shows its processes; another folder in tests.

    Returns:
        Absent where neither Linux nor ``getrusage`` tells; outside Linux, descendants are not counted.
    """
    if not (proc / str(pid) / "status").is_file():
        return _from_rusage()
    parents: dict[int, int] = {}
    peaks: dict[int, int] = {}
    for folder in proc.glob("[0-9]*"):
        try:
            status = (folder / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # It has ended meanwhile.
        parents[int(folder.name)] = _number(status, "PPid")
        peaks[int(folder.name)] = _number(status, "VmHWM")
    return sum(kib for found, kib in peaks.items() if _descends(found, pid, parents)) / 1024


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    seen: set[int] = set()
    while pid != ancestor:
        if pid in seen or pid not in parents:
            return False
        seen.add(pid)
        pid = parents[pid]
    return True


def _number(status: str, field: str) -> int:
    match = re.search(rf"^{field}:\s*(\d+)", status, flags=re.MULTILINE)
    return int(match.group(1)) if match else 0


def _from_rusage() -> float | None:
    try:
        import resource
    except ModuleNotFoundError:
        return None
    # macOS counts bytes, the BSDs KiB.
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
