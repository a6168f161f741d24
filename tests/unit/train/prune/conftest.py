from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def parent(toy_spec):
    """Weights of a toy with two residual blocks in the first stage, two ConvText blocks, and statistics of its own."""
    torch = pytest.importorskip("torch", reason="networks are torch")
    pytest.importorskip("torch_pruning", reason="pruning needs torch-pruning")
    from inkport.model.weights import Weights, deploy_tensors
    from inkport.model.zoo import build

    config = {"stem": 8, "channels": [12, 16, 16], "blocks": [2, 1, 2], "dim": 24, "heads": 3, "hidden": 20, "depth": 2}
    torch.manual_seed(5)
    network = build(toy_spec.name, toy_spec.charset.size, config)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    return Weights(spec=toy_spec, config=config, provenance={"recipe": "toy"}, tensors=deploy_tensors(network))


@pytest.fixture
def lines(lines_folder, toy_spec):
    """The toy lines, audited."""
    from inkport.lines.audit import audit_lines
    from inkport.lines.source import read_lines

    return audit_lines(
        read_lines([lines_folder]), charset=toy_spec.charset, preprocess=toy_spec.preprocess, stride=toy_spec.stride
    )


@pytest.fixture
def calibration(lines, toy_spec):
    pytest.importorskip("torch", reason="networks are torch")
    from inkport.train.prune.importance import calibration_of

    return calibration_of(lines, toy_spec, digest="toy", count=2, size=3, seed=1)


@pytest.fixture
def outputs(rng):
    """Returns the logits of a network on one image, and remembers the image."""
    torch = pytest.importorskip("torch", reason="networks are torch")
    image = torch.from_numpy(rng.random((2, 1, 48, 96), dtype="float32"))

    def run(network):
        with torch.inference_mode():
            return network(image)

    return SimpleNamespace(of=run)
