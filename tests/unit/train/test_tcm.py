"""The vectorised Textual Context Module computes what plain loops over lines and characters compute."""

from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="the module is torch")

import torch.nn.functional as F  # noqa: E402

from inkport.model.weights import count_parameters  # noqa: E402
from inkport.train.objectives import TextualContext, pad_targets  # noqa: E402


CLASSES, DIM, PAD = 9, 12, 9
TEXTS = [[3, 1, 4, 1, 5, 8, 2, 6], [7], [], [2, 2, 2]]


@pytest.fixture
def module():
    torch.manual_seed(5)
    return TextualContext(CLASSES, DIM, embedding=6, window=3).eval()


@pytest.fixture
def features():
    torch.manual_seed(6)
    return torch.randn(len(TEXTS), 10, DIM)


@pytest.fixture
def lengths():
    return torch.tensor([len(text) for text in TEXTS])


@pytest.fixture
def targets(lengths):
    return pad_targets(torch.tensor([label for text in TEXTS for label in text]), lengths)


def loss_of_one(module, frames, window, side, wanted):
    """Follow the description for one character and one side."""
    embedded = torch.stack([module.embedding.weight[i] for i in window])
    taps = module.mix.weight
    mixed = torch.zeros(embedded.shape)
    for place in range(len(window)):
        for tap in range(3):
            if 0 <= place + tap - 1 < len(window):
                mixed[place] += taps[:, :, tap] @ embedded[place + tap - 1]
        mixed[place] += module.mix.bias
    query = module.project.weight @ (mixed.mean(0) + module.direction[side]) + module.project.bias
    query = F.layer_norm(query, (DIM,), module.query_norm.weight, module.query_norm.bias)
    seen = [F.layer_norm(f, (DIM,), module.feature_norm.weight, module.feature_norm.bias) for f in frames]
    weights = torch.softmax(torch.stack([query @ f for f in seen]) / DIM**0.5, dim=0)
    context = sum(w * f for w, f in zip(weights, seen, strict=True))
    return -F.log_softmax(module.classify.weight @ context + module.classify.bias, dim=0)[wanted]


def loss_by_loops(module, features, texts):
    losses = []
    for frames, text in zip(features, texts, strict=True):
        for place, wanted in enumerate(text):
            left = ([PAD] * module.window + text[:place])[-module.window :]
            right = (text[place + 1 :] + [PAD] * module.window)[: module.window]
            pair = [loss_of_one(module, frames, window, side, wanted) for side, window in enumerate((left, right))]
            losses.append(sum(pair) / 2)
    return torch.stack(losses).mean()


def test_the_loss_is_that_of_plain_loops_on_texts_of_all_lengths(module, features, targets, lengths):
    with torch.no_grad():
        wanted = loss_by_loops(module, features, TEXTS)
        torch.testing.assert_close(module(features, targets, lengths), wanted, atol=1e-5, rtol=0)
    assert wanted > 1


def test_what_lies_beyond_a_text_changes_nothing(module, features, targets, lengths):
    valid = torch.arange(targets.shape[1]) < lengths[:, None]
    noisy = torch.where(valid, targets, 5)
    wider = F.pad(noisy, (0, 4), value=3)
    with torch.no_grad():
        torch.testing.assert_close(module(features, wider, lengths), module(features, targets, lengths))


def test_windows_leave_the_character_out_and_are_filled_at_the_outer_side(module):
    left, right = module.windows(torch.tensor([[1, 2, 3, 4]]), torch.tensor([4]))
    assert left.tolist() == [[[PAD, PAD, PAD], [PAD, PAD, 1], [PAD, 1, 2], [1, 2, 3]]]
    assert right.tolist() == [[[2, 3, 4], [3, 4, PAD], [4, PAD, PAD], [PAD, PAD, PAD]]]


def test_lines_without_text_cost_nothing(module, features):
    nothing = module(
        features, torch.zeros(len(TEXTS), 0, dtype=torch.int64), torch.zeros(len(TEXTS), dtype=torch.int64)
    )
    assert nothing == 0


def test_gradients_reach_the_features_and_never_the_padding_embedding(module, features, targets, lengths):
    features.requires_grad_()
    module(features, targets, lengths).backward()
    reached = features.grad.abs().sum(dim=(1, 2)) > 0
    assert reached.tolist() == [bool(text) for text in TEXTS]
    assert module.embedding.weight.grad[PAD].abs().sum() == 0
    assert module.embedding.weight[PAD].abs().sum() == 0


def test_the_published_sizes_have_393_thousand_parameters():
    with torch.device("meta"):
        module = TextualContext(80)
    conv, project, norms = 256 * 256 * 3 + 256, 256 * 512 + 512, 2 * 2 * 512
    assert count_parameters(module) == 81 * 256 + conv + 2 * 256 + project + norms + 512 * 81 + 81 == 393_297
