"""What training computes against what ONNX Runtime computes, and the ranges' way from the one to the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest


torch = pytest.importorskip("torch", reason="the reference needs torch")

from inkport.core.config import to_plain  # noqa: E402
from inkport.core.ctc import greedy  # noqa: E402
from inkport.core.errors import ExportError  # noqa: E402
from inkport.core.preprocess import prepare  # noqa: E402
from inkport.core.target import Precision  # noqa: E402
from inkport.export.from_torch.network import fold_batch_norms  # noqa: E402
from inkport.export.from_torch.qat import ranges_in_graph  # noqa: E402
from inkport.export.from_torch.weights import safetensors_from_weights  # noqa: E402
from inkport.export.plan import build  # noqa: E402
from inkport.export.quantize.calibration import choose_calibration  # noqa: E402
from inkport.export.quantize.learned_ranges import LEARNED, Learned, is_learned, learned  # noqa: E402
from inkport.export.quantize.onnx_int8 import Int8Options, int8_onnx_from_onnx  # noqa: E402
from inkport.lines.source import read_lines  # noqa: E402
from inkport.model.weights import load_weights, save_weights  # noqa: E402
from inkport.train.qat import FakeQuantized  # noqa: E402
from inkport.train.recipe_sections import QatRecipe  # noqa: E402


LINES = 32
"""Sample lines that the shipped network reads here."""


def trained(source, images, out, calibration):
    """Write weights as training does, with the ranges that it begins with; return them with their network in int8."""
    weights = load_weights(source)
    quantised = FakeQuantized(weights.network(), QatRecipe(), weights.spec.preprocess)
    quantised.measure(torch.from_numpy(image) for image in images)
    record = {"ranges": quantised.ranges(), "calibration": to_plain(calibration), "recipe": "ab" * 32}
    save_weights(out / "weights.safetensors", replace(weights, provenance={**weights.provenance, "qat": record}))
    return safetensors_from_weights(out / "weights.safetensors", out / "weights"), quantised.eval()


@pytest.fixture(scope="module")
def toy(toy_artifact, toy_calibration, tmp_path_factory):
    """Weights of the toy with learned ranges, their network in int8, and the folder of their artifacts."""
    out = tmp_path_factory.mktemp("toy-qat")
    weights, quantised = trained(toy_artifact.file(".safetensors"), toy_calibration.inputs, out, toy_calibration.record)
    return weights, quantised, out


@pytest.fixture(scope="module")
def toy_learned(toy):
    return build(toy[0], format="onnx", precision=Precision.INT8, work=toy[2])


def logits_of(artifact, level=onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level, options.intra_op_num_threads = level, 1
    session = onnxruntime.InferenceSession(artifact.file(".onnx"), options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"images": image})[0]


def relative(found, wanted) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def rounded(artifact) -> dict[str, tuple[float, int]]:
    """Return step and zero point of every activation that is quantized."""
    graph = onnx.load(artifact.file(".onnx")).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return {
        n.input[0]: (float(tensors[n.input[1]]), int(tensors[n.input[2]]))
        for n in graph.node
        if n.op_type == "QuantizeLinear"
    }


def test_training_rounds_the_tensors_that_the_quantiser_rounds_and_measures_the_same(toy_learned, toy_int8):
    found, wanted = rounded(toy_learned), rounded(toy_int8)
    assert found.keys() == wanted.keys() == learned(toy_learned.provenance.options).ranges.keys()
    for name, (step, zero) in wanted.items():
        # Two searches for the least squared error, on histograms of their own.
        assert found[name][0] == pytest.approx(step, rel=0.15), name
        assert found[name][1] == pytest.approx(zero, abs=12), name
        assert (found[name][1] == 0) == (zero == 0), name


def test_the_graph_computes_what_training_computed(toy, toy_learned, rng):
    """Equal up to sums in another order, unless one lands on the other side of a tie of the rounding."""
    run = logits_of(toy_learned, onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    network = toy[1]
    errors, steps = [], []
    for index in range(16):
        image = rng.random((1, 1, 48, 64 + 16 * index), dtype=np.float32)
        with torch.inference_mode():
            wanted, plain = network(torch.from_numpy(image)).numpy(), network.network(torch.from_numpy(image)).numpy()
        errors.append(relative(run(image), wanted))
        steps.append(relative(wanted, plain))
    assert np.median(errors) < 1e-5
    assert max(errors) < max(steps)
    assert min(steps) > 1e-3


def test_the_shipped_network_reads_as_in_training(tmp_path):
    """Ties send some sums another way, and what follows is rounded again; texts must hardly notice."""
    from importlib.resources import files

    source = files("inkport.model") / "shipped" / "convtext-tiny" / "weights.safetensors"
    manifest = files("inkport.benchmarks") / "samples" / "lines.tsv"
    weights = load_weights(source)
    lines = list(read_lines([manifest]))[:: 300 // LINES][:LINES]
    images = [prepare(line.gray(), weights.spec.preprocess) for line in lines]
    calibration = choose_calibration(lines, weights.spec.preprocess, count=8).record
    artifact, network = trained(source, images[:8], tmp_path, calibration)
    run = logits_of(build(artifact, format="onnx", precision=Precision.INT8, work=tmp_path))
    texts, near, far = [], [], []
    for image in images:
        with torch.inference_mode():
            plain, wanted = network.network(torch.from_numpy(image)).numpy(), network(torch.from_numpy(image)).numpy()
        found = run(image)
        texts.append([greedy(values[0], weights.spec.charset).text for values in (plain, wanted, found)])
        near.append(relative(found, wanted))
        far.append(relative(found, plain))
    assert np.median(near) < 0.8 * np.median(far)
    assert sum(found != wanted for _, wanted, found in texts) <= LINES // 8


def test_ranges_take_the_place_of_lines_and_are_on_record(toy, toy_learned, toy_calibration):
    provenance = toy_learned.provenance
    assert provenance.options["ranges"] == LEARNED
    assert provenance.calibration == toy_calibration.record
    assert learned(provenance.options).recipe == "ab" * 32
    assert is_learned(toy[0])
    again = build(
        toy[0], format="onnx", precision=Precision.INT8, work=toy[2], calibration=replace(toy_calibration, inputs=())
    )
    assert again == toy_learned, "lines for other formats change nothing"


def test_what_measures_for_itself_still_wants_lines(toy):
    with pytest.raises(ExportError, match="lines to calibrate on"):
        build(toy[0], format="openvino", precision=Precision.INT8, work=toy[2])


def test_without_ranges_and_lines_nothing_is_quantized(toy_onnx, tmp_path):
    with pytest.raises(ExportError, match="neither lines nor learned ranges"):
        int8_onnx_from_onnx(toy_onnx, tmp_path / "int8")


def test_a_tensor_that_training_did_not_round_is_refused(toy, toy_learned, tmp_path):
    assert toy_learned.provenance.parent
    source = build(toy[0], format="onnx", precision=Precision.FP32, work=toy[2])
    with pytest.raises(ExportError, match="no range for"):
        int8_onnx_from_onnx(source, tmp_path / "int8", options=Int8Options(keep_fp32=()))


def test_weights_of_another_training_and_unknown_layers_are_refused(toy, toy_onnx):
    model = onnx.load(toy_onnx.file(".onnx"))
    network = fold_batch_norms(load_weights(toy[0].file(".safetensors")).network())
    spec = toy_onnx.spec
    assert set(ranges_in_graph({"up.linear:in": (0.0, 1.0)}, network, model, spec).values()) == {(0.0, 1.0)}
    with pytest.raises(ExportError, match=r"no layer 'up\.line'"):
        ranges_in_graph({"up.line:in": (0.0, 1.0)}, network, model, spec)
    with torch.no_grad():
        network.up.linear.weight[0, 0] += 0.1
    with pytest.raises(ExportError, match=r"up\.linear .*different weights"):
        ranges_in_graph({"up.linear:in": (0.0, 1.0)}, network, model, spec)


@pytest.mark.parametrize("ends", [(0.5, 1.0), (0.0, 0.0), (-1.0, 0.0, 1.0)])
def test_impossible_ranges_are_refused(ends, toy_calibration):
    with pytest.raises(ExportError, match="learned range of x"):
        Learned(ranges={"x": ends}, calibration=toy_calibration.record, recipe="r")
