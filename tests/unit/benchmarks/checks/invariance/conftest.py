"""Sessions made of numpy, one right and the others each wrong in one way, and lines for them."""

from __future__ import annotations

import threading
from typing import ClassVar

import numpy as np
import pytest

from inkport.core.charset import Charset
from inkport.core.errors import UsageError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.runtime import CheckedSession
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.runtimes.logits import TOLERANCES, sample_images
from inkport.runtimes.relations.findings import Sample, Subject


SPEC = RecogniserSpec(
    name="numpy", version="1", preprocess=PreprocessSpec(max_width=512), charset=Charset(tuple("abcdefg")), stride=4
)


class Right:
    """Each frame looks at its columns, and a little at the mean of the whole line."""

    def __init__(self, threads=1):
        self.weights = np.random.default_rng(5).normal(size=(4 * 48, SPEC.charset.size)).astype(np.float32)

    def run(self, images):
        n, _, _, w = images.shape
        columns = np.ascontiguousarray(images[:, 0].transpose(0, 2, 1)).reshape(n, w // 4, -1)
        local = np.stack([line @ self.weights for line in columns])
        return local + np.float32(0.1) * local.mean(axis=1, keepdims=True)

    def close(self):
        pass


class BatchPadding(Right):
    """Fills the end of each line from its neighbour, as a batch padded to its widest line does."""

    def run(self, images):
        padded = images.copy()
        padded[..., -16:] = np.roll(images, 1, axis=0)[..., -16:]
        return super().run(padded)


class BatchScale(Right):
    """Quantizes with one scale for the whole batch: a small effect of the neighbours."""

    def run(self, images):
        scale = np.abs(images).max() / np.float32(127)
        return super().run(np.round(images / scale) * scale) * np.float32(1 + 0.001 * len(images))


class SecondRowLost(Right):
    """Returns the first line's logits for the third line of a batch and those after it."""

    def run(self, images):
        logits = super().run(images)
        logits[2:] = logits[:1]
        return logits


class KeepsState(Right):
    """A recurrent state that is not reset between lines."""

    state = np.float32(0)

    def run(self, images):
        logits = super().run(images)
        logits[..., 1] += self.state
        self.state = np.float32(0.5) * self.state + logits[..., 1].mean()
        return logits


class Drifts(Right):
    """Adds a little more each time."""

    runs = 0

    def run(self, images):
        self.runs += 1
        return super().run(images) + np.float32(1e-6 * self.runs) * np.arange(SPEC.charset.size, dtype=np.float32)


class ColdStart(Right):
    """Wrong on the first call after loading."""

    warm = False

    def run(self, images):
        logits = super().run(images)
        if not self.warm:
            logits = np.roll(logits, 1, axis=2)
        self.warm = True
        return logits


class CropsAt256(Right):
    """Fixed width: what lies beyond 256 px is never seen."""

    def run(self, images):
        seen = images.copy()
        seen[..., 256:] = 1
        return super().run(seen)


class OneFrameShort(Right):
    """Loses the last frame of widths that are no multiple of 32."""

    def run(self, images):
        logits = super().run(images)
        return logits[:, :-1] if images.shape[3] % 32 else logits


class HallucinatesInPadding(Right):
    """Reads a symbol where there is nothing but a lot of paper."""

    def run(self, images):
        logits = super().run(images)
        if (images[..., -32:] == 1).all():
            logits[:, -1, 3] = 99
        return logits


class ThreadsMatter(Right):
    def __init__(self, threads=1):
        super().__init__()
        self.weights = self.weights * np.float32(1) if threads == 1 else np.roll(self.weights, 1, axis=1)


class OneThreadOnly(Right):
    def __init__(self, threads=1):
        if threads != 1:
            raise UsageError("one thread only")
        super().__init__()


class SharedScratch(Right):
    """Two sessions write into one buffer; whoever comes second wins."""

    buffer: ClassVar[dict[str, np.ndarray]] = {}
    meeting = threading.Barrier(2)

    def run(self, images):
        logits = super().run(images)
        if threading.current_thread() is threading.main_thread():
            return logits
        # Both threads have written before either reads, so the fault does not depend on luck.
        own = SharedScratch.buffer
        self.meeting.wait(timeout=20)
        own["last"] = logits
        self.meeting.wait(timeout=20)
        seen = own["last"]
        self.meeting.wait(timeout=20)
        return seen if seen.shape == logits.shape else np.roll(logits, 1, axis=2)


class Crashes(Right):
    def run(self, images):
        if len(images) > 2:
            raise RuntimeError("no kernel for a batch of 3")
        return super().run(images)


@pytest.fixture
def subject():
    """Make a subject of a session class; the reference is the right one."""

    def make(session=Right, *, precision=Precision.FP32, reference=True):
        right = Right()
        return Subject(
            spec=SPEC,
            tolerance=TOLERANCES[precision],
            open=lambda threads: CheckedSession(session(threads), SPEC, label="numpy on cpu"),
            threads=1,
            reference=right.run if reference else None,
        )

    return make


@pytest.fixture
def samples():
    """Seven lines of different widths, with paper at their right ends."""
    widths = (96, 240, 32, 160, 304, 64, 416)
    return [Sample(f"line-{i}", sample_images(SPEC.preprocess, w, lines=1, seed=i)) for i, w in enumerate(widths)]
