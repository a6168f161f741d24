"""The network keeps to the rules that converters need, and a line never sees its neighbours."""

from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="the network is torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from inkport.core.errors import RecipeError  # noqa: E402
from inkport.model.weights import count_parameters  # noqa: E402
from inkport.model.zoo import build  # noqa: E402


@pytest.fixture
def network(toy_config):
    torch.manual_seed(3)
    network = build("convtext-tiny", 8, toy_config)
    # Statistics of their own, so that batch norm in evaluation mode does something.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval()


class Seen(TorchDispatchMode):
    """Records every operator with the ranks of what it makes."""

    def __init__(self):
        super().__init__()
        self.ranks, self.names = {}, set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.names.add(function.overloadpacket.__name__)
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.ranks[str(function)] = max(leaf.ndim, self.ranks.get(str(function), 0))
        return result


def test_convtext_tiny_has_at_most_1_2_million_parameters():
    # 115 symbols and the blank, the charset of the shipped model.
    network = build("convtext-tiny", 116, {})
    assert 1_000_000 < count_parameters(network) <= 1_200_000


def test_one_frame_per_four_columns_and_one_logit_per_class(network):
    with torch.inference_mode():
        assert network(torch.rand(2, 1, 48, 96)).shape == (2, 24, 8)
        output = network.forward_train(torch.rand(2, 1, 48, 96))
    assert output.logits.shape == output.auxiliary["shortcut"].shape == (2, 24, 8)


def test_training_and_deployment_read_the_same_logits(network):
    images = torch.rand(1, 1, 48, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(images), network.forward_train(images).logits)


@pytest.mark.parametrize("width", [32, 144])
def test_a_line_in_a_batch_equals_the_line_alone(network, width):
    images = torch.rand(5, 1, 48, width)
    with torch.inference_mode():
        together = network(images)
        alone = torch.cat([network(image[None]) for image in images])
    # Float32 sums in another order; a neighbour's influence would be of the order of the logits themselves.
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert together.std() > 0.05


def test_a_neighbour_changes_nothing(network):
    first, other = torch.rand(2, 1, 48, 64), torch.rand(1, 1, 48, 64)
    changed = torch.cat([first[:1], other])
    with torch.inference_mode():
        torch.testing.assert_close(network(first)[0], network(changed)[0], atol=1e-6, rtol=0)


def test_no_tensor_has_more_than_four_dimensions(network):
    with torch.inference_mode(), Seen() as seen:
        network(torch.rand(2, 1, 48, 64))
    assert max(seen.ranks.values()) == 4, seen.ranks


def test_only_operators_that_every_converter_knows(network):
    with torch.inference_mode(), Seen() as seen:
        network(torch.rand(1, 1, 48, 64))
    forbidden = {"upsample_nearest1d", "upsample_nearest2d", "_scaled_dot_product_flash_attention_for_cpu", "gather"}
    assert not seen.names & (forbidden | {"native_group_norm", "roll", "index", "einsum"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 5}, "dim of heads"),
        ({"height": 40}, "height must be a multiple of 16"),
        ({"kernel": 4}, "kernel odd"),
        ({"blocks": [1, 1]}, "must pair up"),
        ({"channels": [], "blocks": []}, "must pair up"),
        ({"depth": 0}, "at least 1"),
        ({"dimm": 3}, "did you mean 'dim'"),
        ({"dim": "wide"}, r"model convtext-tiny\.dim: expected int"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(toy_config, change, message):
    with pytest.raises(RecipeError, match=message):
        build("convtext-tiny", 8, toy_config | change)
