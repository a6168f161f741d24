"""Weights on disk: what goes in comes out, equal weights are equal bytes, and nothing foreign is loaded."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest


torch = pytest.importorskip("torch", reason="weights are torch tensors")

from safetensors.torch import save_file  # noqa: E402

from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError  # noqa: E402
from inkport.model.weights import Weights, deploy_tensors, load_weights, save_weights  # noqa: E402
from inkport.model.zoo import build  # noqa: E402


@pytest.fixture
def weights(toy_spec, toy_config):
    torch.manual_seed(1)
    network = build(toy_spec.name, toy_spec.charset.size, toy_config)
    return Weights(spec=toy_spec, config=toy_config, provenance={"steps": 3}, tensors=deploy_tensors(network))


@pytest.fixture
def saved(weights, tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, weights)
    return path


def rewrite(path, weights, metadata):
    save_file(weights.tensors, path, metadata=metadata)
    return path


def metadata_of(weights):
    return {
        "schema": 1,
        "spec": weights.spec.to_dict(),
        "config": weights.config,
        "provenance": weights.provenance,
    }


def test_round_trip(saved, weights):
    loaded = load_weights(saved)
    assert (loaded.spec, loaded.config, loaded.provenance) == (weights.spec, weights.config, weights.provenance)
    assert loaded.tensors.keys() == weights.tensors.keys()
    for name, tensor in weights.tensors.items():
        assert torch.equal(loaded.tensors[name], tensor), name


def test_the_network_is_ready_to_read(saved, weights):
    network = load_weights(saved).network()
    assert not network.training
    assert torch.equal(network.state_dict()["head.weight"], weights.tensors["head.weight"])


def test_equal_weights_are_equal_bytes(saved, weights, tmp_path):
    backwards = dict(reversed(weights.tensors.items()))
    config = dict(reversed(weights.config.items()))
    save_weights(tmp_path / "again.safetensors", replace(weights, tensors=backwards, config=config))
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_deploy_tensors_do_not_follow_further_training(toy_spec, toy_config):
    network = build(toy_spec.name, toy_spec.charset.size, toy_config)
    copied = deploy_tensors(network)["head.weight"].clone()
    kept = deploy_tensors(network)
    with torch.no_grad():
        network.head.weight += 1
    assert torch.equal(kept["head.weight"], copied)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ArtifactNotFoundError, match="no such weights file"):
        load_weights(tmp_path / "none.safetensors")


def test_a_pickle_is_never_loaded(tmp_path):
    path = tmp_path / "w.safetensors"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(ArtifactCorruptError, match="not a readable safetensors file"):
        load_weights(path)


@pytest.mark.parametrize("keep", [0, 7, 1000, -1])
def test_a_truncated_file_is_refused(saved, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(ArtifactCorruptError, match="not a readable safetensors file"):
        load_weights(saved)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_safetensors_of_others_are_refused(tmp_path, weights, metadata):
    path = rewrite(tmp_path / "foreign.safetensors", weights, metadata)
    with pytest.raises(ArtifactCorruptError, match="without inkport's metadata"):
        load_weights(path)


@pytest.mark.parametrize("text", ["{", "3", "{}", '{"schema": 1}', '{"schema": "1"}', '{"schema": 1, "spec": {}}'])
def test_malformed_metadata_is_refused(tmp_path, weights, text):
    path = rewrite(tmp_path / "w.safetensors", weights, {"inkport": text})
    with pytest.raises(ArtifactCorruptError, match="malformed"):
        load_weights(path)


def test_metadata_of_a_newer_inkport_is_refused(tmp_path, weights):
    newer = json.dumps(metadata_of(weights) | {"schema": 2})
    path = rewrite(tmp_path / "w.safetensors", weights, {"inkport": newer})
    with pytest.raises(ArtifactCorruptError, match="schema 2, this inkport reads up to 1\nfix: upgrade inkport"):
        load_weights(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tensors": {}}, r"cnn.*absent, expected float32"),
        ({"config": {"stem": 9}}, r"expected float32 \(9, 1, 3, 3\)"),
        ({"config": {"stemm": 8}}, "unknown key 'stemm'"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(weights, change, message):
    with pytest.raises(ArtifactCorruptError, match=message):
        replace(weights, **change).network()


def test_a_network_for_another_height_is_refused(weights, toy_config):
    config = toy_config | {"height": 64}
    tensors = deploy_tensors(build(weights.spec.name, weights.spec.charset.size, config))
    with pytest.raises(ArtifactCorruptError, match="the network is for height 64, its images get 48"):
        replace(weights, config=config, tensors=tensors).network()
