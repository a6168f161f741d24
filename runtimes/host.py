"""The child that a runtime's adapter runs in when it is not inkport's own: ``python -m inkport.runtimes.host TASK``.

TASK is JSON: the runtime's ``name``, its ``adapter`` (``package.module:Class``), the ``path`` to import it from, and
its ``limits`` (``inkport.core.limits.Limits``). The host answers as docs/child-protocol.md says, and times the session
alone.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import load_artifact
from inkport.core.child import KINDS, PROTOCOL
from inkport.core.config import parse_config, to_plain
from inkport.core.contract import kind_fault
from inkport.core.errors import InkportError, RuntimeExecutionError, failure_of
from inkport.core.limits import Limits
from inkport.core.loading import load_adapter, probe_adapter
from inkport.core.registry import GROUP
from inkport.core.runtime import Placed, SessionOptions, run_lent
from inkport.core.self_timed import Clocked
from inkport.core.spec import Decoder
from inkport.core.tensor_files import DTYPES, read_tensor, write_tensor
from inkport.core.texts import plain_texts, texts_fault
from inkport.runtimes.busy_threads import busy_threads, thread_times
from inkport.runtimes.ort_runner import Fields, RefusalError, serve


class Host:
    """Answers the operations; each method takes a request and returns the fields of its answer.

    Args:
        point: Where the adapter is.
        limits: What it may take; they hold already.
    """

    def __init__(self, point: EntryPoint, limits: Limits) -> None:
        self._point, self._limits, self._label = point, limits, point.name
        self._before: npt.NDArray[Any] | None = None

    def hello(self, request: Fields) -> Fields:
        """Load the adapter, and say what it is and whether its engine can run here."""
        del request
        with self._refusing():
            self._adapter = adapter = load_adapter(self._point)
            availability = probe_adapter(adapter)
        return {
            "protocol": PROTOCOL,
            "dtypes": list(DTYPES),
            "engine": str(adapter.name),
            "version": str(availability.version),
            "name": str(adapter.name),
            "formats": [str(name) for name in adapter.formats],
            "availability": to_plain(availability),
        }

    def open(self, request: Fields) -> Fields:
        """Open the artifact, and say how long that took."""
        device = request["device"]
        self._label = f"{self._point.name} on {device}"
        options = SessionOptions(threads=request["threads"], extra=request["options"])
        with self._refusing():
            artifact = load_artifact(Path(request["model"]))
            start = time.perf_counter_ns()
            self._inner = self._adapter.open(artifact, device=device, options=options)
            open_ns = time.perf_counter_ns() - start
        self._session, self._reads = Clocked(self._inner), artifact.spec.decoder is Decoder.TEXT
        return {"threads": options.threads, "open_ns": open_ns, "places": isinstance(self._inner, Placed)}

    def run(self, request: Fields) -> Fields:
        """Run the session on a tensor from a file, and write what it returns to another, or answer with its texts.

        Where the time counts, the images of the run before are run first: what a session does when its images get
        another shape is part of its time, and what the request has cleared from the processor's caches is not.
        """
        images = self._images(request)
        with self._refusing():
            if request.get("warm"):
                run_lent(self._session, images if self._before is None else self._before, label=self._label)
            self._before = images
            found = run_lent(self._session, images, label=self._label)
            fault = texts_fault(found, len(images)) if self._reads else _unwritable(found)
            if fault:
                raise RuntimeExecutionError(f"{fault} (on images {images.shape})")
        if self._reads:
            return {"texts": plain_texts(found), "run_ns": self._session.last_run_ns}
        write_tensor(Path(request["output"]), found)
        return {"shape": found.shape, "run_ns": self._session.last_run_ns}

    def threads(self, request: Fields) -> Fields:
        """Run the session on a tensor over and over, and count the threads that compute; 0 if the system hides them."""
        images = self._images(request)
        with self._refusing():
            self._inner.run(images)
            before = thread_times()
            for _ in range(request["runs"]):
                self._inner.run(images)
        return {"threads": busy_threads(before, thread_times())}

    def placement(self, request: Fields) -> Fields:
        """Say where the session's operators ran."""
        del request
        if not isinstance(self._inner, Placed):
            raise RefusalError("usage", "its session does not tell where its operators run")
        with self._refusing():
            return {"placement": to_plain(self._inner.placement())}

    def close(self, request: Fields) -> Fields:
        """Close the session."""
        del request
        if hasattr(self, "_session"):
            with self._refusing():
                self._session.close()
        return {}

    def _images(self, request: Fields) -> npt.NDArray[Any]:
        told = request["input"]
        return read_tensor(Path(told["file"]), told["shape"], label=self._label, dtype=told.get("dtype", DTYPES[0]))

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Answer with an error, of the kind that it is in this process, whatever the adapter raises."""
        try:
            yield
        except BaseException as raised:
            error = failure_of(raised)
            raise RefusalError(
                _kind(error),
                self._sentence(error),
                remedy=error.remedy if isinstance(error, InkportError) else "",
                trace="".join(traceback.format_exception(raised)),
            ) from raised

    def _sentence(self, error: Exception) -> str:
        said = error.message.removeprefix(f"{self._label}: ") if isinstance(error, InkportError) else repr(error)
        limit = self._limits.memory_mib
        if limit is not None and isinstance(error.__cause__ or error, MemoryError):
            return f"{said.rstrip(': ')} (it ran out of its memory, {limit} MiB)"
        return said


MOST_BYTES = 1 << 30
"""What nothing that is returned for lines comes near: broadcast arrays can be larger than any disk."""


def _unwritable(found: object) -> str | None:
    """Return why something cannot be handed over, in one phrase; what else is wrong with it is the parent's to say."""
    if not isinstance(found, np.ndarray) or found.dtype != np.float32:
        return kind_fault(found)
    return f"returns shape {found.shape}" if found.nbytes > MOST_BYTES else None


def _kind(error: Exception) -> str:
    if isinstance(error.__cause__, ModuleNotFoundError):
        return "unavailable"
    return next((kind for kind, cls in KINDS.items() if isinstance(error, cls)), "failed")


def main() -> None:
    """Limit this process, then serve the runtime that the only argument describes."""
    task = json.loads(sys.argv[1])
    limits = parse_config(Limits, task["limits"], where="limits")
    limits.confine()
    sys.path[:] = task["path"]
    serve(Host(EntryPoint(name=task["name"], value=task["adapter"], group=GROUP), limits))


if __name__ == "__main__":
    main()
