"""What has been done on a device so far, on disk, so that a killed run goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inkport.core.config import parse_config, to_plain
from inkport.core.documents import read_json
from inkport.core.errors import InkportError
from inkport.core.files import write_atomically
from inkport.runtimes.devices.describe import Description
from inkport.runtimes.devices.sensors import Sensors


@dataclass(frozen=True, kw_only=True)
class RunState:
    """How far one target has come."""

    job: str | None = None
    """Name of the job's folder on the device."""
    waited_s: float = 0.0
    """How long it waited for the device to cool, in seconds."""
    before: Sensors | None = None
    """The sensors right before the job."""
    after: Sensors | None = None
    """The sensors right after it."""
    result_sha256: str | None = None
    """Digest of the result once it is here."""


@dataclass(frozen=True, kw_only=True)
class State:
    """How far all of them have come."""

    key: str
    """Digest of what was asked for: the state of another request is none."""
    description: Description | None = None
    """What the device is."""
    runs: Mapping[str, RunState] = field(default_factory=dict)
    """The targets by name."""


class StateFile:
    """The state of one device, saved at each change.

    Args:
        path: The file.
        key: Digest of what is asked for. A state of anything else, or one that cannot be read, is started again.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self.state = _load(path, key) or State(key=key)

    def run(self, target: str) -> RunState:
        """Return how far a target has come."""
        return self.state.runs.get(target, RunState())

    def describe(self, description: Description) -> None:
        """Remember what the device is."""
        self._save(replace(self.state, description=description))

    def update(self, target: str, **changes: Any) -> RunState:
        """Change fields of a target's ``RunState``, and save."""
        run = replace(self.run(target), **changes)
        self._save(replace(self.state, runs={**self.state.runs, target: run}))
        return run

    def forget(self, target: str) -> None:
        """Have a target begin again next time."""
        self._save(replace(self.state, runs={name: run for name, run in self.state.runs.items() if name != target}))

    def finish(self) -> None:
        """Forget everything: the next run measures again."""
        self._path.unlink(missing_ok=True)

    def _save(self, state: State) -> None:
        self.state = state
        write_atomically(self._path, json.dumps(to_plain(state), ensure_ascii=False, indent=1) + "\n")


def _load(path: Path, key: str) -> State | None:
    try:
        state = parse_config(State, read_json(path), where=path.name)
    except (ValueError, InkportError):
        return None
    return state if state.key == key else None
