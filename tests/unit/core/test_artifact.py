"""Artifacts: what is written opens again, and anything changed, missing or added is refused."""

from __future__ import annotations

import json

import pytest

from inkport.core.artifact import SIDECAR, Calibration, Provenance, load_artifact, new_artifact
from inkport.core.errors import ArtifactCorruptError, ArtifactError, ArtifactNotFoundError, UsageError
from inkport.core.target import Precision


PROVENANCE = Provenance(
    stage="int8_onnx_from_onnx",
    root="r" * 64,
    parent="p" * 64,
    tools={"onnx": "1"},
    options={"per_channel": True, "layers": [1, None]},
    calibration=Calibration(ids=("a", "b"), sha256="c" * 64),
)


@pytest.fixture
def write(tmp_path, toy_spec):
    def make(name="artifact", *, content=b"weights", **change):
        path = tmp_path / name
        fields = {"format": "onnx", "precision": Precision.INT8, "provenance": PROVENANCE} | change
        with new_artifact(path, spec=toy_spec, **fields) as folder:
            (folder / "model.onnx").write_bytes(content)
            (folder / "package").mkdir()
            (folder / "package" / "part.bin").write_bytes(b"part")
        return path

    return make


def edit_sidecar(path, **change):
    sidecar = path / SIDECAR
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | change))


def test_what_is_written_opens_again(write, toy_spec):
    artifact = load_artifact(write())
    assert artifact.spec == toy_spec
    assert (artifact.format, artifact.precision, artifact.provenance) == ("onnx", Precision.INT8, PROVENANCE)
    assert sorted(artifact.files) == ["model.onnx", "package/part.bin"]
    assert artifact.bytes == len(b"weights") + len(b"part")
    assert artifact.file(".onnx").read_bytes() == b"weights"
    assert artifact.root == "r" * 64


def test_equal_content_has_equal_identity_whatever_its_path_and_provenance(write):
    first, second = load_artifact(write("a")), load_artifact(write("b", provenance=Provenance(stage="train")))
    assert first.digest == second.digest
    assert second.root == second.digest


def test_identity_changes_with_content_and_precision(write):
    digests = {load_artifact(path).digest for path in (write("a"), write("b", content=b"x"))}
    digests.add(load_artifact(write("c", precision=Precision.FP32)).digest)
    assert len(digests) == 3


def test_a_file_is_found_only_if_it_is_the_only_one(write):
    with pytest.raises(ArtifactCorruptError, match=r"expected one \.xml file, found none"):
        load_artifact(write()).file(".xml")


def test_an_absent_artifact_is_also_a_missing_file(tmp_path):
    with pytest.raises(ArtifactNotFoundError, match="no artifact here"):
        load_artifact(tmp_path / "nothing")
    assert issubclass(ArtifactNotFoundError, FileNotFoundError)


def tamper(path):
    (path / "model.onnx").write_bytes(b"weightz")


def remove(path):
    (path / "package" / "part.bin").unlink()


def add(path):
    (path / "package" / "extra.bin").touch()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (tamper, "the file was changed or damaged"),
        (remove, r"names package/part\.bin, which is missing"),
        (add, r"does not name package/extra\.bin"),
        (lambda p: (p / SIDECAR).write_text("{"), "not readable as JSON"),
        (lambda p: (p / SIDECAR).write_bytes(b"\xff\xfe"), "not readable as JSON"),
        (lambda p: (p / SIDECAR).write_text("[]"), "no schema version"),
        (lambda p: edit_sidecar(p, schema="1"), "no schema version"),
        (lambda p: edit_sidecar(p, schema=3), "schema 3, this inkport reads up to 2\nfix: upgrade"),
        (lambda p: edit_sidecar(p, rotation=90), "unknown key 'rotation'"),
        (lambda p: edit_sidecar(p, precision="fp7"), "precision: expected one of"),
        (lambda p: edit_sidecar(p, files=["model.onnx"]), "files: expected a table"),
        (lambda p: edit_sidecar(p, files={"../artifact/model.onnx": "0"}), "which is missing"),
        (lambda p: edit_sidecar(p, spec=[]), "spec: expected a table"),
        (lambda p: edit_sidecar(p, spec={}), "not a recogniser specification"),
        (lambda p: edit_sidecar(p, provenance={"stage": 1}), "stage: expected str"),
    ],
)
def test_damage_is_refused_with_its_reason(write, damage, message):
    path = write()
    damage(path)
    with pytest.raises(ArtifactCorruptError, match=message):
        load_artifact(path)


def test_every_single_missing_key_of_the_sidecar_is_refused(write):
    path = write()
    sidecar = json.loads((path / SIDECAR).read_text())
    for key in sidecar:
        (path / SIDECAR).write_text(json.dumps({k: v for k, v in sidecar.items() if k != key}))
        with pytest.raises(ArtifactError, match=key):
            load_artifact(path)


def test_a_failure_while_writing_leaves_the_old_artifact(write, toy_spec):
    path = write()
    before = load_artifact(path).digest
    with (
        pytest.raises(KeyboardInterrupt),
        new_artifact(path, spec=toy_spec, format="onnx", precision=Precision.FP32, provenance=PROVENANCE) as folder,
    ):
        (folder / "model.onnx").write_bytes(b"half")
        raise KeyboardInterrupt
    assert load_artifact(path).digest == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_writing_again_replaces_the_artifact(write):
    write(content=b"one")
    assert load_artifact(write(content=b"two")).file(".onnx").read_bytes() == b"two"


def test_a_folder_with_something_else_in_it_is_never_replaced(write, tmp_path):
    (tmp_path / "artifact").mkdir()
    (tmp_path / "artifact" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds no artifact"):
        write()
    assert (tmp_path / "artifact" / "thesis.txt").read_text() == "years of work"


def test_a_file_is_never_replaced_by_an_artifact(write, tmp_path):
    (tmp_path / "artifact").write_text("notes")
    with pytest.raises(UsageError, match="holds no artifact"):
        write()


def test_an_empty_folder_may_become_an_artifact(write, tmp_path):
    (tmp_path / "artifact").mkdir()
    assert load_artifact(write()).files
