"""Targets of `inkport debug`: opened, run and traced on one line."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.checks.debug.divergence import Traced as Trace
from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeExecutionError, UsageError
from inkport.core.registry import load_runtime, open_session, probe
from inkport.core.runtime import Availability, CheckedSession, Runtime, SessionOptions, Traced, check_returned, lend
from inkport.runtimes.onnx_reference import OnnxReference


DEBUG_ONLY: dict[str, Runtime] = {OnnxReference.name: OnnxReference()}
"""Runtimes that are no targets of `inkport verify`, by name."""


@dataclass(frozen=True, kw_only=True)
class DebugTarget:
    """One of the two targets."""

    label: str
    """How the user named it."""
    runtime: str
    """Name of a runtime."""
    artifact: Artifact
    """What it runs."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A target that has been traced."""

    target: DebugTarget
    """The target."""
    version: str
    """Version of its SDK."""
    session: Traced = field(repr=False)
    """What can cut parts out of its model."""
    trace: Trace = field(repr=False)
    """What it computed."""
    logits: npt.NDArray[np.float32] | None = field(repr=False)
    """What its session computes without being traced; None where that fails."""
    note: str
    """What is special about its trace."""


def runtime_for(name: str) -> Runtime:
    """Return a runtime by name, those for debugging alone included.

    Raises:
        InkportError: What ``load_runtime`` raises.
    """
    return DEBUG_ONLY.get(name) or load_runtime(name)


def availability(name: str) -> Availability:
    """Return whether a runtime can run here, those for debugging alone included."""
    return DEBUG_ONLY[name].probe() if name in DEBUG_ONLY else probe(name)


def open_target(target: DebugTarget, images: npt.NDArray[np.float32]) -> Opened:
    """Open a target, run it and trace it; the session is closed again.

    An ONNX file that its runtime refuses is traced by ONNX's reference evaluator instead, and the note says so.

    Args:
        target: The target.
        images: One prepared line, float32 (1, 1, h, w).

    Raises:
        UsageError: If the runtime has no way to tell what it computes on the way.
        InkportError: If it cannot be opened or traced.
    """
    note = ""
    try:
        checked = _open(target, target.runtime)
    except ArtifactCorruptError as error:
        if target.artifact.format not in OnnxReference.formats or target.runtime in DEBUG_ONLY:
            raise
        note = f"traced by {OnnxReference.name}, because {target.runtime} refuses it: {_first_line(error.message)}"
        checked = _open(target, OnnxReference.name)
    with checked:
        session = checked.session
        if not isinstance(session, Traced):
            raise UsageError(
                f"{target.label}: {target.runtime} does not tell what it computes on the way",
                remedy="debug torch, onnxruntime, openvino, coreml-mil or onnx-reference",
            )
        lent = lend(images)
        trace = Trace(label=target.label, precision=target.artifact.precision, trace=session.intermediates(lent))
        check_returned(lent, images, label=target.label)
        try:
            logits = checked.run(images)
        except RuntimeExecutionError as error:
            logits, note = None, note or f"its session fails: {_first_line(error.message)}"
    version = availability(target.runtime).version
    # Closing frees the engine; the tracer keeps what it needs to cut parts out.
    return Opened(target=target, version=version, session=session, trace=trace, logits=logits, note=note)


def _open(target: DebugTarget, runtime: str) -> CheckedSession:
    if runtime in DEBUG_ONLY:
        session = DEBUG_ONLY[runtime].open(target.artifact, device="cpu", options=SessionOptions())
        return CheckedSession(session, target.artifact.spec, label=target.label)
    return open_session(target.artifact, runtime=runtime)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"
