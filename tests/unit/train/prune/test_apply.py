"""A pruned network is the parent without what was removed, and its configuration says exactly what it is."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest


torch = pytest.importorskip("torch", reason="networks are torch")
pytest.importorskip("torch_pruning", reason="pruning needs torch-pruning")

from inkport.core.errors import UsageError  # noqa: E402
from inkport.core.preprocess import PreprocessSpec  # noqa: E402
from inkport.model.weights import Weights, deploy_tensors, load_weights, save_weights  # noqa: E402
from inkport.model.zoo import build  # noqa: E402
from inkport.train.prune.apply import Pruning, prune_weights  # noqa: E402
from inkport.train.prune.groups import prunable_groups  # noqa: E402
from inkport.train.prune.importance import Importance  # noqa: E402
from inkport.train.prune.scan import count_macs  # noqa: E402


def cut(parent, *, ratios, multiple=1, importance="group-l2"):
    return prune_weights(parent, Pruning(ratios=ratios, multiple=multiple, importance=Importance(importance)))


# Who reads a group's channels: weights whose columns of removed channels are made zero in the parent. No library.
READERS = {
    "stem": ["cnn.1.0"],
    "residual.0.inner": ["cnn.2.body.1.0"],
    "residual.2.inner": ["cnn.4.body.1.0"],
    "stage.0": ["cnn.2.body.0.0", "cnn.3.body.0.0", "cnn.4.body.0.0", "cnn.4.shortcut.0"],
    "stage.1": ["cnn.5.body.0.0", "cnn.5.shortcut.0"],
    "stage.2": ["cnn.6.body.0.0", "collapse.0"],
    "encoder.0.heads": ["encoder.0.attention.out"],
    "encoder.1.feed_in": ["encoder.1.feed_in.2"],
    "encoder.1.conv": ["encoder.1.conv.out"],
    "encoder.0.feed_out": ["encoder.0.feed_out.2"],
}


@pytest.mark.parametrize("importance", ["group-l2", "l1"])
@pytest.mark.parametrize("name", READERS)
def test_it_computes_what_the_parent_does_when_nobody_reads_what_went(parent, outputs, name, importance):
    small = cut(parent, ratios={name: 0.4}, importance=importance)
    unit = 8 if name.endswith("heads") else 1
    gone = [unit * member + i for member in small.provenance["prune"]["removed"][name] for i in range(unit)]
    assert gone
    reference = parent.network()
    for reader in READERS[name]:
        reference.get_submodule(reader).weight.data[:, gone] = 0
    network = small.network()
    torch.testing.assert_close(outputs.of(network), outputs.of(reference))
    assert sum(p.numel() for p in network.parameters()) < sum(p.numel() for p in reference.parameters())


WIDTHS = {
    "features": {
        r"collapse\.0\.weight|collapse\.1\.(weight|bias|running_.*)|down\.filter\.weight|up\.linear\..*|norm\..*": 0,
        r"down\.linear\.weight|head\.weight|shortcut\.weight": 1,
    },
    "width": {
        r"down\.linear\..*|encoder\.\d\.norms\..*": 0,
        r"encoder\.\d\.(attention\.out|feed_(in|out)\.2|conv\.out)\..*": 0,
        r"encoder\.\d\.(attention\.(query|key|value)|feed_(in|out)\.0|conv\.inner)\.weight|up\.linear\.weight": 1,
    },
}


@pytest.mark.parametrize("name", WIDTHS)
def test_widths_of_the_encoder_are_cut_in_every_tensor_that_has_them(parent, name):
    small = cut(parent, ratios={name: 0.25})
    gone = small.provenance["prune"]["removed"][name]
    kept = [i for i in range(24) if i not in gone]
    assert len(gone) == 6
    for tensor_name, tensor in parent.tensors.items():
        axes = [axis for pattern, axis in WIDTHS[name].items() if re.fullmatch(pattern, tensor_name)]
        wanted = tensor.index_select(axes[0], torch.tensor(kept)) if axes else tensor
        assert torch.equal(small.tensors[tensor_name], wanted), tensor_name


@pytest.mark.parametrize(
    ("name", "block"),
    [("residual.0", "cnn.2"), ("residual.1", "cnn.3"), ("residual.4", "cnn.6"), ("encoder.0", "encoder.0")],
)
def test_a_block_that_went_is_a_block_that_does_nothing(parent, outputs, name, block):
    small = cut(parent, ratios={name: 1.0})
    reference = parent.network()
    reference.set_submodule(block, torch.nn.Identity())
    torch.testing.assert_close(outputs.of(small.network()), outputs.of(reference))


def test_both_blocks_of_the_first_stage_can_go(parent, outputs):
    small = cut(parent, ratios={"residual.0": 1.0, "residual.1": 1.0, "residual.3.inner": 0.5})
    assert small.network().config.blocks == (0, 1, 2)
    assert small.network().config.inner == (16, 8, 16)
    assert outputs.of(small.network()).isfinite().all()
    again = cut(small, ratios={"stage.0": 0.5})
    assert again.network().config.channels == (6, 16, 16)


def test_the_configuration_tells_all_and_survives_the_file(parent, outputs, tmp_path):
    every = {name: 0.3 for name, group in prunable_groups(parent.network().config).items() if not group.block}
    small = cut(parent, ratios=every)
    save_weights(tmp_path / "small.safetensors", small)
    loaded = load_weights(tmp_path / "small.safetensors")
    assert torch.equal(outputs.of(loaded.network()), outputs.of(small.network()))
    config = loaded.network().config
    assert config.block_heads == (2, 2)
    assert (config.stem, config.dim, config.block_width, config.head_width) == (6, 17, 17, 8)
    fresh = build(parent.spec.name, parent.spec.charset.size, loaded.config)
    assert {n: t.shape for n, t in fresh.state_dict().items()} == {n: t.shape for n, t in small.tensors.items()}
    assert loaded.provenance["provenance"] == parent.provenance
    assert loaded.provenance["prune"]["ratios"] == every


def test_rounds_follow_one_another(parent, outputs):
    once = cut(parent, ratios={"residual.0.inner": 0.25, "encoder.0.heads": 0.3, "width": 0.2})
    twice = cut(once, ratios={"residual.0.inner": 0.34, "encoder.0.heads": 0.5, "width": 0.2, "encoder.1": 1.0})
    assert twice.network().config.inner[0] == 6
    assert twice.network().config.block_heads == (1,)
    assert twice.provenance["provenance"]["prune"]["ratios"]["width"] == 0.2
    height = parent.network().config.height
    costs = [count_macs(weights.network(), height=height, width=64) for weights in (parent, once, twice)]
    assert costs == sorted(costs, reverse=True)
    assert outputs.of(twice.network()).isfinite().all()


def test_nothing_removed_is_the_same_network(parent):
    same = cut(parent, ratios={"stage.0": 0.0, "residual.0": 0.0})
    assert same.network().config == parent.network().config
    assert all(torch.equal(same.tensors[name], tensor) for name, tensor in parent.tensors.items())


@pytest.mark.parametrize(("ratio", "kept"), [(0.05, 16), (0.3, 12), (0.99, 4)])
def test_what_stays_is_a_multiple_and_never_nothing(parent, ratio, kept):
    small = cut(parent, ratios={"stage.1": ratio}, multiple=4)
    assert small.network().config.channels[1] == kept


def test_multiply_accumulates_are_those_counted_by_hand():
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, stride=2, padding=1), torch.nn.Flatten(2), torch.nn.Linear(6 * 8, 5)
    )
    assert count_macs(layers, height=12, width=16) == 4 * 6 * 8 * 9 + 4 * 48 * 5


@pytest.mark.parametrize(
    ("ratios", "message"),
    [
        ({"stage.0": 1.2}, "within 0..1"),
        ({"stage.7": 0.5}, "not a group"),
        ({"stage.0": 1.0}, "leaves nothing"),
        ({"encoder.0": 0.5}, "whole block"),
        ({"encoder.0": 1.0, "encoder.1": 1.0}, "all ConvText blocks"),
        ({"encoder.0": 1.0, "encoder.0.heads": 0.4}, "its block"),
        ({"residual.2": 1.0}, "not a group"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(parent, ratios, message):
    with pytest.raises(UsageError, match=message):
        cut(parent, ratios=ratios)


def test_lines_are_asked_for_where_they_are_needed_and_other_networks_refused(parent, toy_spec):
    with pytest.raises(UsageError, match="need training lines"):
        cut(parent, ratios={"stage.0": 0.5}, importance="taylor")
    with pytest.raises(UsageError, match="no batch norm"):
        cut(parent, ratios={"encoder.0.feed_in": 0.5}, importance="bn-scale")
    config = {"height": 32, "stem": 4, "channels": [8, 8, 12], "blocks": [1, 1, 1], "hidden": 6, "layers": 2}
    network = build("crnn", toy_spec.charset.size, config)
    spec = replace(toy_spec, name="crnn", preprocess=PreprocessSpec(height=32))
    other = Weights(spec=spec, config=config, provenance={}, tensors=deploy_tensors(network))
    with pytest.raises(UsageError, match="convtext family"):
        cut(other, ratios={"stem": 0.5})
