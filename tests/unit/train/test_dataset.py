from __future__ import annotations

import numpy as np
import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.ctc import frames_needed  # noqa: E402
from inkport.lines.audit import audit_lines  # noqa: E402
from inkport.lines.source import read_lines  # noqa: E402
from inkport.train.dataset import Sampler, TrainingLines  # noqa: E402


@pytest.fixture
def audit(toy_spec, lines_folder):
    return audit_lines(
        read_lines([lines_folder]), charset=toy_spec.charset, preprocess=toy_spec.preprocess, stride=toy_spec.stride
    )


def test_batch_holds_the_prepared_images_and_labels(audit, toy_spec):
    lines = TrainingLines(audit, toy_spec.charset, toy_spec.preprocess)
    batch = lines.batch([4, 0, 2])
    start = 0
    for row, index in enumerate([4, 0, 2]):
        prepared, text = audit.inputs[index][0, 0], audit.lines[index].text
        width = prepared.shape[1]
        assert batch.widths[row] == width
        np.testing.assert_allclose(batch.images[row, 0, :, :width].numpy() / 255, prepared, atol=0.5 / 255 + 1e-6)
        assert (batch.images[row, 0, :, width:] == 255).all()
        labels = batch.targets[start : start + batch.lengths[row]].tolist()
        assert toy_spec.charset.decode(labels) == text.strip()
        assert batch.needed[row] == frames_needed(labels)
        start += len(labels)
    assert start == len(batch.targets)


def test_each_epoch_sees_each_line_once_in_another_order():
    widths = np.random.default_rng(0).integers(32, 900, size=120)
    sampler = Sampler(widths, batch=8, seed=5)
    epochs = [np.concatenate([sampler.step(e * 15 + s) for s in range(15)]) for e in range(2)]
    assert all(sorted(epoch) == list(range(120)) for epoch in epochs)
    assert not np.array_equal(*epochs)


def test_a_step_depends_on_seed_and_step_alone():
    widths = np.random.default_rng(0).integers(32, 900, size=500)
    forward = Sampler(widths, batch=16, seed=5)
    sequence = [forward.step(s) for s in range(70)]
    backward = Sampler(widths, batch=16, seed=5)
    for s in reversed(range(70)):
        assert np.array_equal(backward.step(s), sequence[s])
    assert not np.array_equal(Sampler(widths, batch=16, seed=6).step(0), sequence[0])


def test_neighbours_in_a_batch_have_like_widths():
    widths = np.random.default_rng(0).integers(32, 900, size=2000)
    sampler = Sampler(widths, batch=16, seed=5)
    padding = [(widths[b].max() - widths[b]).mean() / widths[b].max() for b in map(sampler.step, range(100))]
    shuffled = np.random.default_rng(1).permutation(2000)[: 16 * 100].reshape(100, 16)
    unsorted = [(widths[b].max() - widths[b]).mean() / widths[b].max() for b in shuffled]
    assert np.mean(padding) < 0.2 * np.mean(unsorted)


def test_fewer_lines_than_a_batch_still_train():
    assert sorted(Sampler(np.array([50, 60, 70]), batch=8, seed=1).step(4)) == [0, 1, 2]
