"""ONNX Runtime behind the protocol of docs/child-protocol.md, for another Python: it imports nothing of inkport.

``python ort_runner.py`` needs numpy and onnxruntime. It is also the shortest complete example of a child.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


PROTOCOL = 1
"""Version of the protocol that this file speaks."""

# From 1.29 on ONNX Runtime reports to its makers on Linux, unless it is told not to before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

Fields = dict[str, Any]
"""A parsed request, or the fields of an answer."""


class RefusalError(Exception):
    """An error that the parent tells apart by its kind.

    Args:
        kind: ``unavailable``, ``model``, ``format``, ``usage`` or ``failed``.
        message: One sentence.
        remedy: What to do about it, if there is something.
        trace: Traceback of what was raised, if that helps.
    """

    def __init__(self, kind: str, message: str, *, remedy: str = "", trace: str = "") -> None:
        super().__init__(message)
        self.kind, self.remedy, self.trace = kind, remedy, trace


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


def serve(runner: object) -> None:
    """Answer requests in order until ``close`` or the end of stdin.

    Args:
        runner: Has a method for each operation, as ``Runner`` has.
    """
    # What a library prints must not end up between the answers, nor what it reads be taken from the requests.
    with (
        os.fdopen(os.dup(1), "w", encoding="utf-8") as answers,
        os.fdopen(os.dup(0), encoding="utf-8") as requests,
        Path(os.devnull).open("rb") as nothing,
    ):
        os.dup2(2, 1)
        os.dup2(nothing.fileno(), 0)
        for line in requests:
            request = json.loads(line)
            answers.write(json.dumps({"id": request["id"]} | _answer(runner, request)) + "\n")
            answers.flush()
            if request["op"] == "close":
                return


def _answer(runner: object, request: Fields) -> Fields:
    operation: Callable[[Fields], Fields] | None = getattr(runner, request["op"], None)
    try:
        if operation is None:
            raise RefusalError("usage", f"operation {request['op']!r} is not known")
        return {"ok": True, **operation(request)}
    except Exception as error:  # noqa: BLE001 - the parent decides what an error means
        refusal = error if isinstance(error, RefusalError) else RefusalError("failed", str(error))
        told = {"kind": refusal.kind, "message": str(refusal), "remedy": refusal.remedy, "traceback": refusal.trace}
        return {"ok": False, "error": {name: said for name, said in told.items() if said}}


if __name__ == "__main__":
    serve(Runner())
