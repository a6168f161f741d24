"""Factorised layers: exact at full rank, the best of their rank below it."""

from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="networks are torch")
pytest.importorskip("torch_pruning", reason="pruning needs torch-pruning")

from inkport.core.errors import RecipeError, UsageError  # noqa: E402
from inkport.model.zoo import build  # noqa: E402
from inkport.train.prune.apply import Pruning, prune_weights  # noqa: E402
from inkport.train.prune.lowrank import factorise_weights, factors  # noqa: E402


FULL = {"encoder.0.feed_in.0": 20, "encoder.1.attention.query": 24, "cnn.2.body.1.0": 12, "collapse.0": 24}


@pytest.mark.parametrize("from_inputs", [False, True])
def test_full_rank_computes_the_same(parent, outputs, calibration, from_inputs):
    made = factorise_weights(parent, FULL, calibration=calibration if from_inputs else None)
    assert made.config["ranks"] == FULL
    torch.testing.assert_close(outputs.of(made.network()), outputs.of(parent.network()), rtol=1e-4, atol=1e-4)


def test_a_lower_rank_leaves_what_the_singular_values_say():
    torch.manual_seed(1)
    weight = torch.randn(12, 6, 3, 3)
    first, second = factors(weight, 5)
    assert first.shape == (5, 6, 3, 3)
    rest = weight.flatten(1) - second @ first.flatten(1)
    tail = torch.linalg.svdvals(weight.flatten(1))[5:]
    assert rest.norm().item() == pytest.approx(tail.norm().item(), rel=1e-4)


def test_with_inputs_the_outputs_are_nearer():
    torch.manual_seed(2)
    inputs = torch.randn(400, 16) * torch.linspace(0.05, 4, 16) @ torch.linalg.qr(torch.randn(16, 16))[0]
    weight = torch.randn(10, 16)
    moments = (inputs.T @ inputs).double()

    def error(pair):
        return (inputs @ (weight - pair[1] @ pair[0]).T).norm().item()

    assert error(factors(weight, 4, moments)) < 0.9 * error(factors(weight, 4))


def test_pruning_goes_on_and_blocks_take_their_ranks_along(parent, outputs):
    made = factorise_weights(parent, {"encoder.1.feed_in.0": 6, "cnn.3.body.0.0": 5, "encoder.0.conv.inner": 4})
    small = prune_weights(
        made, Pruning(ratios={"residual.0": 1.0, "encoder.0": 1.0, "encoder.1.feed_in": 0.5}, multiple=1)
    )
    assert small.config["ranks"] == {"encoder.0.feed_in.0": 6, "cnn.2.body.0.0": 5}
    assert small.network().config.block_sizes[0].feed_in == 10
    assert outputs.of(small.network()).isfinite().all()


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        ({"encoder.0.nosuch": 4}, "not a layer"),
        ({"norm": 4}, "not a layer"),
        ({"down.filter": 2}, "not a layer"),
        ({"head": 0}, "within 1..8"),
        ({"encoder.0.feed_in.0": 21}, "within 1..20"),
    ],
)
def test_what_cannot_be_factorised_is_refused(parent, ranks, message):
    with pytest.raises(UsageError, match=message):
        factorise_weights(parent, ranks)


def test_a_configuration_with_unknown_layers_is_refused(parent):
    with pytest.raises(RecipeError, match="not a layer"):
        build("convtext-tiny", 8, {"ranks": {"nosuch": 3}})
    twice = factorise_weights(parent, {"head": 4})
    with pytest.raises(UsageError, match="not a layer"):
        factorise_weights(twice, {"head": 3})
