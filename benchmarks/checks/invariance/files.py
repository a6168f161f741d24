"""The files of a run: the report, and one file per example that shows a violation when it is run alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from inkport.benchmarks.checks.invariance.run import Checked
from inkport.benchmarks.checks.invariance.sections import present
from inkport.benchmarks.report.files import write_views
from inkport.core.files import write_atomically
from inkport.runtimes.relations.shrink import Example


def write_checks(checked: Checked, folder: Path) -> None:
    """Write the examples and, last, ``metamorphic.json`` and its views into ``folder``, each in one step.

    An example holds ``images`` float32 (n, 1, h, w), as they were run, and ``expected`` and ``found`` float32 (t, k),
    the logits of the line that differs; these two are left out where the run failed.
    """
    for name, example in checked.examples.items():
        write_atomically(folder / name, _npz(example))
    write_views(present(checked.report), folder, stem="metamorphic", json=checked.report.to_json())


def _npz(example: Example) -> bytes:
    worst = example.violation
    arrays: dict[str, Any] = {"images": worst.image, "expected": worst.expected, "found": worst.found}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array for name, array in arrays.items() if array is not None})
    return buffer.getvalue()
