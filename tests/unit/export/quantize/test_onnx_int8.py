from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest

from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.errors import ExportError
from inkport.core.target import Precision
from inkport.export.quantize.calibration import choose_calibration
from inkport.export.quantize.onnx_int8 import (
    OPERATORS,
    Int8Options,
    Part,
    int8_onnx_from_onnx,
    measure_ranges,
    nodes_of,
)
from inkport.export.quantize.ranges import Ranges, activation_ranges
from inkport.lines.source import read_lines


def logits(artifact, images):
    return onnxruntime.InferenceSession(artifact.file(".onnx")).run(["logits"], {"images": images})[0]


def kernels(artifact, folder) -> Counter[str]:
    """Count the operations that ONNX Runtime really runs, after its own optimisation."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3  # it warns that the file suits this machine alone, which is what we want
    onnxruntime.InferenceSession(artifact.file(".onnx"), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node)


def test_convolutions_and_products_run_in_int8(toy_onnx, toy_int8, tmp_path):
    before = onnx.load(toy_onnx.file(".onnx"))
    count = Counter(node.op_type for node in before.graph.node)
    kept_convs = len(nodes_of(before, [Part.STEM, Part.DEPTHWISE]))
    kept_products = len(nodes_of(before, [Part.ATTENTION, Part.HEAD]))
    run = kernels(toy_int8, tmp_path)
    # ONNX Runtime itself quantizes the weights of a convolution between int8 neighbours, so it may run more.
    assert run["QLinearConv"] >= count["Conv"] - kept_convs > 0
    assert run["QLinearConv"] + run["Conv"] + run["FusedConv"] == count["Conv"]
    assert run["MatMulIntegerToFloat"] == count["MatMul"] - kept_products > 0
    assert run["QLinearAdd"] >= 2, "residual sums stay in int8"
    assert not {"ConvInteger", "DynamicQuantizeLinear", "DynamicQuantizeMatMul"} & set(run)


def test_activations_are_unsigned_and_weights_signed_per_channel(toy_int8):
    graph = onnx.load(toy_int8.file(".onnx")).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = [tensors[n.input[0]] for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in tensors]
    assert {w.dtype for w in weights if w.ndim > 1} == {np.dtype(np.int8)}
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            assert tensors[node.input[2]].dtype == np.uint8
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors and tensors[node.input[0]].ndim == 4:
            assert tensors[node.input[1]].shape == (tensors[node.input[0]].shape[0],)
    assert min(w.min() for w in weights if w.ndim > 1) < -64, "the range is not reduced to 7 bits"


def test_logits_stay_close_on_lines_that_were_not_calibrated_on(toy_onnx, toy_int8, toy_calibration, lines_folder):
    every = choose_calibration(read_lines([lines_folder]), toy_onnx.spec.preprocess, count=6)
    unseen = [x for x, i in zip(every.inputs, every.record.ids, strict=True) if i not in toy_calibration.record.ids]
    assert len(unseen) == 2
    for images in unseen:
        wanted, found = logits(toy_onnx, images), logits(toy_int8, images)
        assert 0 < np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 0.05


def test_batch_and_width_stay_dynamic(toy_int8, rng):
    images = rng.random((3, 1, 48, 112), dtype=np.float32)
    found = logits(toy_int8, images)
    assert found.shape == (3, 28, toy_int8.spec.charset.size)
    np.testing.assert_allclose(found[1:2], logits(toy_int8, images[1:2]), atol=1e-5)


def test_equal_calibration_gives_equal_bytes_and_no_chatter(toy_onnx, toy_int8, toy_calibration, tmp_path, capfd):
    again = int8_onnx_from_onnx(toy_onnx, tmp_path / "again", calibration=toy_calibration)
    assert again.files == toy_int8.files
    assert capfd.readouterr() == ("", "")


def test_other_calibration_lines_give_another_file(toy_onnx, toy_int8, lines_folder, tmp_path):
    other = choose_calibration(read_lines([lines_folder]), toy_onnx.spec.preprocess, count=1)
    assert int8_onnx_from_onnx(toy_onnx, tmp_path / "other", calibration=other).files != toy_int8.files


def test_the_artifact_records_lines_options_and_origin(toy_artifact, toy_onnx, toy_int8, toy_calibration):
    provenance = toy_int8.provenance
    assert toy_int8.precision == Precision.INT8
    assert provenance.calibration == toy_calibration.record
    assert (provenance.root, provenance.parent) == (toy_artifact.digest, toy_onnx.digest)
    assert provenance.options["ranges"] == "least-squares"
    assert set(provenance.options["keep_fp32"]) == {str(part) for part in Int8Options().keep_fp32}


def steps(artifact) -> dict[str, tuple[float, int]]:
    """Return scale and zero point of every activation that is quantized."""
    graph = onnx.load(artifact.file(".onnx")).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return {
        n.input[0]: (float(tensors[n.input[1]]), int(tensors[n.input[2]]))
        for n in graph.node
        if n.op_type == "QuantizeLinear"
    }


def test_the_steps_in_the_file_are_those_of_the_measured_ranges(toy_onnx, toy_int8, toy_calibration):
    options = Int8Options()
    ranges = activation_ranges(
        onnx.load(toy_onnx.file(".onnx")),
        OPERATORS,
        toy_calibration.inputs,
        method=options.ranges,
        percentile=options.percentile,
    )
    for name, (scale, zero) in steps(toy_int8).items():
        low, high = ranges[name]
        assert scale == pytest.approx((high - low) / 255, rel=1e-5), name
        assert zero == pytest.approx(-low / scale, abs=0.51), name


def test_percentile_ranges_are_narrower_than_min_max(toy_onnx, toy_calibration, tmp_path):
    made = {
        options.ranges: int8_onnx_from_onnx(
            toy_onnx, tmp_path / options.ranges, calibration=toy_calibration, options=options
        )
        for options in (Int8Options(ranges=Ranges.MIN_MAX), Int8Options(ranges=Ranges.PERCENTILE, percentile=98.0))
    }
    wide, narrow = steps(made[Ranges.MIN_MAX]), steps(made[Ranges.PERCENTILE])
    assert wide.keys() == narrow.keys()
    assert all(narrow[name][0] <= wide[name][0] for name in wide)
    assert sum(narrow[name][0] < 0.9 * wide[name][0] for name in wide) >= 5
    assert made[Ranges.PERCENTILE].provenance.options["percentile"] == 98.0


def test_no_part_needs_to_stay_in_fp32(toy_onnx, toy_calibration, tmp_path):
    options = Int8Options(keep_fp32=())
    every = int8_onnx_from_onnx(toy_onnx, tmp_path / "every", calibration=toy_calibration, options=options)
    assert kernels(every, tmp_path)["Conv"] == 0


def test_parts_are_found_in_the_graph(toy_onnx):
    model = onnx.load(toy_onnx.file(".onnx"))
    sizes = {part: len(nodes_of(model, [part])) for part in Part}
    # One encoder block: two products of activations, a depthwise convolution, and that of the downsampling.
    assert sizes == {Part.STEM: 2, Part.DEPTHWISE: 2, Part.ATTENTION: 2, Part.HEAD: 1}
    head = next(node for node in model.graph.node if node.name == nodes_of(model, [Part.HEAD])[0])
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == head.input[1])
    assert weight.dims[1] == toy_onnx.spec.charset.size


def test_an_impossible_percentile_is_refused():
    with pytest.raises(ExportError, match="percentile"):
        Int8Options(percentile=0.0)


def quantized_operators(artifact) -> set[str]:
    """Return the names of the operators whose weights or inputs are all quantized."""
    graph = onnx.load(artifact.file(".onnx")).graph
    made = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    return {n.name for n in graph.node if n.op_type in {"Conv", "MatMul"} and set(n.input[:2]) <= made}


def test_operators_stay_in_fp32_by_type_and_by_name(toy_onnx, toy_calibration, tmp_path):
    graph = onnx.load(toy_onnx.file(".onnx")).graph
    names = {kind: [n.name for n in graph.node if n.op_type == kind] for kind in ("Conv", "MatMul")}
    kept = (names["Conv"][3], names["MatMul"][0])

    def made(**settings):
        options = Int8Options(keep_fp32=(), **settings)
        return int8_onnx_from_onnx(toy_onnx, tmp_path / "made", calibration=toy_calibration, options=options)

    everything = {*names["Conv"], *names["MatMul"]}
    assert quantized_operators(made()) == everything
    assert quantized_operators(made(operators=("Conv", "Relu"))) == set(names["Conv"])
    by_name = made(keep_nodes=kept)
    assert quantized_operators(by_name) == everything - set(kept)
    assert by_name.provenance.options["keep_nodes"] == list(kept)


def test_symmetric_activations_are_signed_around_zero(toy_onnx, toy_int8, toy_calibration, tmp_path):
    made = int8_onnx_from_onnx(
        toy_onnx, tmp_path / "made", calibration=toy_calibration, options=Int8Options(symmetric=True)
    )
    assert {zero for _, zero in steps(made).values()} == {0}
    graph = onnx.load(made.file(".onnx")).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    assert {tensors[n.input[2]].dtype for n in graph.node if n.op_type == "QuantizeLinear"} == {np.dtype(np.int8)}
    images = toy_calibration.inputs[0]
    wanted, found = logits(toy_onnx, images), logits(made, images)
    assert 0 < np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 0.1
    assert made.files != toy_int8.files


def test_one_step_for_all_channels_if_asked_for(toy_onnx, toy_calibration, tmp_path):
    options = Int8Options(per_channel=False)
    made = int8_onnx_from_onnx(toy_onnx, tmp_path / "made", calibration=toy_calibration, options=options)
    graph = onnx.load(made.file(".onnx")).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = [n for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in tensors]
    assert {tensors[n.input[1]].size for n in weights if tensors[n.input[0]].ndim > 1} == {1}


def test_ranges_that_were_measured_before_give_the_same_bytes(toy_onnx, toy_int8, toy_calibration, tmp_path):
    ranges = measure_ranges(toy_onnx, toy_calibration, Int8Options())
    again = int8_onnx_from_onnx(
        toy_onnx, tmp_path / "again", calibration=toy_calibration, ranges=ranges, record={"why": "faster"}
    )
    assert again.files == toy_int8.files
    assert again.provenance.options["why"] == "faster"


def test_operators_that_cannot_be_are_refused(toy_onnx, toy_calibration, tmp_path):
    with pytest.raises(ExportError, match="Softmax"):
        Int8Options(operators=("Conv", "Softmax"))
    with pytest.raises(ExportError, match="nosuch") as caught:
        options = Int8Options(keep_nodes=("nosuch",))
        int8_onnx_from_onnx(toy_onnx, tmp_path / "made", calibration=toy_calibration, options=options)
    assert nodes_of(onnx.load(toy_onnx.file(".onnx")), [Part.HEAD])[0] in caught.value.remedy


def test_a_file_in_an_old_opset_is_raised_and_stays_as_it_is(toy_spec, toy_calibration, tmp_path, rng):
    """Opset 11 has no weights quantized per output channel; files of other projects are often that old."""
    helper, numpy_helper, classes = onnx.helper, onnx.numpy_helper, toy_spec.charset.size
    weights = rng.normal(0, 0.2, (classes, 1, toy_spec.preprocess.height, toy_spec.stride)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["c"], strides=[1, toy_spec.stride], name="conv"),
        helper.make_node("Squeeze", ["c"], ["s"], axes=[2]),
        helper.make_node("Transpose", ["s"], ["logits"], perm=[0, 2, 1]),
    ]
    ends = (
        helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["n", 1, toy_spec.preprocess.height, "w"]),
        helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", "t", classes]),
    )
    graph = helper.make_graph(nodes, "old", [ends[0]], [ends[1]], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    made = Provenance(stage="train")
    with new_artifact(tmp_path / "old", spec=toy_spec, format="onnx", precision=Precision.FP32, provenance=made) as out:
        onnx.save(model, out / "model.onnx")
    source = load_artifact(tmp_path / "old")
    before = source.file(".onnx").read_bytes()
    made = int8_onnx_from_onnx(
        source, tmp_path / "int8", calibration=toy_calibration, options=Int8Options(keep_fp32=())
    )
    assert source.file(".onnx").read_bytes() == before
    assert "images" in steps(made)
    image = toy_calibration.inputs[0]
    np.testing.assert_allclose(logits(made, image), logits(source, image), atol=0.25 * logits(source, image).std())
