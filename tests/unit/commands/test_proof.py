"""Lines that made a port or its settings do not prove it: told from provenance alone, whoever made it, and when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from inkport.commands._request import check_proof
from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.errors import LineDataError
from inkport.core.target import Precision, Target
from inkport.lines.roles import Role, record_lines
from inkport.lines.source import read_lines


TARGETS = """
[[target]]
name = "fake int8"
runtime = "fake"
precision = "int8"
"""


@pytest.fixture(autouse=True)
def fake(register):
    register(("fake", {}))


@pytest.fixture
def artifact(toy_spec):
    """Make an ONNX artifact in a folder that has this record of lines."""

    def make(folder: Path, record, *, precision=Precision.INT8, **more):
        provenance = Provenance(stage="test", line_digests=record, **more)
        with new_artifact(folder, spec=toy_spec, format="onnx", precision=precision, provenance=provenance) as draft:
            (draft / "model.onnx").write_bytes(b"fake" + str(precision).encode())
        return load_artifact(folder)

    return make


@pytest.fixture
def copy(lines_folder, tmp_path):
    """Two lines of ``lines_folder`` under other names, in another format."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for name, number in (("p", 1), ("q", 4)):
        Image.open(lines_folder / f"line{number}.png").save(folder / f"{name}.tif")
        (folder / f"{name}.gt.txt").write_bytes((lines_folder / f"line{number}.gt.txt").read_bytes())
    return folder


def ask(inkport, command, model, lines, out):
    targets = out.parent / "targets.toml"
    targets.write_text(TARGETS, encoding="utf-8")
    where = out / "kit.zip" if command[0] == "kit" else out
    return inkport(*command, model, "--targets", targets, "--lines", lines, "--out", where)


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("verify", Role.CALIBRATION),
        ("verify", Role.TUNING),
        ("kit make", Role.CALIBRATION),
        ("diagnose flips", Role.CALIBRATION),
        ("bench", Role.CALIBRATION),
        ("diagnose invariance", Role.CALIBRATION),
    ],
)
def test_an_artifact_from_elsewhere_is_not_proven_on_lines_that_made_it(  # noqa: PLR0917 - fixtures
    inkport, artifact, lines_folder, copy, command, role
):
    tmp_path = copy.parent
    model = artifact(tmp_path / "model", record_lines({role: read_lines([copy])}))
    run = ask(inkport, command.split(), model.path, lines_folder, tmp_path / "out")
    assert run.code == 2
    assert f"2 lines are among those that {model.path} (onnx int8) was" in run.err
    assert "'line1.png'" in run.err
    assert not (tmp_path / "out" / "report.json").exists()


def test_an_int8_artifact_of_an_earlier_run_is_not_proven_on_its_calibration_lines(
    inkport, artifact, lines_folder, copy, tmp_path
):
    model = artifact(tmp_path / "model", {}, precision=Precision.FP32)
    record = record_lines({Role.CALIBRATION: read_lines([copy])})
    artifact(tmp_path / "out/artifacts/onnx-int8", record, root=model.root, parent=model.digest)
    run = ask(inkport, ("verify",), model.path, lines_folder, tmp_path / "out")
    assert run.code == 2
    assert "onnx-int8 (onnx int8) was calibrated on" in run.err


def check(lines, model, *, work, calibration=None):
    target = Target(name="fake int8", runtime="fake", precision=Precision.INT8)
    check_proof(list(read_lines([lines])), model, [target], work=work, calibration=calibration)


def test_other_lines_prove_it_and_nothing_is_said_of_what_records_nothing(
    artifact, lines_folder, other_lines, tmp_path, capsys
):
    record = record_lines({Role.CALIBRATION: read_lines([other_lines]), Role.TUNING: read_lines([other_lines])})
    check(lines_folder, artifact(tmp_path / "model", record), work=tmp_path)
    check(lines_folder, artifact(tmp_path / "old", {}), work=tmp_path)
    assert capsys.readouterr().err == ""


def test_lines_that_weights_were_trained_on_are_named_and_pass(artifact, lines_folder, copy, tmp_path, capsys):
    model = artifact(tmp_path / "model", record_lines({Role.TRAIN: read_lines([copy])}))
    check(lines_folder, model, work=tmp_path)
    assert "was trained on 2 of these lines, for example 'line1.png'" in capsys.readouterr().err


def test_a_calibration_image_counts_whatever_its_text(artifact, lines_folder, copy, tmp_path):
    images = [replace(line, text="read by a machine") for line in read_lines([copy])]
    model = artifact(tmp_path / "model", record_lines({Role.CALIBRATION: images}))
    with pytest.raises(LineDataError, match="was calibrated on"):
        check(lines_folder, model, work=tmp_path)


def test_a_damaged_line_is_no_reason_to_fail(inkport, artifact, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for name in ("a", "b"):
        (damaged / f"{name}.png").write_bytes(b"no image")
        (damaged / f"{name}.gt.txt").write_text("a", encoding="utf-8")
    model = artifact(tmp_path / "model", record_lines({Role.CALIBRATION: read_lines([damaged])}))
    assert model.provenance.line_digests == {}
    run = ask(inkport, ("verify",), model.path, damaged, tmp_path / "out")
    assert run.code == 2
    assert "bad-image" in run.err


def test_sidecars_of_before_lines_were_recorded_are_read_as_ever(artifact, tmp_path):
    made = artifact(tmp_path / "model", record_lines({}))
    sidecar = tmp_path / "model" / "recogniser.json"
    text = sidecar.read_text(encoding="utf-8")
    assert ',\n  "line_digests": {}' in text
    sidecar.write_text(text.replace(',\n  "line_digests": {}', ""), encoding="utf-8")
    old = load_artifact(tmp_path / "model")
    assert old.provenance == made.provenance
    assert old.digest == made.digest
