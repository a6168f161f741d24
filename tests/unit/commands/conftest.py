"""The command line in this process, with runtimes made of numpy."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pytest

from inkport import cli
from inkport.core import registry
from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.runtime import Availability
from inkport.core.target import Precision


class Run(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def inkport(monkeypatch, capsys):
    """Run a command line; return its exit code and what it printed."""

    def run(*arguments: object) -> Run:
        monkeypatch.setattr(sys, "argv", ["inkport", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return Run(caught.value.code, *capsys.readouterr())

    return run


@dataclass
class FakeRuntime:
    """Reads the darkness of each frame as a label: white paper is the blank."""

    name: str = "fake"
    formats: tuple[str, ...] = ("onnx",)
    availability: Availability = field(default_factory=lambda: Availability(ok=True, version="1.2", devices=("cpu",)))
    classes: int = 8
    gap: float = 9.0
    threads: list[int] = field(default_factory=list)
    closed: int = 0

    def probe(self):
        return self.availability

    def open(self, artifact, *, device, options):
        self.threads.append(options.threads)
        return self

    def run(self, images):
        darkness = 1 - images.reshape(*images.shape[:3], -1, 4).mean(axis=(1, 2, 4))
        labels = np.rint(darkness * (self.classes - 1)).astype(int)
        return self.gap * np.eye(self.classes, dtype=np.float32)[labels]

    def close(self):
        self.closed += 1


@dataclass
class FakePoint:
    """An entry point that yields a runtime, or raises."""

    name: str
    value: str
    outcome: FakeRuntime | Exception

    def load(self):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return lambda: self.outcome


@pytest.fixture
def register(monkeypatch):
    """Let these runtimes, and no others, be registered.

    Each is a pair of its name and its settings, or what loading it raises; returns the runtimes.
    """

    def replace(*wanted: tuple[str, dict[str, object] | Exception]) -> list[FakeRuntime | Exception]:
        outcomes = [FakeRuntime(name=n, **w) if isinstance(w, dict) else w for n, w in wanted]
        points = [
            FakePoint(n, f"package{i}:Runtime", o) for i, ((n, _), o) in enumerate(zip(wanted, outcomes, strict=True))
        ]
        # A plug-in would be loaded in another process, which knows nothing of these.
        monkeypatch.setattr(registry, "is_ours", lambda _: True)
        monkeypatch.setattr(registry, "entry_points", lambda **_: points)
        return outcomes

    return replace


@pytest.fixture
def onnx_artifact(toy_spec, tmp_path):
    """An artifact in the format that the fake runtime opens; its charset is `` abcdeé``."""
    with new_artifact(
        tmp_path / "model",
        spec=toy_spec,
        format="onnx",
        precision=Precision.INT8,
        provenance=Provenance(stage="test"),
    ) as folder:
        (folder / "model.onnx").write_bytes(b"fake")
    return load_artifact(tmp_path / "model")


@pytest.fixture
def fake(register, onnx_artifact, monkeypatch):
    """The fake runtime, with a bundled artifact for it."""
    (runtime,) = register(("fake", {}))
    monkeypatch.setattr("inkport.commands._reader.bundled_artifacts", lambda: (onnx_artifact,))
    return runtime
