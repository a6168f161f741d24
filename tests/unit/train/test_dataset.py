from __future__ import annotations

import numpy as np
import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.ctc import frames_needed  # noqa: E402
from inkport.core.errors import RecipeError  # noqa: E402
from inkport.lines.audit import audit_lines  # noqa: E402
from inkport.lines.source import read_lines  # noqa: E402
from inkport.train.dataset import Join, Sampler, TrainingLines  # noqa: E402


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


def test_a_joined_line_is_both_lines_with_paper_and_a_space_between(audit, toy_spec):
    lines = TrainingLines(audit, toy_spec.charset, toy_spec.preprocess)
    batch = lines.batch([1, 3, 0], [2, -1, -1])
    one, two, width = lines.images[1], lines.images[2], int(batch.widths[0])
    assert width == one.shape[1] + 16 + two.shape[1]
    assert width % toy_spec.preprocess.width_multiple == 0
    image = batch.images[0, 0].numpy()
    assert np.array_equal(image[:, : one.shape[1]], one)
    assert np.array_equal(image[:, width - two.shape[1] : width], two)
    between = image[:, one.shape[1] : one.shape[1] + 16]
    assert set(between.ravel().tolist()) <= {np.bincount(x.ravel()).argmax() for x in (one, two)}
    texts = [audit.lines[i].text.strip() for i in (1, 2, 3, 0)]
    labels = batch.targets.split(batch.lengths.tolist())
    assert [toy_spec.charset.decode(y.tolist()) for y in labels] == [f"{texts[0]} {texts[1]}", texts[2], texts[3]]
    assert batch.needed.tolist() == [frames_needed(y.tolist()) for y in labels]
    assert batch.indices.tolist() == [1, 3, 0]


def test_partners_fit_and_leave_the_order_of_lines_alone():
    widths = np.random.default_rng(0).integers(32, 900, size=300)
    join = Join(probability=0.5, gap=16, labelled=250)
    plain, joined = Sampler(widths, batch=10, seed=5), Sampler(widths, batch=10, seed=5, join=join)
    steps = [(joined.step(s), joined.partners(s)) for s in range(30)]
    assert all((plain.partners(s) == -1).all() for s in range(30))
    lines, partners = (np.concatenate(x) for x in zip(*steps, strict=True))
    assert sorted(lines) == list(range(300))
    there = partners >= 0
    assert 0.1 < there.mean() < 0.5
    assert (lines[there] < 250).all()
    assert partners.max() < 250
    both = widths[lines] + np.where(there, 16 + widths[partners], 0)
    assert both.max() <= widths.max()
    padding = [(b.max() - b).mean() / b.max() for b in np.split(both, 30)]
    assert np.mean(padding) < 0.1
    again = Sampler(widths, batch=10, seed=5, join=join)
    assert np.array_equal(again.partners(17), steps[17][1])


def test_images_move_to_a_device_only_if_half_of_its_memory_is_left(audit, toy_spec):
    lines = TrainingLines(audit, toy_spec.charset, toy_spec.preprocess)
    size = lines.columns.numel()
    with pytest.raises(RecipeError, match="6 lines") as caught:
        lines.move(torch.device("cpu"), free=2 * size - 1)
    assert "data.resident = false" in caught.value.remedy
    before = lines.batch([0, 3])
    lines.move(torch.device("cpu"), free=2 * size)
    assert torch.equal(lines.batch([0, 3]).images, before.images)


@pytest.mark.device
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_makes_the_same_batches(audit, toy_spec):
    lines = TrainingLines(audit, toy_spec.charset, toy_spec.preprocess)
    before = lines.batch([4, 0, 2], [1, -1, -1])
    lines.move(torch.device("cuda"), free=torch.cuda.mem_get_info()[0])
    after = lines.batch([4, 0, 2], [1, -1, -1])
    assert after.images.device.type == "cuda"
    assert torch.equal(after.images.cpu(), before.images)


def test_an_epoch_holds_each_line_as_often_as_it_shall():
    widths = np.random.default_rng(0).integers(32, 900, size=60)
    times = np.repeat([3.0, 1.5, 1.0, 0.25], [10, 20, 18, 12])
    sampler = Sampler(widths, batch=3, seed=5, times=times)
    assert sampler.per_epoch == 27
    counts = [np.bincount(np.concatenate([sampler.step(e * 27 + s) for s in range(27)]), minlength=60) for e in (0, 1)]
    for count in counts:
        assert count.sum() == 81
        # At most one batch less one line is left over.
        assert (np.abs(count - times) < 1).sum() >= 58
        assert set(count[10:30]) <= {1, 2}
    mean = np.mean([np.bincount(sampler._repeated(times, e), minlength=60) for e in range(200)], axis=0)
    np.testing.assert_allclose(mean, times, atol=0.15)
