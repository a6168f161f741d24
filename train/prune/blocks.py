"""Taking whole blocks out of a network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from inkport.core.config import to_plain
from inkport.model.convtext import ConvText
from inkport.model.zoo import find
from inkport.train.prune.groups import STEM_LAYERS
from inkport.train.prune.shape import shortest


def remove_blocks(
    network: ConvText, names: Sequence[str], config: dict[str, Any], tensors: dict[str, Tensor], model: str
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return settings and state without whole blocks; those behind move up.

    Args:
        network: The network, whose configuration says where its stages begin.
        names: Groups of blocks.
        config: Settings of the network as it is.
        tensors: Its state.
        model: Its name.
    """
    if not names:
        return config, tensors
    full = _full_settings(network, config, model)
    residual = {int(n.removeprefix("residual.")) for n in names if n.startswith("residual.")}
    encoder = {int(n.removeprefix("encoder.")) for n in names if n.startswith("encoder.")}
    blocks, start = [], 0
    for count in full["blocks"]:
        blocks.append(sum(index not in residual for index in range(start, start + count)))
        start += count
    keep = [i for i in range(full["depth"]) if i not in encoder]
    hidden = full["block_hidden"]
    full |= {
        "blocks": blocks,
        "depth": len(keep),
        "block_inner": [width for index, width in enumerate(full["block_inner"]) if index not in residual],
        "block_heads": [full["block_heads"][i] for i in keep],
        "block_hidden": [width for i in keep for width in hidden[2 * i : 2 * i + 2]],
        "block_conv": [full["block_conv"][i] for i in keep],
    }
    renamed = {new: value for name, value in tensors.items() if (new := _rename(name, residual, encoder)) is not None}
    full["ranks"] = {
        new: rank for name, rank in full["ranks"].items() if (new := _rename(name, residual, encoder)) is not None
    }
    return shortest(full, model, network.config.classes), renamed


def _full_settings(network: ConvText, config: dict[str, Any], model: str) -> dict[str, Any]:
    shape = find(model).configure(model, network.config.classes, config)
    sizes = shape.block_sizes
    full: dict[str, Any] = {name: value for name, value in to_plain(shape).items() if name != "classes"}
    return full | {
        "block_inner": list(shape.inner),
        "block_heads": [size.heads for size in sizes],
        "block_hidden": [width for size in sizes for width in (size.feed_in, size.feed_out)],
        "block_conv": [size.conv for size in sizes],
        "head_dim": shape.head_width,
        "block_dim": shape.block_width,
    }


def _rename(name: str, residual: set[int], encoder: set[int]) -> str | None:
    """Return a name with the blocks before it gone; None where its own block is."""
    for pattern, gone, first in ((r"cnn\.(\d+)(.*)", residual, STEM_LAYERS), (r"encoder\.(\d+)(.*)", encoder, 0)):
        if match := re.fullmatch(pattern, name):
            index = int(match[1]) - first
            if index in gone:
                return None
            return f"{name.split('.', maxsplit=1)[0]}.{int(match[1]) - sum(other < index for other in gone)}{match[2]}"
    return name
