"""What can be pruned in a network of the convtext family, by name, and the settings of what is left."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from inkport.core.config import to_plain
from inkport.core.errors import RecipeError, UsageError
from inkport.model.convtext import STEM_LAYERS, ConvText, ConvTextConfig
from inkport.model.recogniser import Recogniser
from inkport.model.weights import Weights
from inkport.model.zoo import find


@dataclass(frozen=True, kw_only=True)
class PruneGroup:
    """Channels that come and go together, or a whole block."""

    name: str
    """Name of the group."""
    root: str
    """Name of a layer whose outputs are the channels; of a block, the block's own."""
    size: int
    """How many there are: channels, heads, hidden units; 1 for a block."""
    unit: int = 1
    """Outputs of the root layer per member: the width of a head, else 1."""
    block: bool = False
    """Whether it is a whole block, which is kept or removed."""
    rounded: bool = True
    """Whether the size is rounded to a multiple; heads are not."""

    def kept(self, ratio: float, multiple: int) -> int:
        """Return how many members stay: at least 1 (or one multiple), rounded to the nearest multiple.

        Args:
            ratio: Share to remove, in 0..1.
            multiple: What sizes are rounded to, where they are.
        """
        step = multiple if self.rounded else 1
        return min(self.size, max(step, step * round(self.size * (1 - ratio) / step)))


def convtext_network(weights: Weights) -> ConvText:
    """Return the network of weights that can be pruned.

    Raises:
        UsageError: If the network is not of the convtext family.
        ArtifactCorruptError: If the weights are damaged.
    """
    network: Recogniser = weights.network()
    if not isinstance(network, ConvText):
        raise UsageError(
            f"{weights.spec.name} cannot be pruned: its configuration has no widths per block",
            remedy="prune a network of the convtext family (convtext-tiny, convtext-small, convtext-base)",
        )
    return network


def prunable_groups(config: ConvTextConfig) -> Mapping[str, PruneGroup]:
    """Return the groups of a network, by name, in the order of the network.

    ``stem``: channels of the first convolution. ``stage.S``: channels of stage S, which its residual sums tie
    together. ``residual.K.inner``: channels between the two convolutions of residual block K, counted over all
    stages. ``features``: width of the CNN features and of what the head reads. ``width``: width between the
    ConvText blocks. ``encoder.I.heads``, ``.feed_in``, ``.conv`` and ``.feed_out``: inside ConvText block I.
    ``residual.K`` and ``encoder.I``: whole blocks, where the rest stands without them.
    """
    groups = [PruneGroup(name="stem", root="cnn.0.0", size=config.stem)]
    index = 0
    for stage, (channels, blocks) in enumerate(zip(config.channels, config.blocks, strict=True)):
        for block in range(blocks):
            layer = f"cnn.{STEM_LAYERS + index}"
            groups.append(
                PruneGroup(name=f"residual.{index}.inner", root=f"{layer}.body.0.0", size=config.inner[index])
            )
            if stage == 0 or block > 0:
                groups.append(PruneGroup(name=f"residual.{index}", root=layer, size=1, block=True, rounded=False))
            index += 1
        last = f"cnn.{STEM_LAYERS + index - 1}.body.1.0" if stage else "cnn.1.0"
        groups.append(PruneGroup(name=f"stage.{stage}", root=last, size=channels))
    groups.append(PruneGroup(name="features", root="collapse.0", size=config.dim))
    groups.append(PruneGroup(name="width", root="down.linear", size=config.block_width))
    for i, sizes in enumerate(config.block_sizes):
        block_name = f"encoder.{i}"
        groups += [
            PruneGroup(
                name=f"{block_name}.heads",
                root=f"{block_name}.attention.query",
                size=sizes.heads,
                unit=sizes.head_dim,
                rounded=False,
            ),
            PruneGroup(name=f"{block_name}.feed_in", root=f"{block_name}.feed_in.0", size=sizes.feed_in),
            PruneGroup(name=f"{block_name}.conv", root=f"{block_name}.conv.inner", size=sizes.conv),
            PruneGroup(name=f"{block_name}.feed_out", root=f"{block_name}.feed_out.0", size=sizes.feed_out),
        ]
        if config.depth > 1:
            groups.append(PruneGroup(name=block_name, root=block_name, size=1, block=True, rounded=False))
    return {group.name: group for group in groups}


def root_layer(network: nn.Module, group: PruneGroup) -> nn.Module:
    """Return the layer whose outputs a group of channels is; of a factorised one, its second half."""
    layer = network.get_submodule(group.root)
    return layer[-1] if isinstance(layer, nn.Sequential) else layer


def parent_digest(weights: Weights) -> str:
    """Return SHA-256 (hex) over names and values of all tensors, so that provenance names the very weights."""
    found = hashlib.sha256()
    for name, tensor in sorted(weights.tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


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
