"""Time of small variants of one network in ONNX Runtime, compared with the network itself in the same minute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from inkport.commands._model import resolve_model
from inkport.core.registry import open_session
from inkport.core.scratch import scratch
from inkport.core.target import Precision
from inkport.export.plan import build


if TYPE_CHECKING:
    from inkport.core.runtime import CheckedSession
    from inkport.model.weights import Weights


class LatencyCost:
    """Called with weights, it returns the time of one line in ONNX Runtime, fp32, one thread, in nanoseconds.

    The machine's other work moves times from minute to minute, so variant and parent take turns, and what is
    returned is the median of their ratios times the parent's first median.

    Args:
        parent: The network that variants are compared with.
        width: Of the line, in pixels, a multiple of 16.
        turns: Times that parent and variant each run.
    """

    def __init__(self, parent: Weights, *, width: int = 1024, turns: int = 30) -> None:
        height = parent.spec.preprocess.height
        self._image = np.zeros((1, 1, height, width), np.float32)
        self._turns = turns
        self._parent = _session(parent)
        self._run(self._parent)
        self._base = float(np.median([self._run(self._parent) for _ in range(turns)]))

    def __call__(self, weights: Weights) -> float:
        """Return nanoseconds per line."""
        variant = _session(weights)
        self._run(variant)
        ratios = [self._run(variant) / self._run(self._parent) for _ in range(self._turns)]
        return self._base * float(np.median(ratios))

    def _run(self, session: CheckedSession) -> int:
        begin = time.perf_counter_ns()
        session.run(self._image)
        return time.perf_counter_ns() - begin


def _session(weights: Weights) -> CheckedSession:
    from inkport.model.weights import save_weights

    with scratch("latency") as folder:
        save_weights(folder / "weights.safetensors", weights)
        source = resolve_model(str(folder / "weights.safetensors"), work=folder)
        artifact = build(source, format="onnx", precision=Precision.FP32, work=folder)
        return open_session(artifact, runtime="onnxruntime")
