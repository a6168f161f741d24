from __future__ import annotations

import itertools

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train.optim import MovingAverage, learning_rate, make_optimiser  # noqa: E402
from inkport.train.recipe import OptimRecipe  # noqa: E402


def test_learning_rate_warms_up_peaks_and_ends_near_zero():
    recipe = OptimRecipe(steps=1000, lr=2e-3, warmup=0.1)
    rates = [learning_rate(s, recipe) for s in range(1000)]
    assert rates[0] == pytest.approx(2e-5)
    assert max(rates) == rates[99] == pytest.approx(2e-3)
    assert all(a < b for a, b in itertools.pairwise(rates[:100]))
    assert all(a > b for a, b in itertools.pairwise(rates[100:]))
    assert learning_rate(550, recipe) == pytest.approx(1e-3)
    assert rates[-1] < 1e-8


def test_agrees_with_torchs_cosine_schedule():
    recipe = OptimRecipe(steps=50, lr=1e-2, warmup=0.0)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=49)
    for step in range(1, 50):
        assert learning_rate(step, recipe) == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-12)
        optimiser.step()
        schedule.step()


def test_only_matrices_decay():
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LayerNorm(4))
    groups = make_optimiser(network, OptimRecipe(steps=1, weight_decay=0.1)).param_groups
    assert [g["weight_decay"] for g in groups] == [0.1, 0.0]
    assert [p.ndim for p in groups[0]["params"]] == [2]
    assert len(groups[1]["params"]) == 3


def test_moving_average_follows_weights_and_batch_norm_statistics():
    network = torch.nn.BatchNorm1d(2)
    average = MovingAverage(network, decay=0.5)
    with torch.no_grad():
        network.weight.fill_(3.0)
        network.running_mean.fill_(8.0)
    average.update(network, step=1000)
    assert average.state["weight"].tolist() == [2.0, 2.0]
    assert average.state["running_mean"].tolist() == [4.0, 4.0]


def test_moving_average_starts_fast():
    network = torch.nn.Linear(1, 1, bias=False)
    average = MovingAverage(network, decay=0.999)
    with torch.no_grad():
        network.weight.fill_(5.0)
        start = average.state["weight"].item()
    average.update(network, step=0)
    assert average.state["weight"].item() == pytest.approx(start + 0.9 * (5.0 - start))
