"""The masked network against the network itself on the unpadded line."""

from __future__ import annotations

import pytest


pytest.importorskip("torch", reason="masking is done in torch")

import torch

from inkport.export.from_torch.litert import MaskedNetwork
from inkport.model.zoo import build


SMALL = {
    "convtext-tiny": {"stem": 8, "channels": [16, 16, 16], "dim": 24, "heads": 2, "hidden": 32, "depth": 2},
    "ppocr-small": {"stem": 8, "channels": [8, 12, 16], "blocks": [2, 3, 1], "dim": 16, "heads": 2, "depth": 1},
}


@pytest.fixture(scope="module", params=SMALL)
def network(toy_spec, request):
    return seeded(request.param, toy_spec, **SMALL[request.param])


def seeded(name, spec, **config):
    torch.manual_seed(3)
    network = build(name, spec.charset.size, config).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            # Statistics of a trained network: a shift of zeros would hide a mask that comes too late.
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network


def padded(line, width):
    height, own = line.shape[2:]
    images = torch.ones(1, 1, height, width)
    images[..., :own] = line
    columns = torch.zeros(1, 1, 1, width)
    columns[..., :own] = 1
    return images, columns


@pytest.mark.parametrize(("own", "width"), [(32, 48), (32, 512), (208, 256), (256, 256)])
def test_a_padded_line_gives_the_logits_of_the_line_alone(network, own, width):
    line = torch.rand(1, 1, 48, own, generator=torch.Generator().manual_seed(own))
    images, columns = padded(line, width)
    with torch.inference_mode():
        alone, plain = network(line), network(images)
        masked = MaskedNetwork(network)(images, columns)
    torch.testing.assert_close(masked[:, : own // 4], alone, atol=1e-5, rtol=1e-5)
    if width > own:
        assert (plain[:, : own // 4] - alone).abs().max() > 1e-2  # what the mask is for


def test_what_is_behind_the_end_of_the_line_changes_nothing(network):
    images, columns = padded(torch.rand(1, 1, 48, 96), 256)
    noisy = images.clone()
    noisy[..., 96:] = torch.rand(1, 1, 48, 160)
    with torch.inference_mode():
        masked = MaskedNetwork(network)
        assert torch.equal(masked(images, columns)[:, :24], masked(noisy, columns)[:, :24])


def test_a_recurrent_network_is_not_covered(toy_spec):
    """What the documentation warns of, and why the exporter compares the logits."""
    network = seeded("crnn", toy_spec, height=64)
    line = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    images, columns = padded(line, 256)
    with torch.inference_mode():
        alone = network(line)
        assert (MaskedNetwork(network)(images, columns)[:, : alone.shape[1]] - alone).abs().max() > 1e-4


def test_the_network_itself_stays_as_it_was(network):
    names = [type(module) for module in network.modules()]
    MaskedNetwork(network)
    assert [type(module) for module in network.modules()] == names
