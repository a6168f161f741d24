from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train.optim import at_worst_nearby  # noqa: E402


def test_inside_the_weights_lie_along_the_gradient_and_afterwards_where_they_were():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    network[2].bias.requires_grad_(requires_grad=False)
    images = torch.randn(8, 3)
    network(images).square().sum().backward()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    norm = torch.cat([g.flatten() for g in gradients.values()]).norm()
    with at_worst_nearby(network, 0.1):
        for name, parameter in network.named_parameters():
            expected = before[name] + 0.1 * gradients.get(name, 0) / norm
            torch.testing.assert_close(parameter.detach(), expected)
        network.zero_grad()
        network(images).square().sum().backward()
    after = network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert not torch.equal(network[0].weight.grad, gradients["0.weight"])


def test_the_step_is_the_published_one_on_a_quadratic():
    # f(w) = w'Aw / 2: the gradient at the worst point nearby is A (w + radius * Aw / |Aw|).
    matrix, w = torch.diag(torch.tensor([1.0, 9.0])), torch.tensor([2.0, -1.0])
    network = torch.nn.Module()
    network.w = torch.nn.Parameter(w.clone())

    def differentiate():
        network.zero_grad()
        (network.w @ matrix @ network.w / 2).backward()

    differentiate()
    with at_worst_nearby(network, 0.5):
        differentiate()
    there = w + 0.5 * (matrix @ w) / (matrix @ w).norm()
    torch.testing.assert_close(network.w.grad, matrix @ there)


def test_no_gradient_at_all_moves_nothing():
    network = torch.nn.Linear(2, 1)
    network(torch.zeros(1, 2)).sum().backward()
    network.bias.grad.zero_()
    with at_worst_nearby(network, 0.1):
        assert torch.isfinite(network.weight).all()
