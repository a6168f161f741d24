from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from torch.distributions import Categorical, kl_divergence  # noqa: E402

from inkport.train.objectives import consistency_loss  # noqa: E402


def both_ways(first, second):
    """Half the sum of both divergences of two frames, by torch's own distributions."""
    a, b = Categorical(logits=first), Categorical(logits=second)
    return 0.5 * (kl_divergence(a, b) + kl_divergence(b, a))


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return torch.randn(6, 5, 4, dtype=torch.float64).float()


def test_the_loss_sums_the_frames_of_each_line_per_label(logits):
    frames, lengths = torch.tensor([5, 3, 4]), torch.tensor([2, 1, 0])
    expected = [sum(both_ways(logits[i, t], logits[i + 3, t]) for t in range(frames[i])) / lengths[i] for i in range(2)]
    # The third line has no label and no part in it.
    found = consistency_loss(logits, frames.repeat(2), lengths.repeat(2))
    assert found.item() == pytest.approx(sum(expected).item() / 2, rel=1e-5)


def test_alike_views_cost_nothing_and_no_label_at_all_costs_nothing(logits):
    same = logits[:3].repeat(2, 1, 1)
    frames, lengths = torch.tensor([5, 3, 4]).repeat(2), torch.tensor([2, 1, 1]).repeat(2)
    assert consistency_loss(same, frames, lengths).item() == pytest.approx(0, abs=1e-6)
    assert consistency_loss(logits, frames, torch.zeros(6, dtype=torch.int64)).item() == 0


def test_each_view_learns_from_the_other_as_it_is(logits):
    frames, lengths = torch.tensor([5] * 6), torch.tensor([1] * 6)
    ours = logits.clone().requires_grad_()
    consistency_loss(ours, frames, lengths).backward()
    # The gradient of KL(q || softmax(z)) in z with q fixed is softmax(z) - q.
    first, second = logits.softmax(dim=2).chunk(2)
    expected = 0.5 * torch.cat([first - second, second - first]) / 3
    torch.testing.assert_close(ours.grad, expected, atol=1e-6, rtol=1e-5)
