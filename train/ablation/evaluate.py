"""Reading line sets with the weights of one run, in a process of its own: ``python -m`` this module.

What is written holds edits per line and no text, so that it can be shown where the lines cannot.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkport.core.config import parse_config, to_plain
from inkport.core.files import sha256_file, write_atomically
from inkport.core.metrics import cer
from inkport.lines.audit import audit_for
from inkport.lines.line import digest_lines
from inkport.lines.problem import Problem
from inkport.lines.source import read_lines


FORMAT_VERSION = 1
"""Version of the file."""


@dataclass(frozen=True, kw_only=True)
class EvaluationTask:
    """What to read, and with what."""

    weights: Path
    """Weights file."""
    lines: Mapping[str, tuple[Path, ...]]
    """Line sets by role."""
    skip: tuple[Problem, ...] = ()
    """Problems whose lines are left out."""
    out: Path
    """The file to write."""
    key: str
    """Stands in the file, to know it again."""
    threads: int
    """CPU threads."""


def evaluate(request: EvaluationTask) -> None:
    """Write, per role and line, the length of the text and the edits of its reading.

    Raises:
        LineDataError: If a line has a problem that is not skipped, or a line set is none.
        ArtifactError: If the weights cannot be read.
    """
    import torch

    from inkport.model.weights import load_weights

    torch.set_num_threads(request.threads)
    weights = load_weights(request.weights)
    network = weights.network().to("cuda" if torch.cuda.is_available() else "cpu")
    roles = {
        role: [_read_set(path, network, weights.spec, request.skip) for path in paths]
        for role, paths in request.lines.items()
    }
    document = {
        "schema": FORMAT_VERSION,
        "key": request.key,
        "weights_sha256": sha256_file(request.weights),
        "roles": roles,
    }
    write_atomically(request.out, json.dumps(document, ensure_ascii=False))


def _read_set(path: Path, network: Any, spec: Any, skip: Sequence[Problem]) -> dict[str, Any]:
    """Read one line set; one at a time, because prepared images take memory."""
    from inkport.train.network import read_all

    lines = list(read_lines([path]))
    audit = audit_for(lines, spec, skip=skip)
    rows = []
    for line, reading in zip(audit.lines, read_all(network, audit, spec.charset), strict=True):
        rate = cer([line.text], [reading])
        # The writer, or the document where no writer is known: what the report resamples.
        unit = " ".join(line.unit[1:]) if line.unit else ""
        rows.append([line.id, line.dataset, unit, rate.length, rate.edits])
    return {"sha256": digest_lines(lines), "skipped": len(audit.findings), "lines": rows}


def task_text(request: EvaluationTask) -> str:
    """Return the request as the one argument of this module's process."""
    return json.dumps(to_plain(request))


if __name__ == "__main__":
    evaluate(parse_config(EvaluationTask, json.loads(sys.argv[1]), where="request"))
