from __future__ import annotations

import itertools
import math

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train.objectives import ctc_loss  # noqa: E402


def brute_force(log_probs, target):
    """Sum the probability of every path that collapses to the target."""
    frames, classes = log_probs.shape
    total = 0.0
    for path in itertools.product(range(classes), repeat=frames):
        if [k for k, _ in itertools.groupby(path) if k] == target:
            total += math.exp(sum(log_probs[t, k].item() for t, k in enumerate(path)))
    return -math.log(total)


def loss_of(logits, frames, targets):
    lengths = torch.tensor([len(t) for t in targets])
    return ctc_loss(logits, torch.tensor(frames), torch.tensor([k for t in targets for k in t]), lengths)


def test_loss_is_per_label_and_ignores_frames_beyond_the_line():
    torch.manual_seed(0)
    logits = torch.randn(2, 6, 3)
    targets, frames = [[1, 2], [2, 2, 1]], [4, 6]
    expected = sum(
        brute_force(logits[i, :t].log_softmax(1), target) / len(target)
        for i, (target, t) in enumerate(zip(targets, frames, strict=True))
    )
    assert loss_of(logits, frames, targets).item() == pytest.approx(expected / 2, rel=1e-5)


def test_a_line_without_a_path_does_not_poison_the_batch():
    logits = torch.randn(1, 2, 3, requires_grad=True)
    loss = loss_of(logits, [2], [[1, 1]])
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(logits.grad).all()
