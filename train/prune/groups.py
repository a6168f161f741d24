"""What can be pruned in a network of the convtext family, by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from inkport.core.errors import UsageError
from inkport.model.convtext import ConvText, ConvTextConfig
from inkport.model.recogniser import Recogniser
from inkport.model.weights import Weights


STEM_LAYERS = 2
"""Layers of ``ConvText.cnn`` before the first residual block."""


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
