"""Networks of impossible sizes, from recipes and from weights files, are refused before anything is built."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest


torch = pytest.importorskip("torch", reason="networks are torch modules")

from inkport.core.errors import ArtifactCorruptError, RecipeError, SpecError  # noqa: E402
from inkport.core.preprocess import MAX_INPUT_PIXELS, TRIANGLE_V1, PreprocessSpec  # noqa: E402
from inkport.model import zoo  # noqa: E402
from inkport.model.weights import HEAD_BYTES, Weights, deploy_tensors, load_weights  # noqa: E402
from inkport.model.zoo import build, plan  # noqa: E402


def test_a_plan_is_the_network_without_values_and_leaves_chance_alone(toy):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    planned = plan(toy.name, 12, toy.overrides)
    assert torch.equal(before, torch.get_rng_state())
    built = build(toy.name, 12, toy.overrides).state_dict()
    assert {k: (t.shape, t.dtype) for k, t in planned.items()} == {k: (t.shape, t.dtype) for k, t in built.items()}
    assert all(t.is_meta for t in planned.values())


@pytest.mark.parametrize(
    ("name", "settings", "fault"),
    [
        ("convtext-tiny", {"depth": 10**6}, "depth is 1000000, more than"),
        ("convtext-tiny", {"blocks": [150, 150, 150]}, "blocks is .*, more than"),
        ("convtext-tiny", {"channels": [1] * 20_000}, "channels is .*, more than"),
        ("convtext-tiny", {"kernel": 10**30 + 1}, "kernel is"),
        ("convtext-tiny", {"ranks": {"head": 10**9}}, "ranks is"),
        ("convtext-tiny", {"dim": 60_000, "heads": 1}, "values, at most"),
        ("convtext-tiny", {"dropout": 5.0}, "cannot be built"),
        ("convtext", {"depths": [10**5, 1, 1]}, "depths is"),
        ("convtext", {"positions": 10**9}, "positions is"),
        ("crnn", {"layers": 10**9}, "layers is"),
        ("crnn", {"hidden": 60_000}, "values, at most"),
        ("htr-vt", {"frames": 10**9}, "frames is"),
    ],
)
def test_sizes_that_no_network_has_are_refused(name, settings, fault, monkeypatch):
    def built(_config):
        assert torch.get_default_device().type == "meta", "built with values"
        return network(_config)

    network = zoo.NETWORKS[name].network
    monkeypatch.setattr(zoo, "NETWORKS", {name: replace(zoo.NETWORKS[name], network=built)})
    with pytest.raises(RecipeError, match=fault):
        build(name, 80, settings)


@pytest.fixture
def weights(toy_spec, toy_config):
    tensors = deploy_tensors(build(toy_spec.name, toy_spec.charset.size, toy_config))
    return Weights(spec=toy_spec, config=toy_config, provenance={}, tensors=tensors)


@pytest.mark.parametrize("config", [{"depth": 150}, {"dim": 6000, "heads": 1}, {"stem": 9}])
def test_tensors_are_compared_before_the_network_is_built(weights, config, monkeypatch):
    monkeypatch.setattr("inkport.model.weights.build", lambda *_args: pytest.fail("built"))
    with pytest.raises(ArtifactCorruptError, match=r"do not fit the network .* expected"):
        replace(weights, config=weights.config | config).network()


def test_values_of_another_type_are_refused(weights):
    tensors = weights.tensors | {"head.weight": weights.tensors["head.weight"].to(torch.int8)}
    with pytest.raises(ArtifactCorruptError, match=r"head\.weight is int8 .*, expected float32"):
        replace(weights, tensors=tensors).network()


def test_a_head_of_gigabytes_is_not_parsed(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", HEAD_BYTES + 1) + b"{}")
    with pytest.raises(ArtifactCorruptError, match=f"a head of {HEAD_BYTES + 1} bytes, at most {HEAD_BYTES}"):
        load_weights(path)


def test_inputs_are_no_larger_than_images():
    assert PreprocessSpec(height=800, max_width=MAX_INPUT_PIXELS // 800).height == 800
    with pytest.raises(SpecError, match="sides of at most 32768 px"):
        PreprocessSpec(max_width=32784)
    with pytest.raises(SpecError, match="have more than 8000000 pixels"):
        PreprocessSpec(height=10**9, max_width=2048, resampling=TRIANGLE_V1)
    with pytest.raises(SpecError, match="have more than 8000000 pixels"):
        PreprocessSpec(max_width=16 * 10**9, resampling=TRIANGLE_V1)
