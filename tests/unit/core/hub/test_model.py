"""Models on the hub: what is fetched, what is checked, and what is said where it cannot be had."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

import inkport
from inkport.commands._model import resolve_model
from inkport.commands._request import sample_lines
from inkport.core.artifact import SIDECAR
from inkport.core.errors import (
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    ArtifactCorruptError,
    HubError,
    HubUnavailableError,
    RuntimeUnavailableError,
    exit_code,
)
from inkport.core.hub.card import new_card
from inkport.core.hub.reference import parse_reference


SAMPLE = sample_lines().parent / "rendered-en-000000.png"
NAME = "hf://ada/lines"
PICKLES = {"pytorch_model.bin": b"PK\x03\x04", "training.pt": b"\x80\x02", ".gitattributes": b"", "notes.txt": b"x"}


@pytest.fixture
def published(hub, shipped):
    """A model on the hub, among files that are none of its own."""
    card = new_card(shipped, parse_reference(NAME)).encode()
    files = {p.name: p.read_bytes() for p in shipped.path.iterdir()}
    return hub.put("models/ada/lines", {**files, **PICKLES, "README.md": card})


@pytest.mark.usefixtures("published")
def test_a_model_is_what_was_published_and_nothing_else_is_fetched(hub, shipped):
    found = resolve_model(NAME)
    assert (found.digest, found.root, found.format) == (shipped.digest, shipped.root, "onnx")
    assert hub.fetched() == ["README.md", "model.onnx", SIDECAR]
    assert {path for _, path in hub.asked if "ada/lines" not in path} == set(), "and nothing else is asked"
    resolve_model(NAME)
    assert hub.fetched() == ["README.md", "model.onnx", SIDECAR], "what is in the cache is not fetched twice"


def test_the_licence_is_shown(hub, shipped, capsys, tmp_path):
    folder = shutil.copytree(shipped.path, tmp_path / "licensed")
    told = json.loads((folder / SIDECAR).read_text())
    told["provenance"] |= {"licence": "CC-BY-4.0", "attribution": "Ada Example"}
    (folder / SIDECAR).write_text(json.dumps(told))
    repository = hub.put("models/ada/lines", folder)
    resolve_model(NAME)
    said = capsys.readouterr().err
    assert "licence: CC-BY-4.0" in said
    assert "attribution: Ada Example" in said
    assert f"commit {repository.sha[:12]}" in said


@pytest.mark.usefixtures("published")
def test_the_python_api_reads_with_it(shipped):
    pytest.importorskip("onnxruntime")
    with inkport.load(NAME) as recogniser:
        assert recogniser.digest == shipped.digest
        assert recogniser.read(SAMPLE).text == "life of thought and intellectual energy to science,"


def test_a_revision_a_folder_and_a_single_file_can_be_named(hub, published, shipped):
    nested = {f"onnx/{name}": data for name, data in published.files.items()}
    hub.put("models/ada/many", nested)
    names = [f"{NAME}@{published.sha}", f"{NAME}@main", "hf://ada/many/onnx", f"{NAME}/model.onnx"]
    assert {resolve_model(name).digest for name in names} == {shipped.digest}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"pytorch_model.bin": b"", "config.json": b"{}"}, "found config.json, pytorch_model.bin"),
        ({}, "found nothing"),
        ({f"{n:02}.txt": b"" for n in range(12)}, "07.txt and 4 more"),
        ({f"int8/{SIDECAR}": b"{}"}, "name one of: hf://ada/lines/int8"),
        ({"model.onnx": b""}, "hf://ada/lines/model.onnx"),
    ],
)
def test_a_repository_without_an_artifact_says_what_it_has(hub, files, said):
    hub.put("models/ada/lines", files)
    with pytest.raises(HubError, match="no inkport artifact") as caught:
        resolve_model(NAME)
    assert said in str(caught.value)
    assert hub.fetched() == []


@pytest.mark.usefixtures("published")
def test_a_missing_repository_and_a_missing_revision_are_told_apart():
    with pytest.raises(HubError, match="hf://ada/other: no such model") as missing:
        resolve_model("hf://ada/other")
    with pytest.raises(HubError, match="no revision 'v9'") as revision:
        resolve_model(f"{NAME}@v9")
    assert {exit_code(missing.value), exit_code(revision.value)} == {EXIT_USAGE}
    assert missing.value.remedy
    assert revision.value.remedy


def test_a_gated_repository_says_where_to_ask(hub, published):
    published.gated = "manual"
    with pytest.raises(HubUnavailableError, match="gated") as caught:
        resolve_model(NAME)
    assert f"{hub.url}/ada/lines" in caught.value.remedy
    assert exit_code(caught.value) == EXIT_UNAVAILABLE


@pytest.mark.parametrize(("status", "said"), [(403, "does not allow"), (500, "cannot answer"), (418, "refuses")])
@pytest.mark.usefixtures("published")
def test_other_answers_say_which(hub, status, said):
    hub.status = status
    with pytest.raises(HubError, match=said):
        resolve_model(NAME)


@pytest.mark.usefixtures("published")
def test_without_a_network_the_error_says_so_and_the_cache_serves_when_asked(hub, shipped, monkeypatch):
    from huggingface_hub import constants

    resolve_model(NAME)
    hub.close()
    with pytest.raises(HubUnavailableError, match=f"{hub.url} cannot be reached") as caught:
        resolve_model(NAME)
    assert exit_code(caught.value) == EXIT_UNAVAILABLE
    assert "HF_HUB_OFFLINE=1" in caught.value.remedy
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert resolve_model(NAME).digest == shipped.digest
    with pytest.raises(HubUnavailableError, match="not in the cache"):
        resolve_model("hf://ada/other")


def test_a_file_that_changed_is_refused(hub, published):
    data = bytearray(published.files["model.onnx"])
    data[-1] ^= 1
    hub.damage["model.onnx"] = bytes(data)
    with pytest.raises(HubError, match=r"model\.onnx came with SHA-256"):
        resolve_model(NAME)


def test_a_file_that_is_not_the_sidecars_is_refused_by_the_sidecar(published):
    published.files["model.onnx"] += b"\0"
    with pytest.raises(ArtifactCorruptError, match=r"hf://ada/lines/model.onnx: SHA-256"):
        resolve_model(NAME)


def test_a_card_of_another_artifact_is_refused(published, shipped):
    published.files["README.md"] = published.files["README.md"].replace(shipped.digest.encode(), b"0" * 64)
    with pytest.raises(ArtifactCorruptError, match=r"its card is about 000000000000"):
        resolve_model(NAME)


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"pytorch_model.bin": "0" * 64}},
        {"files": {"../model.onnx": "0" * 64}},
        {"files": {"/etc/model.onnx": "0" * 64}},
        {"files": {"a\\..\\model.onnx": "0" * 64}},
        {"format": "tensorrt"},
        {"format": "pytorch", "files": {"weights.pt": "0" * 64}},
    ],
    ids=repr,
)
def test_a_sidecar_that_names_what_no_artifact_holds_is_refused_unfetched(hub, published, change):
    told = json.loads(published.files[SIDECAR])
    published.files[SIDECAR] = json.dumps(told | change).encode()
    with pytest.raises(ArtifactCorruptError, match="hf://ada/lines"):
        resolve_model(NAME)
    assert hub.fetched() == [SIDECAR]


def test_a_sidecar_that_names_a_missing_file_is_refused(published):
    del published.files["model.onnx"]
    with pytest.raises(HubError, match=r"names model\.onnx, and the repository lacks it"):
        resolve_model(NAME)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(RuntimeUnavailableError) as caught:
        resolve_model(NAME)
    assert caught.value.remedy == "pip install 'inkport[hub]'"
    assert exit_code(caught.value) == EXIT_UNAVAILABLE


def test_what_is_not_named_on_the_hub_does_not_even_load_its_client():
    pytest.importorskip("onnxruntime")
    code = (
        "import inkport, sys\nwith inkport.load() as recogniser:\n    recogniser.read(sys.argv[1])\n"
        "assert 'huggingface_hub' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, SAMPLE], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("published")
def test_the_command_line_reads_with_it(hub, tmp_path):
    pytest.importorskip("onnxruntime")
    variables = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-m", "inkport", "read", str(SAMPLE), "--model", NAME]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "life of thought and intellectual energy to science,\n"), done.stderr
    assert "licence: Apache-2.0; learnt" in done.stderr
    assert hub.fetched() == ["README.md", "model.onnx", SIDECAR]
