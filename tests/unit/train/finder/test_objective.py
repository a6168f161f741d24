"""The true maps cost the least, and every mistake costs."""

from __future__ import annotations

import pytest


pytest.importorskip("torch", reason="the loss is torch's")

import torch

from inkport.train.finder.objective import finder_loss


SURE = 12.0


def truth():
    """A line in a page of 32 x 32 cells, whose right third is not known."""
    true = torch.zeros(1, 5, 32, 32)
    true[:, 0, 10:14, 4:20] = 1
    true[:, 1, 10:14, 4:7] = 1
    true[:, 2, 10:14, 17:20] = 1
    true[:, 3], true[:, 4] = 3.0, 1.5
    known = torch.ones(1, 32, 32, dtype=torch.bool)
    known[:, :, 24:] = False
    turns = torch.zeros(1, 8, 8, dtype=torch.int64)
    turns[:, 2:4, 1:5] = 1
    turns[:, 6] = -1
    return true, known, turns


def perfect():
    true, _, turns = truth()
    maps = true.clone()
    maps[:, :3] = SURE * (2 * true[:, :3] - 1)
    logits = torch.nn.functional.one_hot(turns.clamp(min=0), 5).permute(0, 3, 1, 2).float() * SURE
    return maps, logits


def test_the_truth_costs_next_to_nothing():
    assert float(finder_loss(*perfect(), *truth())) < 0.01


def lost(maps, _):
    maps[:, 0, 10:14, 4:20] = -SURE


def invented(maps, _):
    maps[:, 0, 24:28, 4:12] = SURE


def shifted(maps, _):
    maps[:, 0] = maps[:, 0].roll(3, dims=1)


def merged(maps, _):
    maps[:, 2] = -SURE


def swapped(maps, _):
    maps[:, [1, 2]] = maps[:, [2, 1]]


def too_high(maps, _):
    maps[:, 3, 10:14, 4:20] += 1


def too_low(maps, _):
    maps[:, 4, 10:14, 4:20] -= 1


def upside_down(_, turns):
    turns[:, [1, 3]] = turns[:, [3, 1]]


MISTAKES = (lost, invented, shifted, merged, swapped, too_high, too_low, upside_down)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_costs_and_its_gradient_leads_back(mistake):
    maps, turns = perfect()
    mistake(maps, turns)
    maps.requires_grad_()
    turns.requires_grad_()
    loss = finder_loss(maps, turns, *truth())
    assert loss.item() > 0.03
    loss.backward()
    with torch.no_grad():
        assert finder_loss(maps - 0.5 * maps.grad, turns - 0.5 * turns.grad, *truth()).item() < loss.item()


def test_what_is_not_known_costs_nothing_and_neither_do_heights_off_the_lines():
    maps, turns = perfect()
    before = float(finder_loss(maps, turns, *truth()))
    maps[:, :3, :, 24:] = SURE
    maps[:, 3:, 20:] += 5
    turns[:, :, 6] = turns[:, :, 6].flip(1)
    assert float(finder_loss(maps, turns, *truth())) == pytest.approx(before, rel=1e-4)


def test_a_batch_without_any_line_has_a_loss():
    _, known, turns = truth()
    maps = torch.full((1, 5, 32, 32), -SURE)
    logits = torch.zeros(1, 5, 8, 8)
    logits[:, 0] = SURE
    nothing = finder_loss(maps, logits, torch.zeros(1, 5, 32, 32), known, turns * 0)
    assert 0 <= float(nothing) < 0.01
