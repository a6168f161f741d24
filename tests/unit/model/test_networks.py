"""Every network of the zoo: published sizes, the contract of training and deployment, and the converters' rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


torch = pytest.importorskip("torch", reason="networks are torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from inkport.core.errors import RecipeError  # noqa: E402
from inkport.core.preprocess import PreprocessSpec  # noqa: E402
from inkport.model.recogniser import Recogniser  # noqa: E402
from inkport.model.weights import count_parameters  # noqa: E402
from inkport.model.zoo import NETWORKS, build, find  # noqa: E402


DOCUMENT = Path(__file__).parents[3] / "docs/networks.md"


def on_meta(name: str, **overrides: object) -> Recogniser:
    with torch.device("meta"):
        return build(name, 80, overrides).eval()


def gmac(network: Recogniser, width: int) -> float:
    """Count the products of convolutions, matrix products and LSTM gates, in 1e9; nothing else is counted."""
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 1, network.config.height, width))
    return counter.get_total_flops() / 2e9


class Ranks(TorchDispatchMode):
    """Records the most dimensions that each operator makes."""

    def __init__(self):
        super().__init__()
        self.most = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.most[str(function)] = max(leaf.ndim, self.most.get(str(function), 0))
        return result


def test_published_parameter_counts():
    assert count_parameters(on_meta("convtext")) == 65_920_016
    # The mask token, 768 values, is in training only; 53.49 million either way.
    assert count_parameters(on_meta("htr-vt", mask_ratio=0.0)) == 53_485_328
    assert count_parameters(on_meta("htr-vt")) == 53_486_096
    crnn = on_meta("crnn")
    assert count_parameters(crnn) == 7_363_168
    assert count_parameters(crnn) - count_parameters(crnn.shortcut) == 7_301_648


def test_published_work_per_line():
    network = on_meta("convtext")
    # The published network repeats frames before the linear layer of its up-sampling, this one after: the same
    # values for half of that layer's work, 64 frames of 512 x 512. The rest is the table's two decimals.
    assert gmac(network, 512) + 64 * 512 * 512 / 1e9 == pytest.approx(17.23, abs=0.005)
    assert gmac(on_meta("htr-vt"), 512) == pytest.approx(19.01, abs=0.005)
    assert gmac(on_meta("crnn"), 1024) == pytest.approx(8.22, abs=0.005)


def test_the_family_has_about_1_3_and_16_million_parameters():
    millions = {name: count_parameters(on_meta(name)) / 1e6 for name in NETWORKS if name.startswith("convtext-")}
    assert millions == pytest.approx({"convtext-tiny": 1.18, "convtext-small": 3.12, "convtext-base": 16.13}, abs=0.01)


def test_the_document_describes_every_network_as_it_is():
    rows = re.findall(
        r"^\| `(.+?)` \| (\d+) \| (\d+) \| ([\d,]+) \| ([\d.]+) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    assert [row[0] for row in rows] == sorted(NETWORKS)
    for name, height, stride, parameters, work in rows:
        network = on_meta(name)
        assert (int(height), int(stride)) == (network.config.height, find(name).stride), name
        assert int(parameters.replace(",", "")) == count_parameters(network), name
        assert float(work) == pytest.approx(gmac(network, 512), abs=0.005), name


def test_one_frame_per_stride_in_deployment_and_in_training(toy):
    network, stride = toy.network(), find(toy.name).stride
    images = torch.rand(2, 1, toy.preprocess.height, 96)
    with torch.inference_mode():
        logits, output = network(images), network.forward_train(images)
    assert logits.shape == (2, 96 // stride, 8)
    torch.testing.assert_close(output.logits, logits)
    assert {a.shape for a in output.auxiliary.values()} <= {logits.shape}
    assert output.context.shape[:2] == logits.shape[:2]
    assert logits.std() > 0.01


def test_a_line_in_a_batch_equals_the_line_alone(toy):
    network = toy.network()
    images = torch.rand(3, 1, toy.preprocess.height, 80)
    with torch.inference_mode():
        alone = torch.cat([network(image[None]) for image in images])
        # Float32 sums in another order; a neighbour's influence would be of the order of the logits themselves.
        torch.testing.assert_close(network(images), alone, atol=2e-5, rtol=0)


def test_no_tensor_has_more_than_four_dimensions(toy):
    network = toy.network()
    with torch.inference_mode(), Ranks() as seen:
        network(torch.rand(2, 1, toy.preprocess.height, 64))
    assert max(seen.most.values()) == 4, seen.most


def test_every_parameter_learns_under_bf16(toy):
    network = toy.network().train()
    with torch.autocast("cpu", torch.bfloat16):
        output = network.forward_train(torch.rand(2, 1, toy.preprocess.height, 96))
    heads = (output.logits, *output.auxiliary.values())
    sum(head.float().log_softmax(dim=2)[:, :, 1].sum() for head in heads).backward()
    untouched = [
        name
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.isfinite().all())
    ]
    assert not untouched


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("convtext-tiny", {"height": 64}, "the network is for height 48, its images get 64"),
        ("convtext", {"height": 64, "width_multiple": 4}, "widths in multiples of 8, width_multiple is 4"),
        ("htr-vt", {"height": 64}, "128 frames of positions reach a width of 512, max_width is 2048\nfix: .* to 512"),
    ],
)
def test_preprocessing_that_a_network_cannot_read_is_refused(name, change, message):
    with pytest.raises(RecipeError, match=message):
        find(name).configure(name, 8, {}).check_input(PreprocessSpec(**change))


def test_networks_read_odd_numbers_of_their_width_multiple(toy):
    network, stride = toy.network(), find(toy.name).stride
    width = 5 * network.config.width_multiple
    with torch.inference_mode():
        assert network(torch.rand(1, 1, toy.preprocess.height, width)).shape == (1, width // stride, 8)


@pytest.mark.parametrize("name", ["convtext", "htr-vt"])
def test_another_height_than_64_is_refused(name):
    with pytest.raises(RecipeError, match="height 48: this network's strides fit height 64 only"):
        build(name, 8, {"height": 48})


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("convtext", {"dim": 100}, "multiple of 4 \\* head_dim, 256"),
        ("convtext", {"depths": [3, 5]}, "depths must be three counts"),
        ("convtext", {"kernel": 4}, "kernel odd"),
        ("convtext", {"positions": 0}, "at least 1"),
        ("convtext", {"drop_path": 1.0}, "within 0..1"),
        ("convtext", {"mask_ratio": 1.5}, "mask_ratio must be within 0..1"),
        ("convtext", {"context_tap": "head"}, "one of encoder, features"),
        ("htr-vt", {"heads": 5}, "multiple of 4 and of heads 5"),
        ("htr-vt", {"frames": 0}, "at least 1"),
        ("htr-vt", {"mask_span": 0}, "mask_span at least 1"),
        ("crnn", {"height": 40}, "height must be a multiple of 16"),
        ("crnn", {"channels": [8, 8]}, "three sizes"),
        ("crnn", {"hidden": 0}, "at least 1"),
        ("crnn", {"dropout": 1.0}, "dropout within 0..1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(name, change, message):
    with pytest.raises(RecipeError, match=message):
        build(name, 8, change)


def test_an_unknown_network_lists_the_known_ones():
    with pytest.raises(RecipeError, match="'convtxt' is unknown\nfix: known networks: convtext, convtext-base"):
        build("convtxt", 8, {})
