"""``inkport runtimes``."""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass
from typing import Any

from inkport.commands._options import Json
from inkport.core.console import results, results_only
from inkport.core.errors import RuntimeCollisionError, RuntimeUnavailableError, failure_of
from inkport.core.registry import load_runtime, probe, runtime_names
from inkport.core.runtime import Availability
from inkport.core.verbosity import is_verbose


@dataclass(frozen=True)
class _Row:
    name: str
    formats: tuple[str, ...]
    availability: Availability
    trace: str


@results_only()
def runtimes(*, json_: Json = False) -> None:
    """List every registered runtime: what can run here, and for the rest the reason and the fix.

    With --verbose, the tracebacks of adapters that fail to load or to answer are shown, too.

    Args:
        json_: Print JSON.
    """
    verbose = is_verbose()
    rows = [_describe(name, verbose=verbose) for name in runtime_names()]
    if json_:
        results().write(json.dumps([_as_plain(row, verbose=verbose) for row in rows], indent=1) + "\n")
        return
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        results().write(_as_text(row, width) + "\n")
    if not rows:
        results().write("no runtime is registered\n")


def _describe(name: str, *, verbose: bool) -> _Row:
    try:
        formats, availability = tuple(load_runtime(name).formats), probe(name)
    except (RuntimeUnavailableError, RuntimeCollisionError) as error:
        formats, availability = (), Availability(ok=False, reason=error.message, remedy=error.remedy)
    return _Row(name, formats, availability, _trace(name) if verbose and not availability.ok else "")


def _trace(name: str) -> str:
    """Return the traceback of what loading and probing raise; empty if they raise nothing."""
    try:
        load_runtime(name).probe()
    except BaseException as error:  # noqa: BLE001 - a vendor's adapter may raise anything; it is shown, not handled
        failure_of(error)
        return traceback.format_exc()
    return ""


def _as_text(row: _Row, width: int) -> str:
    found = row.availability
    if found.ok:
        facts = (found.version, f"on {', '.join(found.devices)}", f"opens {', '.join(row.formats)}")
        return f"{row.name:<{width}}  {'  '.join(filter(None, facts))}"
    lines = [f"not available: {found.reason}"]
    if found.remedy:
        lines.append(f"fix: {found.remedy}")
    if row.formats:
        lines.append(f"opens {', '.join(row.formats)}")
    lines += row.trace.splitlines()
    indent = "\n" + " " * (width + 2)
    return f"{row.name:<{width}}  {indent.join(lines)}"


def _as_plain(row: _Row, *, verbose: bool) -> dict[str, Any]:
    found = row.availability
    plain: dict[str, Any] = {
        "name": row.name,
        "ok": found.ok,
        "version": found.version,
        "devices": list(found.devices),
        "formats": list(row.formats),
        "reason": found.reason,
        "remedy": found.remedy,
    }
    return {**plain, "traceback": row.trace} if verbose else plain
