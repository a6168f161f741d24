"""What a network takes and returns, and the contract: every combination against a network written as loops."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from inkport.core.adapted import AdaptedSession, adapted
from inkport.core.charset import Charset
from inkport.core.errors import RuntimeExecutionError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.preprocess_settings import Channels
from inkport.core.runtime import CheckedSession
from inkport.core.spec import Axes, Dtype, Layout, NativeSpec, RecogniserSpec, Scores


CLASSES, STRIDE = 5, 4


class Native:
    """A network with ends of its own: frame t of class k is the sum of the pixels of its columns, times k + 1."""

    def __init__(self, spec):
        self.spec, self.given = spec, []

    def run(self, images):
        self.given.append(images)
        native = self.spec.native
        if native.layout is Layout.NHWC:
            images = images.transpose(0, 3, 1, 2)
        lines = [logits(image, native.blank) for image in images.astype(np.float64)]
        scores = np.stack(lines)
        if native.scores is not Scores.LOGITS:
            scores = scores - np.log(np.exp(scores).sum(axis=2, keepdims=True))
        if native.scores is Scores.PROBABILITIES:
            scores = np.exp(scores)
        order = {Axes.NTC: (0, 1, 2), Axes.TNC: (1, 0, 2), Axes.NCT: (0, 2, 1)}[native.axes]
        return np.ascontiguousarray(scores.transpose(order)).astype(np.float32)

    def close(self):
        self.given = None


def logits(image, blank):
    """Scores of one line, with the blank in its native place."""
    rows = []
    for frame in range((image.shape[2] - 4) // STRIDE):
        total = image[:, :, frame * STRIDE : (frame + 1) * STRIDE].mean()
        rows.append([total * (1 + symbol) % 3.0 for symbol in range(CLASSES)])
        rows[-1][blank] = 0.5
    return np.array(rows)


def spec_of(*, channels=Channels.GRAY, **native):
    return RecogniserSpec(
        name="n",
        version="1",
        preprocess=PreprocessSpec(height=8, width_multiple=1, min_width=16, max_width=99, channels=channels),
        charset=Charset(tuple("abcd"), free=True),
        stride=STRIDE,
        native=NativeSpec(input="x", output="y", offset=-4, **native),
    )


@pytest.mark.parametrize("ends", list(product(Layout, Axes, Scores, (0, 2, 4), (0, 2))), ids=str)
def test_every_combination_gives_the_same_readings(ends, rng):
    layout, axes, scores, blank, batch = ends
    spec = spec_of(layout=layout, axes=axes, scores=scores, blank=blank, batch=batch, channels=Channels.RGB)
    images = rng.random((3, 3, 8, 37), dtype=np.float32)
    native = Native(spec)
    found = CheckedSession(native, spec, label="n").run(images)
    assert found.shape == (3, (37 - 4) // STRIDE, CLASSES)
    for line, image in zip(found, images, strict=True):
        expected = logits(image.astype(np.float64), blank)
        order = [blank, *(label for label in range(CLASSES) if label != blank)]
        # Logarithms of probabilities are logits, but for a number per frame.
        np.testing.assert_allclose(
            line - line.mean(axis=1, keepdims=True),
            (expected - expected.mean(axis=1, keepdims=True))[:, order],
            atol=1e-4,
        )
    assert {given.shape[0] for given in native.given} == ({2} if batch else {3})
    assert {given.shape[1:] for given in native.given} == {(3, 8, 37) if layout is Layout.NCHW else (8, 37, 3)}


def test_bytes_are_rounded_values():
    spec = spec_of(dtype=Dtype.UINT8)
    native = Native(spec)
    CheckedSession(native, spec, label="n").run(np.full((1, 1, 8, 17), 254.6, np.float32))
    assert native.given[0].dtype == np.uint8
    assert (native.given[0] == 255).all()


def test_probabilities_of_zero_stay_finite():
    spec = spec_of(scores=Scores.PROBABILITIES)

    class Sure(Native):
        def run(self, images):
            return np.eye(CLASSES, dtype=np.float32)[None, [1, 0, 2]]

    found = CheckedSession(Sure(spec), spec, label="n").run(np.zeros((1, 1, 8, 16), np.float32))
    assert np.isfinite(found).all()
    assert found.argmax(axis=2).tolist() == [[1, 0, 2]]


@pytest.mark.parametrize("returned", [None, np.zeros((3, 2), np.float32), np.zeros((1, 3, 2), np.float32)])
def test_what_is_no_array_of_scores_is_named(returned):
    spec = spec_of(blank=4)

    class Broken(Native):
        def run(self, images):
            return returned

    with pytest.raises(RuntimeExecutionError, match="returns"):
        CheckedSession(Broken(spec), spec, label="n").run(np.zeros((1, 1, 8, 16), np.float32))


def test_only_the_network_is_timed(monkeypatch):
    import inkport.core.adapted as module

    spec, ticks = spec_of(batch=1), iter([0, 5, 100, 107])
    monkeypatch.setattr(module.time, "perf_counter_ns", lambda: next(ticks))
    session = AdaptedSession(Native(spec), spec)
    session.run(np.zeros((2, 1, 8, 16), np.float32))
    assert session.last_run_ns == 12


def test_our_own_networks_need_no_adapter(toy_spec):
    native = Native(toy_spec)
    assert adapted(native, toy_spec) is native
