from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train.distillation import feature_loss, frame_loss, line_frames, select_frames  # noqa: E402
from inkport.train.recipe_sections import Frames  # noqa: E402


def plain_selection(labels, frames, window):
    """Mark, for each symbol inside the line, every frame of the line that is at most ``window`` away."""
    chosen = [[False] * len(row) for row in labels]
    for line, row in enumerate(labels):
        for at in range(frames[line]):
            if row[at] != 0:
                for near in range(max(0, at - window), min(frames[line], at + window + 1)):
                    chosen[line][near] = True
    return chosen


@pytest.mark.parametrize("window", [0, 1, 2, 5])
def test_selection_is_that_of_a_plain_loop(window):
    generator = torch.Generator().manual_seed(window)
    logits = torch.randn(5, 23, 4, generator=generator)
    logits[..., 0] += 1.5
    frames = torch.tensor([23, 1, 9, 17, 20])
    inside = line_frames(frames, 23)
    expected = plain_selection(logits.argmax(2).tolist(), frames.tolist(), window)
    assert select_frames(logits, inside, choice=Frames.WINDOW, window=window).tolist() == expected
    assert select_frames(logits, inside, choice=Frames.ALL, window=window).tolist() == inside.tolist()


def test_symbols_in_the_padding_select_nothing():
    logits = torch.zeros(1, 6, 3)
    logits[0, :, 0] = 1
    logits[0, 4, 2] = 5
    inside = line_frames(torch.tensor([4]), 6)
    assert not select_frames(logits, inside, choice=Frames.WINDOW, window=2).any()


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_divergence_is_that_of_torch_distributions(temperature):
    torch.manual_seed(1)
    student, teacher = torch.randn(2, 4, 5), torch.randn(2, 4, 5)
    chosen = torch.tensor([[True, False, True, False], [False, False, False, True]])
    categorical = torch.distributions.Categorical
    each = torch.distributions.kl_divergence(
        categorical(logits=teacher / temperature), categorical(logits=student / temperature)
    )
    expected = temperature**2 * each[chosen].mean()
    torch.testing.assert_close(frame_loss(student, teacher, chosen, temperature=temperature), expected)


def test_divergence_of_two_classes_by_hand():
    student, teacher = torch.tensor([[[0.5, 0.5]]]).log(), torch.tensor([[[0.25, 0.75]]]).log()
    expected = 0.25 * torch.tensor(0.5).log() + 0.75 * torch.tensor(1.5).log()
    torch.testing.assert_close(frame_loss(student, teacher, torch.tensor([[True]]), temperature=1.0), expected)


def test_no_frame_means_no_loss_and_no_poisoned_gradient():
    student = torch.randn(1, 3, 4, requires_grad=True)
    none = torch.zeros(1, 3, dtype=torch.bool)
    loss = frame_loss(student, torch.randn(1, 3, 4), none, temperature=1.0)
    loss = loss + feature_loss(student, torch.randn(1, 3, 4), none)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(student.grad, torch.zeros_like(student))


def test_feature_distance_is_one_minus_the_cosine_inside_the_line():
    ours = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [7.0, 1.0]]])
    theirs = torch.tensor([[[5.0, 0.0], [0.0, 2.0], [-7.0, -1.0]]])
    assert feature_loss(ours, theirs, line_frames(torch.tensor([1]), 3)).item() == pytest.approx(0, abs=1e-6)
    assert feature_loss(ours, theirs, line_frames(torch.tensor([2]), 3)).item() == pytest.approx(0.5)
    assert feature_loss(ours, theirs, line_frames(torch.tensor([3]), 3)).item() == pytest.approx((0 + 1 + 2) / 3)


@pytest.mark.parametrize("part", ["frame", "feature"])
def test_padding_changes_nothing(part):
    torch.manual_seed(3)
    student, teacher, frames = torch.randn(2, 8, 5), torch.randn(2, 8, 5), torch.tensor([3, 6])

    def loss(a, b):
        inside = line_frames(frames, 8)
        if part == "feature":
            return feature_loss(a, b, inside)
        return frame_loss(a, b, select_frames(b, inside, choice=Frames.WINDOW, window=1), temperature=1.0)

    before = loss(student, teacher)
    for tensor in (student, teacher):
        tensor[0, 3:], tensor[1, 6:] = 50, -50
    assert loss(student, teacher).item() == before.item()
