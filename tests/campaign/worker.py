"""The fuzzed process: works through its inputs and says on a pipe which one it is at, and how each ended.

``python -m campaign.worker REQUEST`` with the request as JSON. One line per event: ``B kind index`` before an input,
``E kind index`` after it (success), ``R`` (refused by an ``InkportError``), ``F`` and a JSON object (anything else).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
import warnings
from collections import Counter
from pathlib import Path

from campaign.case import run_case
from inkport.core.errors import InkportError


KEPT = 3
"""Inputs kept of each fault; the others can be made again by kind and number."""


def main() -> None:
    """Work through the request."""
    request = json.loads(sys.argv[1])
    events, work, out = int(request["events"]), Path(request["work"]), Path(request["out"])
    warnings.simplefilter("ignore")
    kept: Counter[str] = Counter()
    for kind, first, count in request["plan"]:
        for index in range(first, first + count):
            os.write(events, f"B {kind} {index}\n".encode())
            folder = work / f"{kind}-{index}"
            folder.mkdir(parents=True)
            event, fault = _run(kind, index, request, folder)
            if fault:
                kept[fault["where"]] += 1
                if kept[fault["where"]] <= KEPT:
                    shutil.copytree(folder, out / folder.name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(folder)
            end = f"{event} {kind} {index} {peak_kb()} {json.dumps(fault)}\n"
            os.write(events, end.encode())


def _run(kind: str, index: int, request: dict, folder: Path) -> tuple[str, dict | None]:
    try:
        run_case(kind, index, seed=request["seed"], seeds=Path(request["seeds"]), folder=folder)
    except InkportError:
        return "R", None
    except BaseException as error:  # noqa: BLE001 - whatever else comes is what is looked for
        return "F", describe(error)
    return "E", None


def describe(error: BaseException) -> dict:
    """Return what was raised, and from which line of inkport."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "campaign" not in Path(frame.filename).parts] or list(frames)
    inside = [frame for frame in ours if "site-packages" not in frame.filename and "/lib/python" not in frame.filename]
    last = (inside or ours)[-1]
    place = "/".join(Path(last.filename).parts[-3:])
    return {
        "error": type(error).__name__,
        "message": str(error)[:200],
        "where": f"{type(error).__name__} in {place}, {last.name}",
        "line": f"{place}:{last.lineno}",
    }


def peak_kb() -> int:
    """Return the largest resident size so far, in KiB; of this program alone, unlike ``ru_maxrss``."""
    for row in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if row.startswith("VmHWM"):
            return int(row.split()[1])
    return 0


if __name__ == "__main__":
    main()
