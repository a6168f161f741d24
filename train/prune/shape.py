"""The configuration that describes a pruned network exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from inkport.core.config import to_plain
from inkport.core.errors import RecipeError
from inkport.model.convtext import ConvText, ConvTextConfig
from inkport.model.zoo import find
from inkport.train.prune.groups import PruneGroup, prunable_groups, root_layer


def describe(network: ConvText, name: str) -> dict[str, Any]:
    """Return the settings with which ``inkport.model.zoo.build`` makes a network of these shapes.

    Args:
        network: A network whose layers were pruned; its own configuration says how it was before.
        name: Name of the network; settings that this stands for are left out, the height is not.
    """
    config = network.config
    sizes = {group.name: _size(network, group) for group in prunable_groups(config).values() if not group.block}
    blocks = range(config.depth)
    settings: dict[str, Any] = {
        **{field: value for field, value in to_plain(config).items() if field != "classes"},
        "stem": sizes["stem"],
        "channels": [sizes[f"stage.{stage}"] for stage in range(len(config.channels))],
        "dim": sizes["features"],
        "block_dim": sizes["width"],
        "head_dim": config.head_width,
        "block_inner": [sizes[f"residual.{index}.inner"] for index in range(sum(config.blocks))],
        "block_heads": [sizes[f"encoder.{i}.heads"] for i in blocks],
        "block_hidden": [sizes[f"encoder.{i}.{half}"] for i in blocks for half in ("feed_in", "feed_out")],
        "block_conv": [sizes[f"encoder.{i}.conv"] for i in blocks],
    }
    return shortest(settings, name, config.classes)


def shortest(settings: Mapping[str, Any], name: str, classes: int) -> dict[str, Any]:
    """Return settings without those that change nothing, so that equal networks have equal settings.

    Args:
        settings: Settings of a network, its height among them.
        name: Name of the network.
        classes: Classes of its head.
    """
    entry = find(name)

    def shape(some: Mapping[str, Any]) -> tuple[object, ...]:
        config: ConvTextConfig = entry.configure(name, classes, some)
        plain = {field: getattr(config, field) for field in ("height", "stem", "channels", "blocks", "dim", "dropout")}
        return (plain, config.kernel, config.depth, config.block_width, config.inner, config.block_sizes, config.ranks)

    kept = dict(settings)
    wanted = shape(kept)
    # Widths of single blocks first, so that the default stands where it says the same.
    for field in sorted(kept, key=lambda field: not field.startswith(("block", "head_dim"))):
        fewer = {key: value for key, value in kept.items() if key != field}
        if field != "height" and _shape_or_none(shape, fewer) == wanted:
            kept = fewer
    return kept


def _shape_or_none(shape: Any, settings: Mapping[str, Any]) -> object:

    try:
        return shape(settings)
    except RecipeError:
        return None


def _size(network: ConvText, group: PruneGroup) -> int:
    layer = root_layer(network, group)
    outputs = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    assert isinstance(outputs, int)  # noqa: S101 - roots are linear layers and convolutions
    return outputs // group.unit
