"""ONNX Runtime behind the protocol of docs/child-protocol.md, for another Python: it imports nothing of inkport.

``python ort_runner.py`` needs numpy and onnxruntime. It is also the shortest complete example of a child.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


PROTOCOL = 1
"""Version of the protocol that this file speaks."""

# From 1.29 on ONNX Runtime reports to its makers on Linux, unless it is told not to before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

Fields = dict[str, Any]
"""A parsed request, or the fields of an answer."""


class RefusalError(Exception):
    """An error that the parent tells apart by its kind: ``unavailable``, ``model``, ``usage`` or ``failed``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Runner:
    """Answers the operations; each method takes a request and returns the fields of its answer."""

    def hello(self, request: Fields) -> Fields:
        """Say what this is; imports the engine, so that one that does not import shows here."""
        import onnxruntime as ort

        del request
        return {"protocol": PROTOCOL, "engine": "onnxruntime", "version": ort.__version__}

    def open(self, request: Fields) -> Fields:
        """Load the model."""
        import onnxruntime as ort

        if request["device"] != "cpu":
            raise RefusalError("unavailable", f"onnxruntime here runs on cpu, not on {request['device']}")
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = request["threads"]
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(request["model"], settings, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise RefusalError("model", f"onnxruntime cannot load it ({error})") from error
        self._input, self._output = request["input"], request["output"]
        return {"threads": request["threads"]}

    def run(self, request: Fields) -> Fields:
        """Read a tensor from a file, run the model, write its output to another."""
        import numpy as np

        images = np.fromfile(request["input"]["file"], "<f4").reshape(request["input"]["shape"])
        start = time.perf_counter_ns()
        (logits,) = self._session.run([self._output], {self._input: images})
        elapsed = time.perf_counter_ns() - start
        logits.astype("<f4", copy=False).tofile(request["output"])
        return {"shape": logits.shape, "run_ns": elapsed}

    def close(self, request: Fields) -> Fields:
        """Have nothing to tidy up: the process ends after the answer."""
        del request
        return {}


def serve(runner: Runner) -> None:
    """Answer requests in order until ``close`` or the end of stdin."""
    # Whatever a library prints must not end up between the answers.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            request = json.loads(line)
            answers.write(json.dumps({"id": request["id"]} | _answer(runner, request)) + "\n")
            answers.flush()
            if request["op"] == "close":
                return


def _answer(runner: Runner, request: Fields) -> Fields:
    operation: Callable[[Fields], Fields] | None = getattr(runner, request["op"], None)
    try:
        if operation is None:
            raise RefusalError("usage", f"operation {request['op']!r} is not known")
        return {"ok": True, **operation(request)}
    except Exception as error:  # noqa: BLE001 - the parent decides what an error means
        kind = error.kind if isinstance(error, RefusalError) else "failed"
        return {"ok": False, "error": {"kind": kind, "message": str(error)}}


if __name__ == "__main__":
    serve(Runner())
