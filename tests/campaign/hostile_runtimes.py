"""Runtimes that misbehave, each in one way; what they compute is otherwise what ONNX Runtime computes."""

from __future__ import annotations

import ctypes
import locale
import os
import random
import signal
import sys
import threading
import time
import warnings

import numpy as np

from inkport.core.runtime import Availability


class Honest:
    """Does what it should."""

    name, formats = "honest", ("onnx",)

    def probe(self):
        return Availability(ok=True, version="1", devices=("cpu",))

    def open(self, artifact, *, device, options):
        import onnxruntime as ort

        self.spec = artifact.spec
        self.engine = ort.InferenceSession(artifact.file(".onnx"), providers=["CPUExecutionProvider"])
        return self

    def logits(self, images):
        return self.engine.run(None, {"images": np.array(images)})[0]

    def run(self, images):
        return self.logits(images)

    def close(self):
        self.engine = None


def _raising(step, error):
    class Raises(Honest):
        pass

    def fail(*_, **__):
        raise error

    setattr(Raises, step, fail)
    return Raises


def _returning(change):
    class Returns(Honest):
        def run(self, images):
            return change(self.logits(images), images)

    return Returns


def _doing(deed, step="run"):
    """Do something to the process, then what is right."""

    class Does(Honest):
        pass

    def act(self, *arguments, **options):
        deed()
        return getattr(Honest, step)(self, *arguments, **options)

    setattr(Does, step, act)
    return Does


def _softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=2, keepdims=True))
    return exponentials / exponentials.sum(axis=2, keepdims=True)


class OwnError(BaseException):
    """No ``Exception``, as some frameworks raise to end a task."""


ProbeRaises = _raising("probe", RuntimeError("no driver"))
ProbeExits = _raising("probe", SystemExit(0))
ProbeReturnsNothing = type("ProbeReturnsNothing", (Honest,), {"probe": lambda _: None})
ProbeLies = type("ProbeLies", (Honest,), {"open": lambda *_, **__: 1 / 0})
OpenRaises = _raising("open", ValueError("no such thing"))
OpenExits = _raising("open", SystemExit(0))
OpenReturnsNothing = type("OpenReturnsNothing", (Honest,), {"open": lambda *_, **__: None})
RunRaises = _raising("run", ValueError("driver fell over"))
RunExits = _raising("run", SystemExit(0))
RunRaisesBase = _raising("run", OwnError("gone"))
RunFillsMemory = _raising("run", MemoryError())
RunRecurses = _raising("run", RecursionError("too deep"))
RunSegfaults = _doing(lambda: ctypes.string_at(0))
RunLeaves = _doing(lambda: os._exit(0))
RunInterrupts = _raising("run", KeyboardInterrupt())
OpenSegfaults = _doing(lambda: ctypes.string_at(0), "open")
Hangs = _doing(lambda: time.sleep(3600))
OpenHangs = _doing(lambda: time.sleep(3600), "open")
CloseHangs = _doing(lambda: time.sleep(3600), "close")
FillsMemory = _doing(lambda: [np.ones(1 << 24, np.float32) for _ in range(1 << 20)])
CloseRaises = _raising("close", RuntimeError("cannot close"))
CloseExits = _raising("close", SystemExit(0))
NamesNoFormats = type("NamesNoFormats", (Honest,), {"formats": ()})
FormatsAreNone = type("FormatsAreNone", (Honest,), {"formats": None})
NoRuntime = type("NoRuntime", (), {})

Probabilities = _returning(lambda logits, _: _softmax(logits))
FirstLineOnly = _returning(lambda logits, _: logits[:1])
FirstLineRepeated = _returning(lambda logits, _: np.repeat(logits[:1], len(logits), axis=0))
ReturnsNone = _returning(lambda *_: None)
ReturnsList = _returning(lambda logits, _: logits.tolist())
ReturnsDouble = _returning(lambda logits, _: logits.astype(np.float64))
ReturnsShort = _returning(lambda logits, _: logits[:, :-1])
ReturnsFlat = _returning(lambda logits, _: logits.reshape(-1))
ReturnsNan = _returning(lambda logits, _: np.where(logits == logits.max(), np.float32(np.nan), logits))
ReturnsInfinite = _returning(lambda logits, _: np.full_like(logits, np.inf))
ReturnsHuge = _returning(lambda logits, _: np.broadcast_to(np.float32(0), (logits.shape[0], 1 << 34, logits.shape[2])))
ReturnsReversed = _returning(lambda logits, _: logits[:, ::-1])
ReturnsObjects = _returning(lambda logits, _: logits.astype(object))
ReturnsReadOnly = _returning(lambda logits, _: np.frombuffer(logits.tobytes(), np.float32).reshape(logits.shape))


class ReturnsOneBuffer(Honest):
    """Returns views of one buffer that the next run overwrites."""

    buffer = np.zeros(1 << 20, np.float32)

    def run(self, images):
        logits = self.logits(images)
        view = self.buffer[: logits.size].reshape(logits.shape)
        view[:] = logits
        return view


class WritesIntoInput(Honest):
    """Uses its input as scratch space."""

    def run(self, images):
        logits = self.logits(images)
        images[:] = 0
        return logits


class WritesThroughAddress(Honest):
    """The same as an engine in C does it, which knows of no flags."""

    def run(self, images):
        logits = self.logits(images)
        ctypes.memset(images.ctypes.data, 0, images.nbytes)
        return logits


class KeepsInput(Honest):
    """Writes into the images of the run before."""

    kept = None

    def run(self, images):
        if self.kept is not None:
            ctypes.memset(self.kept.ctypes.data, 0, self.kept.nbytes)
        KeepsInput.kept = images
        return self.logits(images)


def _chatter():
    print("loading...")  # noqa: T201
    os.write(1, b"native chatter\n")
    os.write(2, b"\xff\xfe native warning\n")


def _settings():
    np.seterr(all="raise")
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    warnings.simplefilter("error")
    os.environ["LC_ALL"] = "C"
    locale.setlocale(locale.LC_ALL, "C")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.setrecursionlimit(400)


def _threads():
    for _ in range(20):
        threading.Thread(target=time.sleep, args=(3,), daemon=True).start()


def _leak():
    Leaks.kept.append(np.ones(1 << 20, np.float32))


Chatters = _doing(_chatter)
ChangesSettings = _doing(_settings)
ChangesFolder = _doing(lambda: os.chdir("/"), "open")
ClosesStdout = _doing(sys.stdout.close)
StartsThreads = _doing(_threads, "open")
Leaks = _doing(_leak)
Leaks.kept = []
Sleeps = _doing(lambda: time.sleep(0.2))
