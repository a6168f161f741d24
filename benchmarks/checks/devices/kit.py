"""The kit of a run: made once, and taken up again while what it is made of stays the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from inkport import __version__
from inkport.benchmarks.checks.kit.make import KitRequest, make_kit
from inkport.benchmarks.run.kit.open import Kit, open_kit
from inkport.benchmarks.run.progress import Progress
from inkport.core.config import to_plain
from inkport.core.documents import read_json
from inkport.core.errors import InkportError
from inkport.core.files import write_atomically
from inkport.lines.source import digest_lines


def provide_kit(request: KitRequest, folder: Path, *, progress: Progress) -> Kit:
    """Return the kit in ``folder``, made if there is none, or one of something else, or a damaged one.

    Raises:
        InkportError: What making it raises.
    """
    path, sidecar, key = folder / "kit.zip", folder / "kit.json", _key(request)
    try:
        known = read_json(sidecar)
        kit = open_kit(path)
        if known == {"request": key, "kit": kit.digest}:
            return kit
    except (OSError, InkportError):
        pass
    kit = make_kit(request, path, progress=progress)
    write_atomically(sidecar, json.dumps({"request": key, "kit": kit.digest}) + "\n")
    return kit


def _key(request: KitRequest) -> str:
    asked = [
        __version__,
        request.model.digest,
        to_plain(request.targets),
        digest_lines(request.audit.lines),
        request.lines,
        request.golden,
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
