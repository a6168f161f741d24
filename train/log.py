"""The log of a training: one JSON object per line, each step once, however often the run was killed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from inkport.core.files import write_atomically


LOG = "log.jsonl"
"""Name of the log in a run's folder."""


Entry: TypeAlias = Mapping[str, Any]
"""What is logged of a step: ``step``, and either figures of the training, ``loss`` among them, or of a validation."""


class Viewer(Protocol):
    """Shows the entries of a log elsewhere."""

    def begin(self, before: Sequence[Entry], again: Sequence[Entry]) -> None:
        """Get ready for a run.

        Args:
            before: What the log has of it so far; empty if it begins.
            again: What the log had beyond that when the run was killed, and will get once more.
        """

    def add(self, entry: Entry) -> None:
        """Show an entry."""


class TrainingLog:
    """The log of a run that begins, or goes on.

    What a killed run logged after its last checkpoint is dropped, because the run logs it again.

    Args:
        out: The run's folder; made if needed.
        step: The step that the run goes on after; 0 if it begins.
        viewers: Who else is handed the entries.
    """

    def __init__(self, out: Path, *, step: int, viewers: Sequence[Viewer] = ()) -> None:
        self._path, self._viewers = out / LOG, viewers
        out.mkdir(parents=True, exist_ok=True)
        found = list(_entries(self._path))
        write_atomically(self._path, "".join(text for text, entry in found if entry["step"] <= step))
        before = [entry for _, entry in found if entry["step"] <= step]
        again = [entry for _, entry in found if entry["step"] > step > 0]
        for viewer in viewers:
            viewer.begin(before, again)

    def add(self, entry: Entry) -> None:
        """Write an entry."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        for viewer in self._viewers:
            viewer.add(entry)


def key_of(entry: Entry) -> tuple[int, bool]:
    """Return what no two entries of a run have in common: a step is logged, and may be validated."""
    return entry["step"], "loss" in entry


def _entries(path: Path) -> Iterator[tuple[str, Entry]]:
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        try:
            # Not parse_json: a loss that is no number belongs into the log.
            entry = json.loads(text)
        except (ValueError, RecursionError):  # the line that the kill cut short
            continue
        if isinstance(entry, dict) and isinstance(entry.get("step"), int):
            yield text + "\n", entry
