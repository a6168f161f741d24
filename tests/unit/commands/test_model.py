from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import inkport.commands._model as naming
from inkport.commands._model import resolve_model
from inkport.core import artifact as bundle
from inkport.core.artifact import load_artifact
from inkport.core.errors import (
    ArtifactCorruptError,
    ArtifactNotFoundError,
    RuntimeUnavailableError,
    UsageError,
)


@pytest.fixture
def shipped(toy_artifact, tmp_path, monkeypatch):
    folder = tmp_path / "shipped"
    shutil.copytree(toy_artifact.path, folder / "convtext-tiny")
    monkeypatch.setattr(naming, "_shipped_folder", lambda: folder)
    return folder


def test_a_weights_file_becomes_an_artifact_with_its_bytes_and_provenance(toy_artifact, tmp_path):
    weights = tmp_path / "best.safetensors"
    shutil.copyfile(toy_artifact.file(".safetensors"), weights)
    found = resolve_model(str(weights), work=tmp_path / "work")
    assert found.path == tmp_path / "work" / "safetensors-fp32"
    assert found.digest == toy_artifact.digest, "the same weights are the same root, wherever they come from"
    assert found.file(".safetensors").read_bytes() == weights.read_bytes()
    assert found.provenance.stage == "train"
    assert resolve_model(str(weights)).digest == found.digest


def test_a_directory_is_an_artifact(toy_onnx):
    assert resolve_model(str(toy_onnx.path)) == toy_onnx


@pytest.mark.parametrize("name", [None, "convtext-tiny"])
def test_a_name_or_nothing_is_a_shipped_model(shipped, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_model(name) == load_artifact(shipped / "convtext-tiny")


def test_without_the_weights_the_name_means_the_packaged_onnx_and_training_says_where_they_are(
    shipped, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    digest = load_artifact(shipped / "convtext-tiny").digest
    assert naming.shipped_weights() == shipped / "convtext-tiny" / "weights.safetensors"
    shutil.rmtree(shipped)
    found = resolve_model("convtext-tiny")
    assert (found.format, found.precision, found.path.name) == ("onnx", "fp32", "convtext-tiny-fp32")
    assert found == resolve_model(None)
    assert found.digest != digest
    int8 = resolve_model("convtext-tiny-int8")
    assert (int8.provenance.parent, int8.root) == (found.digest, found.root), "int8 is proven against its own parent"
    for asked in (naming.shipped_weights, lambda: resolve_model("convtext-small")):
        with pytest.raises(UsageError) as caught:
            asked()
        assert "repository, in model/shipped" in caught.value.remedy


def test_an_unknown_name_lists_the_shipped_ones(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="convtext-huge") as caught:
        resolve_model("convtext-huge")
    assert "convtext-tiny" in caught.value.remedy
    shutil.rmtree(shipped)
    monkeypatch.setattr(bundle, "files", lambda _package: tmp_path / "nothing")
    with pytest.raises(UsageError, match="ships no model"):
        resolve_model(None)


def test_a_file_that_is_no_weights_and_a_directory_without_sidecar_are_refused(tmp_path):
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ArtifactCorruptError, match=r"text\.safetensors"):
        resolve_model(str(tmp_path / "text.safetensors"), work=tmp_path / "work")
    with pytest.raises(ArtifactNotFoundError):
        resolve_model(str(tmp_path))
    assert not (tmp_path / "work").exists()


def test_a_weights_file_without_torch_says_what_to_install(toy_artifact, monkeypatch):
    for module in ("inkport.export.from_torch.network", "inkport.model.weights"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(RuntimeUnavailableError) as caught:
        resolve_model(str(toy_artifact.file(".safetensors")))
    assert "pip install 'inkport[export]'" in caught.value.remedy


def test_the_bundled_artifacts_are_opened_or_reported_missing(toy_int8, toy_onnx, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "files", lambda _package: tmp_path)
    with pytest.raises(ArtifactNotFoundError):
        bundle.bundled_artifacts()
    artifacts = (toy_int8, toy_onnx, toy_int8, toy_onnx)
    for name, artifact in zip(bundle.BUNDLED, artifacts, strict=True):
        shutil.copytree(artifact.path, tmp_path / "bundle" / name)
    assert [artifact.digest for artifact in bundle.bundled_artifacts()] == [artifact.digest for artifact in artifacts]
    assert resolve_model(bundle.BUNDLED[1]).digest == toy_onnx.digest


def test_a_language_model_is_a_file_or_comes_with_the_package(tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"file")
    assert bundle.find_lm(tmp_path / "mine.npz") == tmp_path / "mine.npz"
    assert bundle.find_lm(Path("fr-en")).name == "fr-en.npz"
    with pytest.raises(ArtifactNotFoundError, match=r"fr-de: no such file.*fr-en"):
        bundle.find_lm(Path("fr-de"))
