"""Every network in a size that builds, exports and runs in seconds."""

from __future__ import annotations

from typing import Any

import pytest

from inkport.core.preprocess import PreprocessSpec


FAMILY = {"stem": 8, "channels": [16, 16, 16], "blocks": [1, 1, 1], "dim": 24, "heads": 2, "hidden": 32, "depth": 1}

TOYS: dict[str, tuple[dict[str, Any], PreprocessSpec]] = {
    "convtext-tiny": (FAMILY, PreprocessSpec()),
    "convtext-small": (FAMILY | {"blocks": [1, 2, 1]}, PreprocessSpec()),
    "convtext-base": (FAMILY | {"blocks": [2, 1, 1], "depth": 2}, PreprocessSpec()),
    # Positions so few that distances are clamped even in narrow lines, branches that count from the start.
    "convtext": (
        {"dim": 32, "head_dim": 8, "depths": [0, 1, 1], "positions": 4, "layer_scale": 0.5},
        PreprocessSpec(height=64),
    ),
    "crnn": (
        {"height": 32, "stem": 4, "channels": [8, 8, 12], "blocks": [1, 1, 1], "hidden": 6, "layers": 2},
        PreprocessSpec(height=32),
    ),
    "ppocr-small": (
        {"stem": 8, "channels": [8, 12, 16], "blocks": [2, 3, 1], "dim": 16, "heads": 2, "depth": 1},
        PreprocessSpec(),
    ),
    "htr-vt": ({"dim": 16, "heads": 2, "depth": 1}, PreprocessSpec(height=64, max_width=512)),
}
"""Overrides and preprocessing by network."""


@pytest.fixture(params=sorted(TOYS))
def toy(request: pytest.FixtureRequest) -> Any:
    """Each network's name with its toy; ``toy.network(classes)`` builds one in evaluation mode."""
    return Toy(request.param)


@pytest.fixture
def make_toy() -> Any:
    """Returns the toy of a name."""
    return Toy


class Toy:
    def __init__(self, name: str) -> None:
        self.name = name
        self.overrides, self.preprocess = TOYS[name]

    def network(self, classes: int = 8, **changes: Any) -> Any:
        torch = pytest.importorskip("torch", reason="networks are torch")
        from inkport.model.zoo import build

        torch.manual_seed(3)
        network = build(self.name, classes, self.overrides | changes)
        for module in network.modules():
            # Statistics of their own, so that batch norm in evaluation mode does something.
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
                torch.nn.init.uniform_(module.running_var, 0.5, 2)
            # Biases of distances start at 0.
            if isinstance(getattr(module, "bias", None), torch.nn.Parameter) and module.bias.ndim == 2:
                torch.nn.init.normal_(module.bias)
        return network.eval()
