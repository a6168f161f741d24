from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from inkport.core.errors import ImageError, SpecMismatchError
from inkport.core.preprocess import prepare
from inkport.core.recogniser import Recogniser


class ColumnSession:
    """Reads the mean gray of each frame as a label, so that the text is a function of the pixels alone."""

    def __init__(self, spec):
        self.spec, self.shapes = spec, []

    def run(self, images):
        self.shapes.append(images.shape)
        frames = images.reshape(*images.shape[:3], -1, self.spec.stride).mean(axis=(1, 2, 4))
        labels = np.rint((1 - frames) * (self.spec.charset.size - 1)).astype(int)
        return np.eye(self.spec.charset.size, dtype=np.float32)[labels]

    def close(self):
        pass


WIDTHS = (120, 480, 120, 132, 96, 480, 1200)


@pytest.fixture
def lines(rng):
    """Gray lines of seven widths, some of which share a padded width."""
    return [np.repeat(rng.random((1, w // 12), dtype=np.float32), 12, 1).repeat(48, 0) for w in WIDTHS]


def test_a_line_reads_alike_alone_and_in_any_batch_and_order(toy_spec, lines, rng):
    alone = [Recogniser(toy_spec, ColumnSession(toy_spec)).read([line])[0] for line in lines]
    assert len({reading.text for reading in alone}) == len(lines)
    for batch in (1, 2, 3, 100):
        for order in [rng.permutation(len(lines)) for _ in range(5)]:
            readings = Recogniser(toy_spec, ColumnSession(toy_spec)).read([lines[i] for i in order], batch=batch)
            assert readings == [alone[i] for i in order]


def test_batches_hold_one_width_and_no_more_lines_than_asked_for(toy_spec, lines):
    session = ColumnSession(toy_spec)
    Recogniser(toy_spec, session).read(lines, batch=2)
    assert sorted(shape[3] for shape in session.shapes for _ in range(shape[0])) == sorted(
        toy_spec.preprocess.padded_width(48, width) for width in WIDTHS
    )
    assert max(shape[0] for shape in session.shapes) == 2
    assert len(session.shapes) == 5


def test_the_reading_is_that_of_the_prepared_line(toy_spec, lines):
    recogniser = Recogniser(toy_spec, ColumnSession(toy_spec))
    assert recogniser.read(lines) == recogniser.read_prepared([prepare(x, toy_spec.preprocess) for x in lines])


def test_no_line_no_reading(toy_spec):
    assert Recogniser(toy_spec, ColumnSession(toy_spec)).read([]) == []


def test_one_bad_line_is_refused_before_anything_runs(toy_spec, lines):
    session = ColumnSession(toy_spec)
    with pytest.raises(ImageError):
        Recogniser(toy_spec, session).read([*lines, np.ones((1, 1), np.float32)])
    assert not session.shapes


def test_a_session_with_another_charset_is_refused(toy_spec, lines):
    class Wrong(ColumnSession):
        def run(self, images):
            return super().run(images)[:, :, :-1]

    with pytest.raises(SpecMismatchError, match="shape"):
        Recogniser(toy_spec, Wrong(toy_spec)).read(lines)


def test_the_toy_network_reads_alike_in_any_batch_and_order(toy_artifact, rng):
    """The network itself, not only the batching: neighbours change its logits by rounding at most."""
    from inkport.core.runtime import SessionOptions
    from inkport.model.runtime import TorchRuntime

    spec = toy_artifact.spec
    session = TorchRuntime().open(toy_artifact, device="cpu", options=SessionOptions())
    lines = [rng.random((48, 160), dtype=np.float32) for _ in range(3)]
    alone = [session.run(prepare(line, spec.preprocess))[0] for line in lines]
    for order in permutations(range(3)):
        together = session.run(np.concatenate([prepare(lines[i], spec.preprocess) for i in order]))
        np.testing.assert_allclose(together, np.stack([alone[i] for i in order]), atol=1e-5)
    recogniser = Recogniser(spec, session)
    texts = [recogniser.read([line])[0].text for line in lines]
    assert [r.text for r in recogniser.read(lines[::-1], batch=3)] == texts[::-1]
