"""The plan is tested with stages that copy a digest, so that every case takes milliseconds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import inkport.export.plan as planning
from inkport.core.artifact import Artifact, Calibration, Provenance, load_artifact, new_artifact
from inkport.core.errors import ExportError, ExportRequestError, exit_code
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.plan import Exporter, build, lacks_calibration
from inkport.export.quantize.calibration import CalibrationSet


WEIGHTS, ONNX, INT8, OV = (
    ("safetensors", Precision.FP32),
    ("onnx", Precision.FP32),
    ("onnx", Precision.INT8),
    ("openvino", Precision.FP32),
)
LINES = CalibrationSet(inputs=(), record=Calibration(ids=("a", "b"), sha256="11"))
OTHER_LINES = CalibrationSet(inputs=(), record=Calibration(ids=("c",), sha256="22"))


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """Replace the exporters by cheap ones; the list names those that ran."""
    ran: list[str] = []

    def stage(target):
        def run(source: Artifact, out: Path, *, calibration: CalibrationSet | None = None) -> Artifact:
            ran.append("-".join(target))
            provenance = Provenance(
                stage="test",
                root=source.root,
                parent=source.digest,
                calibration=calibration and calibration.record,
            )
            with new_artifact(
                out, spec=source.spec, format=target[0], precision=target[1], provenance=provenance
            ) as folder:
                (folder / "model.bin").write_text(f"{source.digest} {provenance.calibration}")
            return load_artifact(out)

        return run

    cheap = SimpleNamespace(onnx=stage(ONNX), int8=stage(INT8), ov=stage(OV))
    monkeypatch.setitem(sys.modules, "inkport.export.cheap_stages", cheap)
    monkeypatch.setattr(
        planning,
        "STAGES",
        (
            Exporter(source=WEIGHTS, target=ONNX, function="cheap_stages:onnx"),
            Exporter(source=ONNX, target=INT8, function="cheap_stages:int8", calibrated=True),
            Exporter(source=ONNX, target=OV, function="cheap_stages:ov"),
        ),
    )
    return ran


@pytest.fixture
def weights(toy_spec, tmp_path) -> Artifact:
    return make_weights(tmp_path / "weights", toy_spec, "trained")


def make_weights(path: Path, spec: RecogniserSpec, content: str) -> Artifact:
    with new_artifact(
        path, spec=spec, format=WEIGHTS[0], precision=WEIGHTS[1], provenance=Provenance(stage="train")
    ) as folder:
        (folder / "weights.safetensors").write_text(content)
    return load_artifact(path)


def make(source: Artifact, target: tuple[str, Precision], work: Path, **extra) -> Artifact:
    return build(source, format=target[0], precision=target[1], work=work, **extra)


def test_stages_run_in_order_and_only_once(calls, weights, tmp_path):
    work = tmp_path / "work"
    first = make(weights, INT8, work, calibration=LINES)
    assert calls == ["onnx-fp32", "onnx-int8"]
    assert (first.format, first.precision, first.root) == (*INT8, weights.digest)
    assert first.provenance.calibration == LINES.record
    calls.clear()
    assert make(weights, INT8, work, calibration=LINES) == first
    assert make(weights, INT8, work) == first, "without calibration lines, what is there is taken"
    assert make(weights, ONNX, work).digest == first.provenance.parent
    assert calls == []
    make(weights, OV, work)
    assert calls == ["openvino-fp32"]


def test_the_source_itself_is_no_export(calls, weights, tmp_path):
    assert make(weights, WEIGHTS, tmp_path / "work") is weights
    assert calls == []


def test_after_a_kill_only_what_is_missing_is_made(calls, weights, tmp_path, monkeypatch):
    def killed(*_args, **_options):
        raise KeyboardInterrupt

    work = tmp_path / "work"
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["inkport.export.cheap_stages"], "int8", killed)
        with pytest.raises(KeyboardInterrupt):
            make(weights, INT8, work, calibration=LINES)
    assert calls == ["onnx-fp32"]
    make(weights, INT8, work, calibration=LINES)
    assert calls == ["onnx-fp32", "onnx-int8"]


def test_a_damaged_leftover_is_made_anew(calls, weights, tmp_path):
    work = tmp_path / "work"
    whole = make(weights, ONNX, work)
    (whole.path / "model.bin").write_text("tampered")
    assert make(weights, ONNX, work).files == whole.files
    assert calls == ["onnx-fp32", "onnx-fp32"]


def test_artifacts_of_other_weights_are_replaced(calls, weights, toy_spec, tmp_path):
    work = tmp_path / "work"
    make(make_weights(tmp_path / "other", toy_spec, "more training"), INT8, work, calibration=LINES)
    calls.clear()
    assert make(weights, INT8, work, calibration=LINES).root == weights.digest
    assert calls == ["onnx-fp32", "onnx-int8"]


def test_an_artifact_of_the_same_weights_but_another_parent_is_replaced(calls, weights, tmp_path):
    work = tmp_path / "work"
    make(weights, INT8, work, calibration=LINES)
    calls.clear()
    onnx = load_artifact(work / "onnx-fp32")
    provenance = Provenance(stage="test", root=weights.digest, parent=weights.digest)
    with new_artifact(
        tmp_path / "other", spec=onnx.spec, format=ONNX[0], precision=ONNX[1], provenance=provenance
    ) as folder:
        (folder / "model.bin").write_text("exported by another version")
    other = load_artifact(tmp_path / "other")
    assert make(other, INT8, work, calibration=LINES).provenance.parent == other.digest
    assert calls == ["onnx-int8"]


def test_other_calibration_lines_quantise_again_but_do_not_export_again(calls, weights, tmp_path):
    work = tmp_path / "work"
    make(weights, INT8, work, calibration=LINES)
    calls.clear()
    again = make(weights, INT8, work, calibration=OTHER_LINES)
    assert again.provenance.calibration == OTHER_LINES.record
    assert calls == ["onnx-int8"]


def test_an_artifact_elsewhere_is_reused_if_it_is_of_these_weights(calls, weights, toy_spec, tmp_path):
    bundled = make(weights, INT8, tmp_path / "bundle", calibration=LINES)
    foreign = make(make_weights(tmp_path / "other", toy_spec, "other"), INT8, tmp_path / "third", calibration=LINES)
    calls.clear()
    assert make(weights, INT8, tmp_path / "work", reuse=[foreign, bundled]) == bundled
    assert calls == []


def test_int8_without_lines_is_refused_before_anything_runs(calls, weights, tmp_path):
    assert lacks_calibration(weights, INT8, work=tmp_path / "work")
    with pytest.raises(ExportRequestError, match="calibrate") as caught:
        make(weights, INT8, tmp_path / "work")
    assert "--calibration" in caught.value.remedy
    assert exit_code(caught.value) == 2
    assert calls == []


def test_lines_are_not_missed_where_their_result_is_there_or_nothing_leads_there(calls, weights, tmp_path):
    work = tmp_path / "work"
    made = make(weights, INT8, work, calibration=LINES)
    calls.clear()
    assert not lacks_calibration(weights, INT8, work=work)
    assert not lacks_calibration(weights, INT8, work=tmp_path / "elsewhere", reuse=[made])
    assert not lacks_calibration(weights, ("tensorrt", Precision.FP16), work=work)
    assert calls == []


@pytest.mark.usefixtures("calls")
def test_a_target_that_nothing_leads_to_names_those_there_are(weights, tmp_path):
    with pytest.raises(ExportRequestError, match="from safetensors fp32 to tensorrt fp16") as caught:
        make(weights, ("tensorrt", Precision.FP16), tmp_path / "work")
    assert "onnx-int8" in caught.value.remedy


def test_without_torch_the_remedy_is_the_extra(weights, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "inkport.export.from_torch.onnx_fp32", raising=False)
    with pytest.raises(ExportError, match="needs torch") as caught:
        make(weights, ONNX, tmp_path / "work")
    assert exit_code(caught.value) == 3
    assert "pip install 'inkport[export]'" in caught.value.remedy


@pytest.fixture
def flexible(calls, monkeypatch) -> list[tuple[int, ...]]:
    """Make the first of the cheap stages take widths; the list holds those that it got."""
    calls.clear()
    got: list[tuple[int, ...]] = []
    plain = sys.modules["inkport.export.cheap_stages"].onnx

    def onnx(source: Artifact, out: Path, *, widths: tuple[int, ...] = ()) -> Artifact:
        got.append(widths)
        return plain(source, out)

    monkeypatch.setattr(sys.modules["inkport.export.cheap_stages"], "onnx", onnx)
    first, *rest = planning.STAGES
    monkeypatch.setattr(planning, "STAGES", (replace(first, flexible=True), *rest))
    return got


def test_widths_reach_the_stages_that_take_them_and_make_everything_anew(calls, flexible, weights, tmp_path):
    work = tmp_path / "work"
    make(weights, OV, work)
    make(weights, OV, work, widths=(256, 512))
    assert flexible == [(), (256, 512)]
    assert calls == ["onnx-fp32", "openvino-fp32"] * 2
    make(weights, OV, work)
    assert len(flexible) == 2, "without widths, what is there is taken"


@pytest.mark.usefixtures("flexible")
def test_which_targets_take_widths(weights):
    assert planning.takes_widths(weights, INT8)
    assert not planning.takes_widths(weights, WEIGHTS)


def test_planning_and_reusing_need_neither_torch_nor_onnx():
    code = (
        "import sys, inkport.export.plan, inkport.commands.export\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'openvino', 'safetensors'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_registered_stage_exists():
    for stage in planning.STAGES:
        assert callable(getattr(stage.module, stage.name)), stage
        assert not stage.settings or hasattr(stage.module, stage.settings), stage
    ends = [(stage.source, stage.target) for stage in planning.STAGES]
    assert len(set(ends)) == len(ends)
