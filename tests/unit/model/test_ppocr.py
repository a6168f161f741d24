"""The network of PP-OCRv6_rec_small against ONNX Runtime: on the file itself where it is installed, else on a graph of
the same operators and names with values of our own, which loader and network do not share a line with."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest


torch = pytest.importorskip("torch", reason="networks are torch")
onnx = pytest.importorskip("onnx", reason="the pretrained weights are an ONNX file")
onnxruntime = pytest.importorskip("onnxruntime", reason="it computes what the network must compute")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from inkport.core.charset import Charset  # noqa: E402
from inkport.core.errors import ArtifactCorruptError, RecipeError, RuntimeUnavailableError  # noqa: E402
from inkport.core.preprocess import PreprocessSpec  # noqa: E402
from inkport.core.spec import RecogniserSpec  # noqa: E402
from inkport.model import ppocr_weights  # noqa: E402
from inkport.model.ppocr import PpOcr, PpOcrConfig  # noqa: E402
from inkport.model.ppocr_weights import installed_file, place_body, pretrained, read_file  # noqa: E402


SYMBOLS = "!abcdefghijklmné"
"""What the substitute's head knows, beside the space behind them."""
BLOCKS = [
    # depthwise filter, squeeze and excite (or none), pointwise ones, widths in and out
    (74, (7, 8), 75, 76, 96, 96),
    (78, None, 79, 80, 96, 96),
    (82, None, 83, 84, 96, 96),
    (85, None, 86, 87, 96, 192),
    (89, (24, 25), 90, 91, 192, 192),
    (93, None, 94, 95, 192, 192),
    (97, (34, 35), 98, 99, 192, 192),
    (101, None, 102, 103, 192, 192),
    (105, (44, 45), 106, 107, 192, 192),
    (109, None, 110, 111, 192, 192),
    (112, None, 113, 114, 192, 384),
    (116, (57, 58), 117, 118, 384, 384),
    (120, None, 121, 122, 384, 384),
]
"""The blocks as they were read off the graph."""


