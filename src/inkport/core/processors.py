"""How many processors this process gets: those that it may run on, or a container's share of them.

More threads than that do not run together, they take turns: a line takes longer than with fewer threads, and its time
says nothing about a machine that has them.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath


PROC = Path("/proc")
"""Where Linux shows its processes."""
CGROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows its control groups."""


def count_processors(*, proc: Path = PROC, cgroups: Path = CGROUPS) -> float:
    """Return the processors that this process gets, at most; a quota of a control group can be a fraction.

    Args:
        proc: Where the system shows its processes; another folder in tests.
        cgroups: Where it shows control groups; another folder in tests.

    Source:
        Linux, *Control Group v2* (``cpu.max``) and *CFS Bandwidth Control* (``cpu.cfs_quota_us``, version 1).
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([float(allowed), *_quotas(proc, cgroups)])


def sharing(threads: int, processors: float) -> str:
    """Return that ``threads`` have fewer ``processors`` than they are; nothing if there are enough.

    A quota a little below a whole number is one that the threads can live with.
    """
    if threads <= max(1.0, processors) + 0.05:
        return ""
    number = f"{processors:.2f}".rstrip("0").rstrip(".")
    return f"{threads} threads share {number} processor{'' if number == '1' else 's'}"


def _quotas(proc: Path, cgroups: Path) -> list[float]:
    found = []
    for row in _text(proc / "self" / "cgroup").splitlines():
        number, _, rest = row.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0":
            roots = (cgroups, cgroups / "unified")
            found += [_quota(folder) for root in roots for folder in _up(root, group)]
        elif "cpu" in controllers.split(","):
            found += [_old_quota(folder) for folder in _up(cgroups / "cpu", group)]
    return [quota for quota in found if quota is not None]


def _up(root: Path, group: str) -> list[Path]:
    """Return the folder of a group and those of all that it is in; in a container the path may be the host's."""
    parts = PurePosixPath(group).parts[1:]
    return [root.joinpath(*parts[:length]) for length in range(len(parts), -1, -1)]


def _quota(folder: Path) -> float | None:
    fields = _text(folder / "cpu.max").split()
    return _ratio(*fields) if len(fields) == 2 else None


def _old_quota(folder: Path) -> float | None:
    return _ratio(_text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip())


def _ratio(quota: str, period: str) -> float | None:
    """Return quota over period; None where there is no quota, which is "max" or -1."""
    if not quota.isdecimal() or not period.isdecimal() or int(period) == 0 or int(quota) == 0:
        return None
    return int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
