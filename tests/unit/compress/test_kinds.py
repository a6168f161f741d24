"""What each kind of stage depends on, refuses, and makes of the toy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inkport.compress.kinds.export import ExportStage
from inkport.compress.kinds.quantize import QuantizeStage
from inkport.compress.kinds.train import TrainStage
from inkport.compress.lines import LineIndex, LineSets
from inkport.compress.stage import KINDS, find_kind
from inkport.core.artifact import load_artifact
from inkport.core.errors import RecipeError
from inkport.core.target import Precision
from inkport.export.quantize.accuracy import AccuracyControl
from inkport.export.quantize.onnx_int8 import Int8Options
from inkport.export.quantize.openvino_int8 import OpenVinoInt8Options


OPTIM = {"steps": 2, "batch": 2}


def digests(stage, context):
    return stage.inputs(replace(context, index=LineIndex())).digests


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_a_frozen_dataclass_with_the_two_methods(name):
    kind = find_kind(name, where="here")
    assert kind.__dataclass_params__.frozen
    assert callable(kind.inputs)
    assert callable(kind.make)


def test_a_training_depends_on_what_its_files_hold_and_not_on_where_they_lie(context, line_set):
    stage = TrainStage(recipe={"optim": OPTIM})
    before = digests(stage, context)
    moved = replace(context, lines=LineSets(train=(line_set("moved", "t"),), val=context.lines.val))
    assert digests(stage, moved) == before
    assert digests(TrainStage(recipe={"optim": {**OPTIM, "lr": 1e-4}}), context) != before
    line_set("train", "t", text="another text")
    assert digests(stage, context) != before


def test_a_training_may_come_from_a_file_whose_start_is_the_parent(context, tmp_path):
    (tmp_path / "sub").mkdir()
    text = 'model = "convtext-tiny"\n{start}[data]\ntrain = ["../train"]\nval = ["../val"]\n[optim]\nsteps = 2\n'
    (tmp_path / "sub/a.toml").write_text(text.format(start=""))
    (tmp_path / "sub/b.toml").write_text(text.format(start='start = "gone.safetensors"\n'))
    a, b = (TrainStage(file=Path(f"sub/{name}.toml")) for name in "ab")
    assert digests(a, context) == digests(b, context)
    assert a.inputs(context).train == (tmp_path / "sub/../train",)


def test_a_teacher_counts_by_its_content(context, tmp_path):
    teacher = tmp_path / "teacher.safetensors"
    stage = TrainStage(recipe={"optim": OPTIM, "distil": {"teacher": "teacher.safetensors", "frame": 1.0}})
    with pytest.raises(RecipeError, match="no such file"):
        digests(stage, context)
    teacher.write_bytes(b"one")
    before = digests(stage, context)
    teacher.write_bytes(b"two")
    assert digests(stage, context) != before


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"optim": {"step": 2}}, "unknown key 'step'"),
        ({"optim": OPTIM, "start": "x.safetensors"}, "names start"),
        ({"optim": OPTIM, "data": 3}, "expected a table"),
        ({"optim": OPTIM, "modle": "x"}, "unknown key 'modle'"),
    ],
)
def test_mistakes_of_a_training_are_found_before_anything_is_made(context, recipe, message):
    with pytest.raises(RecipeError, match=message):
        TrainStage(recipe=recipe).inputs(context)


def test_a_training_has_one_recipe():
    for wrong in ({}, {"recipe": {}, "file": Path("x.toml")}):
        with pytest.raises(RecipeError, match="either a table 'recipe' or a 'file'"):
            TrainStage(**wrong)


def test_only_what_quantises_depends_on_training_lines(context):
    assert digests(ExportStage(format="openvino", precision=Precision.BF16), context) == {}
    assert digests(ExportStage(format="onnx", precision=Precision.INT8), context)["train"]
    # litert's int8 quantises weights alone, and the engine of int8 comes by way of calibrated ONNX.
    assert digests(ExportStage(format="litert", precision=Precision.INT8), context) == {}
    assert digests(ExportStage(format="tensorrt", precision=Precision.INT8), context)["train"]


def test_quantising_obeys_its_options(context, toy_onnx, lines_folder, tmp_path):
    pytest.importorskip("onnxruntime", reason="ranges are measured with onnxruntime")
    context = replace(context, lines=LineSets(train=(lines_folder,), val=()))
    made = [
        QuantizeStage(onnx=options, calibration_lines=2).make(toy_onnx, out, work=tmp_path, context=context)
        for options, out in (
            (Int8Options(), tmp_path / "a"),
            (Int8Options(keep_fp32=()), tmp_path / "b"),
        )
    ]
    assert made[1].provenance.options["keep_fp32"] == []
    assert made[0].digest != made[1].digest, "the head of one is quantized"
    assert all(len(artifact.provenance.calibration.ids) == 2 for artifact in made)
    assert {artifact.provenance.parent for artifact in made} == {toy_onnx.digest}


def test_what_chooses_by_val_depends_on_it(context):
    plain = digests(QuantizeStage(onnx=Int8Options()), context)
    assert plain.keys() == {"train"}
    assert digests(QuantizeStage(onnx=Int8Options(), blank_bias=True), context).keys() == {"train", "val"}
    controlled = OpenVinoInt8Options(accuracy=AccuracyControl())
    assert digests(QuantizeStage(openvino=controlled), context).keys() == {"train", "val"}
    assert digests(QuantizeStage(openvino=OpenVinoInt8Options()), context).keys() == {"train"}


def test_the_blank_bias_is_corrected_on_val(context, toy_onnx, lines_folder, tmp_path):
    pytest.importorskip("onnxruntime", reason="ranges are measured with onnxruntime")
    context = replace(context, lines=LineSets(train=(lines_folder,), val=(lines_folder,)))
    stage = QuantizeStage(onnx=Int8Options(), blank_bias=True, calibration_lines=2)
    made = stage.make(toy_onnx, tmp_path / "out", work=tmp_path / "work", context=context)
    assert (made.format, made.precision) == ("onnx", Precision.INT8)
    assert made.provenance.parent == load_artifact(tmp_path / "work/plain").digest
    assert made.root == toy_onnx.root


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "either a table 'onnx' or a table 'openvino'"),
        ({"onnx": Int8Options(), "openvino": OpenVinoInt8Options()}, "either a table"),
        ({"openvino": OpenVinoInt8Options(), "blank_bias": True}, "is for ONNX"),
        ({"onnx": Int8Options(), "calibration_lines": 0}, "at least 1"),
    ],
)
def test_quantising_that_cannot_work_is_refused(settings, message):
    with pytest.raises(RecipeError, match=message):
        QuantizeStage(**settings)