class Graph:
    """Writes the operators of the original, three colours in, probabilities out, a frame every four columns."""

    def __init__(self, rng):
        self.rng, self.nodes, self.values, self.biases, self.count = rng, [], {}, 0, 0

    def value(self, name, *shape, scale=None, around=0.0):
        scale = (2 / max(1, np.prod(shape[1:]))) ** 0.5 if scale is None else scale
        self.values[name] = (around + scale * self.rng.standard_normal(shape)).astype(np.float32)
        return name

    def constant(self, *numbers, kind=np.float32):
        name = f"own.{len(self.values)}"
        self.values[name] = np.array(numbers if len(numbers) > 1 or kind is np.int64 else numbers[0], kind)
        return name

    def node(self, kind, *inputs, **attributes):
        self.count += 1
        self.nodes.append(helper.make_node(kind, list(inputs), [f"v{self.count}"], **attributes))
        return f"v{self.count}"

    def conv(self, x, number, shape, *, same=False, stride=(1, 1), group=1):
        weight = self.value(f"conv2d_{number}.w_0", *shape)
        pads = [side // 2 for side in shape[2:]] * 2
        where = {"auto_pad": "SAME_UPPER"} if same else {"pads": pads}
        x = self.node("Conv", x, weight, strides=stride, group=group, **where)
        bias = self.value(f"p2o.pd_op.reshape.{self.biases}.0", 1, shape[0], 1, 1, scale=0.1)
        self.biases += 1
        return self.node("Add", x, bias)

    def stem(self, x):
        x = self.node("Relu", self.conv(x, 68, (48, 3, 3, 3), stride=(2, 2)))
        branch = self.node("Relu", self.conv(x, 69, (24, 48, 2, 2), same=True))
        branch = self.node("Relu", self.conv(branch, 70, (48, 24, 2, 2), same=True))
        pooled = self.node("MaxPool", x, kernel_shape=[2, 2], auto_pad="SAME_UPPER")
        x = self.node("Concat", pooled, branch, axis=1)
        x = self.node("Relu", self.conv(x, 71, (48, 96, 3, 3), stride=(2, 2)))
        return self.node("Relu", self.conv(x, 72, (96, 48, 1, 1)))

    def block(self, x, sizes):
        depthwise, squeeze, up, down, inputs, outputs = sizes
        stride = (1, 1) if inputs == outputs else (2, 1)
        x = self.conv(x, depthwise, (inputs, 1, 3, 3), stride=stride, group=inputs)
        if squeeze:
            means = self.node("ReduceMean", x, axes=[2, 3], keepdims=1)
            means = self.node("Relu", self.conv(means, squeeze[0], (inputs // 4, inputs, 1, 1)))
            means = self.conv(means, squeeze[1], (inputs, inputs // 4, 1, 1))
            x = self.node("Mul", x, self.node("HardSigmoid", means, alpha=1 / 6, beta=0.5))
        hidden = self.conv(x, up, (2 * inputs, inputs, 1, 1))
        erf = self.node("Erf", self.node("Div", hidden, self.constant(2**0.5)))
        gelu = self.node("Mul", hidden, self.node("Add", erf, self.constant(1.0)))
        result = self.conv(self.node("Mul", gelu, self.constant(0.5)), down, (outputs, 2 * inputs, 1, 1))
        return self.node("Add", x, result) if inputs == outputs else result

    def swish_conv(self, x, number, norm, shape, group=1):
        weight = self.value(f"conv2d_{number}.w_0", *shape)
        x = self.node("Conv", x, weight, pads=[0, shape[3] // 2] * 2, group=group)
        names = [
            self.value(f"batch_norm2d_{norm}.{key}", 120, scale=0.1, around=around)
            for key, around in (("w_0", 1.0), ("b_0", 0.0), ("w_1", 0.0), ("w_2", 1.0))
        ]
        x = self.node("BatchNormalization", x, *names, epsilon=1e-5)
        return self.node("Mul", x, self.node("Sigmoid", x))

    def norm(self, x, index, epsilon):
        centred = self.node("Sub", x, self.node("ReduceMean", x, axes=[-1]))
        variance = self.node("ReduceMean", self.node("Mul", centred, centred), axes=[-1])
        deviation = self.node("Sqrt", self.node("Add", variance, self.constant(epsilon)))
        scaled = self.node(
            "Mul",
            self.node("Div", centred, deviation),
            self.value(f"helper.reshape.{2 * index}", 120, scale=0.1, around=1.0),
        )
        return self.node("Add", scaled, self.value(f"helper.reshape.{2 * index + 1}", 120, scale=0.1))

    def linear(self, x, number, inputs, outputs):
        weight = self.value(f"linear_{number}.w_0", inputs, outputs, scale=inputs**-0.5)
        return self.node("Add", self.node("MatMul", x, weight), self.value(f"linear_{number}.b_0", outputs, scale=0.3))

    def encoder_block(self, x, index):
        packed = self.linear(self.norm(x, 2 * index, 1e-5), 4 * index, 120, 360)
        packed = self.node("Reshape", packed, self.constant(0, -1, 3, 8, 15, kind=np.int64))
        packed = self.node("Transpose", packed, perm=[2, 0, 3, 1, 4])
        query, key, value = (self.node("Gather", packed, self.constant(i, kind=np.int64)) for i in range(3))
        query, key, value = (self.node("Squeeze", part, axes=[0]) for part in (query, key, value))
        query = self.node("Mul", query, self.constant(15**-0.5))
        scores = self.node("MatMul", query, self.node("Transpose", key, perm=[0, 1, 3, 2]))
        mixed = self.node("MatMul", self.node("Softmax", scores, axis=3), value)
        mixed = self.node("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", mixed, self.constant(0, -1, 120, kind=np.int64))
        x = self.node("Add", x, self.linear(mixed, 4 * index + 1, 120, 120))
        hidden = self.linear(self.norm(x, 2 * index + 1, 1e-5), 4 * index + 2, 120, 240)
        hidden = self.node("Mul", hidden, self.node("Sigmoid", hidden))
        return self.node("Add", x, self.linear(hidden, 4 * index + 3, 240, 120))

    def along(self, x):
        return self.node("Transpose", self.node("Squeeze", x, axes=[2]), perm=[0, 2, 1])

    def model(self, classes):
        x = self.stem("x")
        for block in BLOCKS:
            x = self.block(x, block)
        pooled = self.node("AveragePool", x, kernel_shape=[3, 1], strides=[3, 1])
        around = self.swish_conv(pooled, 67, 57, (120, 384, 1, 1))
        x = self.swish_conv(pooled, 65, 55, (120, 384, 1, 1))
        x = self.along(self.node("Add", x, self.swish_conv(x, 66, 56, (120, 1, 1, 7), group=120)))
        for index in range(2):
            x = self.encoder_block(x, index)
        x = self.node("Add", self.norm(x, 4, 1e-6), self.along(around))
        result = self.node("Softmax", self.linear(x, 8, 120, classes), axis=2)
        tensors = [numpy_helper.from_array(value, name) for name, value in self.values.items()]
        image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 48, "w"])
        logits = helper.make_tensor_value_info(result, TensorProto.FLOAT, ["n", "t", classes])
        graph = helper.make_graph(self.nodes, "substitute", [image], [logits], tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)


def save(model, path):
    entry = model.metadata_props.add()
    entry.key, entry.value = "character", "\n".join(SYMBOLS)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def substitute(tmp_path_factory):
    model = Graph(np.random.default_rng(26)).model(len(SYMBOLS) + 2)
    return save(model, tmp_path_factory.mktemp("ppocr") / "substitute.onnx")


def probabilities(file, images):
    """Return what the original says: the gray image three times, normalised as PaddleOCR does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.repeat((images - 0.5) / 0.5, 3, axis=1)})[0]


def spec_of(symbols, **preprocess):
    return RecogniserSpec(
        name="ppocr-small",
        version="1",
        preprocess=PreprocessSpec(**preprocess),
        charset=Charset(tuple(symbols)),
        stride=4,
    )


def test_the_network_computes_what_the_graph_computes(substitute, rng):
    images = rng.random((2, 1, 48, 64), dtype=np.float32)
    network = pretrained(spec_of(SYMBOLS + " "), substitute).network()
    with torch.inference_mode():
        found = network(torch.from_numpy(images)).softmax(dim=2).numpy()
    wanted = probabilities(substitute, images)
    assert wanted.shape == (2, 16, len(SYMBOLS) + 2)
    assert wanted.std() > 0.01
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.skipif(find_spec("rapidocr") is None, reason="rapidocr is not installed")
def test_the_network_computes_what_the_installed_file_computes(rng):
    file = read_file(installed_file())
    network = PpOcr(PpOcrConfig(classes=18710)).eval()
    place_body(network, file.tensors)
    network.head.load_state_dict(
        {
            "weight": torch.from_numpy(file.tensors["linear_8.w_0"].T.copy()),
            "bias": torch.from_numpy(file.tensors["linear_8.b_0"].copy()),
        }
    )
    # The file gives a frame every eight columns.
    network.cnn[-1] = torch.nn.AvgPool2d((3, 2))
    images = rng.random((1, 1, 48, 96), dtype=np.float32)
    with torch.inference_mode():
        found = network(torch.from_numpy(images)).softmax(dim=2).numpy()
    np.testing.assert_allclose(found, probabilities(installed_file(), images), atol=2e-5)
    assert file.labels[" "] == 18709
    assert {"é", "ß", "ł", "ů"} <= file.labels.keys()


def test_the_head_keeps_the_rows_of_its_charset(substitute):
    known = read_file(substitute)
    head = pretrained(spec_of(" éb¡"), substitute).tensors
    for name, tensor in (("weight", "linear_8.w_0"), ("bias", "linear_8.b_0")):
        rows, found = known.tensors[tensor].T, head[f"head.{name}"].numpy()
        space, accented, b = (rows[known.labels[symbol]] for symbol in " éb")
        np.testing.assert_array_equal(found[:4], np.stack([rows[0], space, accented, b]))
        # Nobody knows the inverted exclamation mark: it starts as the mean of the others.
        np.testing.assert_allclose(found[4], (space + accented + b) / 3, atol=1e-6)


def test_a_charset_that_the_file_knows_nothing_of_is_refused(substitute):
    with pytest.raises(RecipeError, match="none of the 2 symbols"):
        pretrained(spec_of("ая"), substitute)


def test_what_descends_from_it_names_its_makers(substitute):
    provenance = pretrained(spec_of("ab"), substitute).provenance
    assert "PaddleOCR" in provenance["attribution"]
    assert "Apache License 2.0" in provenance["attribution"]
    assert provenance["licence"] == "Apache License 2.0 (PP-OCRv6_rec_small)"
    assert len(provenance["pretrained"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "convtext-tiny"}, "for the network ppocr-small"),
        ({"mean": 0.5, "std": 0.5}, "normalises images itself"),
    ],
)
def test_what_it_cannot_start_is_refused(substitute, changed, message):
    spec = spec_of("ab", **{key: value for key, value in changed.items() if key != "name"})
    spec = RecogniserSpec(**(vars(spec) | {"name": changed.get("name", spec.name)}))
    with pytest.raises(RecipeError, match=message):
        pretrained(spec, substitute)


def test_a_file_that_lacks_a_tensor_is_refused(substitute, tmp_path):
    model = onnx.load(substitute)
    kept = [tensor for tensor in model.graph.initializer if tensor.name != "conv2d_122.w_0"]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    (tmp_path / "less.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactCorruptError, match="no tensor conv2d_122"):
        pretrained(spec_of("ab"), tmp_path / "less.onnx")


def test_a_tensor_of_another_shape_is_refused(substitute):
    tensors = dict(read_file(substitute).tensors)
    tensors["conv2d_79.w_0"] = tensors["conv2d_79.w_0"][:, :-1]
    with pytest.raises(ArtifactCorruptError, match=r"cnn\.2\.channels\.0\.weight is \(192, 95, 1, 1\) in the file"):
        place_body(PpOcr(PpOcrConfig(classes=3)), tensors)


def test_a_file_without_symbols_is_refused(substitute, tmp_path):
    model = onnx.load(substitute)
    del model.metadata_props[:]
    (tmp_path / "mute.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ArtifactCorruptError, match="no list of symbols"):
        read_file(tmp_path / "mute.onnx")


def install(folder: Path, monkeypatch, content: bytes | None) -> None:
    (folder / "rapidocr" / "models").mkdir(parents=True)
    # Never imported: it would pull in half a gigabyte.
    (folder / "rapidocr" / "__init__.py").write_text("raise RuntimeError('imported')\n", encoding="utf-8")
    if content is not None:
        (folder / "rapidocr" / "models" / "PP-OCRv6_rec_small.onnx").write_bytes(content)
    monkeypatch.syspath_prepend(folder)


def test_the_installed_file_is_known_by_its_digest(substitute, tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, substitute.read_bytes())
    with pytest.raises(ArtifactCorruptError, match=r"SHA-256 is .* that of rapidocr 3\.10\.0 is 6f327246b503"):
        installed_file()
    monkeypatch.setattr(ppocr_weights, "SHA256", ppocr_weights.sha256_file(substitute))
    assert installed_file().read_bytes() == substitute.read_bytes()


def test_another_release_of_rapidocr_is_named(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, None)
    with pytest.raises(RuntimeUnavailableError, match="has no such file\nfix: pip install 'inkport\\[ppocr\\]'"):
        installed_file()


def test_without_rapidocr_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ppocr_weights, "find_spec", lambda _: None)
    with pytest.raises(RuntimeUnavailableError, match="not installed\nfix: pip install 'inkport\\[ppocr\\]'"):
        installed_file()
