from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest


pytest.importorskip("torch", reason="weights are torch's")

from safetensors.numpy import load_file

from inkport.commands.train.average import average
from inkport.core.charset import Charset
from inkport.core.errors import SpecMismatchError, UsageError
from inkport.model.weights import load_weights, save_weights


@pytest.fixture
def rounds(toy_artifact, tmp_path):
    """Two rounds: the toy, and the toy moved a little, each with its own version."""
    first = load_weights(toy_artifact.file(".safetensors"))
    moved = {k: t * 1.5 + 1 if t.is_floating_point() else t + 7 for k, t in first.tensors.items()}
    second = replace(first, tensors=moved, spec=replace(first.spec, version="later"), provenance={"step": 9})
    paths = [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    for path, weights in zip(paths, (first, second), strict=True):
        save_weights(path, weights)
    return paths


def test_each_tensor_is_the_weighted_mean(rounds, tmp_path):
    average(rounds, shares=(0.75, 0.25), out=tmp_path / "mean.safetensors", version="mean")
    first, second, mean = (load_file(path) for path in (*rounds, tmp_path / "mean.safetensors"))
    for name, tensor in mean.items():
        if np.issubdtype(tensor.dtype, np.floating):
            np.testing.assert_allclose(tensor, 0.75 * first[name] + 0.25 * second[name], rtol=1e-6, atol=1e-7)
        else:
            np.testing.assert_array_equal(tensor, first[name])
    weights = load_weights(tmp_path / "mean.safetensors")
    assert weights.spec.version == "mean"
    members = weights.provenance["average"]
    assert [m["share"] for m in members] == [0.75, 0.25]
    assert members[1]["provenance"] == {"step": 9}
    assert weights.network() is not None


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.4), (1.5, -0.5), (0.0, 1.0)])
def test_shares_that_are_no_average_are_refused(rounds, tmp_path, shares):
    with pytest.raises(UsageError, match="shares"):
        average(rounds, shares=shares, out=tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_weights_of_another_recogniser_are_refused(rounds, tmp_path):
    second = load_weights(rounds[1])
    other = replace(second, spec=replace(second.spec, charset=Charset(tuple(" abcdeè"))))
    save_weights(rounds[1], other)
    with pytest.raises(SpecMismatchError, match=r"second\.safetensors"):
        average(rounds, shares=(0.5, 0.5), out=tmp_path / "out.safetensors")


def test_half_precision_takes_half_the_bytes_and_reads_alike(rounds, tmp_path):
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    average(rounds, shares=(0.5, 0.5), out=whole)
    average(rounds, shares=(0.5, 0.5), out=half, half=True)
    first, second = load_weights(whole), load_weights(half)
    values = sum(tensor.numel() for tensor in first.tensors.values() if tensor.is_floating_point())
    assert whole.stat().st_size - half.stat().st_size == pytest.approx(2 * values, abs=64)
    for name, tensor in second.tensors.items():
        assert tensor.dtype == first.tensors[name].dtype
        np.testing.assert_allclose(tensor, first.tensors[name], rtol=2**-11, atol=1e-7)
    assert second.network().state_dict().keys() == first.tensors.keys()


def test_values_beyond_half_precision_are_refused(rounds, tmp_path):
    weights = load_weights(rounds[0])
    huge = weights.tensors | {"head.bias": weights.tensors["head.bias"] + 70_000}
    with pytest.raises(UsageError, match=r"head\.bias has values up to 7e\+04, half precision reaches 65504"):
        save_weights(tmp_path / "half.safetensors", replace(weights, tensors=huge), half=True)
    assert not (tmp_path / "half.safetensors").exists()
