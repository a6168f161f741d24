"""``inkport import``: what it prints, what it refuses, and the folders of other projects."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from inkport.cli import app
from inkport.core.artifact import load_artifact
from inkport.core.errors import ArtifactNotFoundError, DataError, UsageError


SYMBOLS = "abcdef"


def save_network(path, *, height=32, classes=7, width="w", metadata=()):
    """A network of one convolution: a frame for every 4 columns, the blank first, which wins on white paper."""
    rng = np.random.default_rng(7)
    weights = rng.normal(0, 0.3, (classes, 3, height, 4)).astype(np.float32)
    weights -= weights.mean(axis=(1, 2, 3), keepdims=True)
    bias = np.zeros(classes, np.float32)
    bias[0] = 0.5
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[height, 4], strides=[1, 4]),
        helper.make_node("Squeeze", ["c", "axis"], ["s"]),
        helper.make_node("Transpose", ["s"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Softmax", ["t"], ["y"], axis=2),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, height, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "t", classes])],
        [
            *(numpy_helper.from_array(value, name) for value, name in ((weights, "w"), (bias, "b"))),
            numpy_helper.from_array(np.array([2]), "axis"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(metadata))
    onnx.save(model, path)
    return path


@pytest.fixture
def network(tmp_path):
    return save_network(tmp_path / "net.onnx")


@pytest.fixture
def symbols(tmp_path):
    path = tmp_path / "symbols.txt"
    path.write_text("\n".join(SYMBOLS) + "\n", encoding="utf-8")
    return path


def run(*arguments):
    return app([str(argument) for argument in ("import", *arguments)], result_action="return_value")


def test_every_setting_says_where_it_comes_from(network, symbols, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(network, "--charset", symbols, "--out", out, "--set", "mean=0.5", "std=0.5", "--json") == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    artifact = load_artifact(out)
    assert record["artifact"]["sha256"] == artifact.digest
    assert artifact.file(".onnx").read_bytes() == network.read_bytes()
    found = {key: (entry["value"], entry["from"]) for key, entry in record["settings"].items()}
    assert found["mean"] == (0.5, "set")
    assert (found["height"], found["input"]) == ((32, "file"), ("x", "file"))
    assert (found["stride"], found["axes"]) == ((4, "probed"), ("ntc", "probed"))
    assert (found["scores"], found["blank"]) == (("probabilities", "probed"), (0, "probed"))
    assert found["channels"] == ("gray3", "assumed")
    assert found["batch"] == (0, "probed")
    assert "channels=gray3" in printed.err
    assert artifact.provenance.options["settings"] == record["settings"]


def test_symbols_in_the_metadata_are_read(tmp_path, capsys):
    network = save_network(tmp_path / "net.onnx", metadata={"character": "a\nb\nc\nd\ne"})
    assert run(network, "--like", "paddle-rec", "--out", tmp_path / "out", "--set", "min_width=64") == 0
    assert load_artifact(tmp_path / "out").spec.charset.symbols == ("a", "b", "c", "d", "e", " ")
    assert "leaves out the space" in capsys.readouterr().out


def test_a_folder_of_paddleocr(tmp_path):
    (tmp_path / "model").mkdir()
    save_network(tmp_path / "model/inference.onnx")
    (tmp_path / "model/inference.yml").write_text(
        "PreProcess:\n  transform_ops:\n  - DecodeImage: {img_mode: BGR}\n"
        "  - RecResizeImg: {image_shape: [3, 32, 96]}\n"
        "PostProcess:\n  name: CTCLabelDecode\n  character_dict: [a, b, c, d, 1]\n",
        encoding="utf-8",
    )
    assert run(tmp_path / "model", "--out", tmp_path / "out") == 0
    spec = load_artifact(tmp_path / "out").spec
    assert spec.charset.symbols == ("a", "b", "c", "d", "1", " ")
    assert (spec.preprocess.min_width, spec.preprocess.resampling) == (96, "cv2-linear")


def test_a_folder_of_doctr(tmp_path):
    (tmp_path / "model").mkdir()
    save_network(tmp_path / "model/model.onnx", width=128)
    config = {"mean": [0.6, 0.6, 0.6], "std": [0.3, 0.3, 0.3], "input_shape": [3, 32, 128], "vocab": SYMBOLS}
    (tmp_path / "model/config.json").write_text(json.dumps(config), encoding="utf-8")
    assert run(tmp_path / "model", "--out", tmp_path / "out", "--set", "blank=0") == 0
    spec = load_artifact(tmp_path / "out").spec
    assert (spec.preprocess.channel_mean, spec.preprocess.fit) == ((0.6, 0.6, 0.6), "contain")
    assert (spec.preprocess.min_width, spec.preprocess.max_width, spec.frames(128)) == (128, 128, 32)


def test_an_alias_in_yaml_is_refused(tmp_path):
    (tmp_path / "model").mkdir()
    save_network(tmp_path / "model/inference.onnx")
    (tmp_path / "model/inference.yml").write_text("a: &a [x]\nb: [*a, *a]\n", encoding="utf-8")
    with pytest.raises(DataError, match="it has an alias"):
        run(tmp_path / "model", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_difference_ends_with_1_and_is_shown(network, symbols, tmp_path, capsys):
    Image.fromarray(np.tile(np.arange(0, 240, dtype=np.uint8), (40, 1))).save(tmp_path / "line.png")
    (tmp_path / "readings.tsv").write_text("line.png\tnot that\n", encoding="utf-8")
    arguments = ("--charset", symbols, "--out", tmp_path / "out", "--expect", tmp_path / "readings.tsv")
    assert run(network, *arguments) == 1
    assert "1 of 1 lines differ" in capsys.readouterr().out
    assert load_artifact(tmp_path / "out").provenance.options["checked"]["differing"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "height=48"), "--set height=48 contradicts the file, which says 32"),
        (("--set", "channels=gray"), "contradicts the file: it has 3 channels"),
        (("--set", "axes=nct"), "axes=nct contradicts the network, which has axes=ntc"),
        (("--set", "scores=logits"), "scores=logits contradicts the network"),
        (("--set", "stride=8"), "stride=8 contradicts the network"),
        (("--set", "heigth=32"), "no such setting"),
        (("--set", "mean"), "expected KEY=VALUE"),
        (("--set", "resampling=bicubic"), "'bicubic' is unknown"),
        (("--set", "blank=7"), "blank 7 is outside the classes, 0..6"),
        (("--like", "tesseract"), "no such preset"),
    ],
)
def test_what_contradicts_or_is_unknown_is_refused_and_nothing_is_written(
    network, symbols, tmp_path, arguments, message
):
    with pytest.raises(UsageError, match=message):
        run(network, "--charset", symbols, "--out", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


def test_what_is_no_model_is_refused(tmp_path, symbols):
    with pytest.raises(ArtifactNotFoundError, match="no such file"):
        run(tmp_path / "nothing.onnx", "--charset", symbols, "--out", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactNotFoundError, match=r"no \.onnx file"):
        run(tmp_path / "empty", "--out", tmp_path / "out")
