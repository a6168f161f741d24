"""A recogniser small enough to be made in milliseconds, as ONNX and as weights, and a kit of it."""

from __future__ import annotations

import io
import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inkport.core.artifact import SIDECAR, Artifact, Provenance, load_artifact, new_artifact
from inkport.core.charset import Charset
from inkport.core.errors import RuntimeUnavailableError
from inkport.core.files import sha256_file
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Budget, Precision, Target
from inkport.lines.line import Line


if TYPE_CHECKING:
    from inkport.benchmarks.run.request import Request

SPEC = RecogniserSpec(
    name="convtext-tiny",
    version="toy",
    preprocess=PreprocessSpec(),
    charset=Charset(tuple(" abcdeé")),
    stride=4,
)
CONFIG = {"stem": 8, "channels": [16, 16, 16], "dim": 24, "heads": 2, "hidden": 32, "depth": 1}
TEXTS = ("abc", "de ca", "bad deed", "acé", "ebb dab cab", "a bed")


def line_set(count: int = 6) -> list[Line]:
    """Return lines with printed text."""
    lines = []
    for index in range(count):
        text = TEXTS[index % len(TEXTS)]
        image = Image.new("L", (40 + 16 * len(text) + index, 56), 245)
        ImageDraw.Draw(image).text((12, 10), text, fill=20, font=ImageFont.load_default(size=28))
        out = io.BytesIO()
        image.save(out, "PNG")
        lines.append(Line(id=f"line{index}", image=out.getvalue(), text=text, dataset="toy", writer=f"w{index % 3}"))
    return lines


def onnx_artifact(path: Path) -> Artifact:
    """Make an artifact of one convolution as high as the line and as wide as a frame, with seeded weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(7)
    size, height = SPEC.charset.size, SPEC.preprocess.height
    weights = rng.normal(0, 0.2, (size, 1, height, SPEC.stride)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["c"], kernel_shape=[height, SPEC.stride], strides=[1, SPEC.stride]),
        helper.make_node("Squeeze", ["c", "axis"], ["s"]),
        helper.make_node("Transpose", ["s"], ["logits"], perm=[0, 2, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, height, "w"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "t", size])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.array([2]), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made = Provenance(stage="train")
    with new_artifact(path, spec=SPEC, format="onnx", precision=Precision.FP32, provenance=made) as folder:
        onnx.save(model, folder / "model.onnx")
    return load_artifact(path)


def save_toy_weights(path: Path) -> None:
    """Write the weights of a small network; torch takes seconds to import."""
    import torch

    from inkport.model.weights import Weights, deploy_tensors, save_weights
    from inkport.model.zoo import build

    torch.manual_seed(7)
    tensors = deploy_tensors(build(SPEC.name, SPEC.charset.size, CONFIG))
    save_weights(path, Weights(spec=SPEC, config=CONFIG, provenance={"data": {}}, tensors=tensors))


def save_toy_finder(path: Path) -> None:
    """Write the weights of a small line finder."""
    import torch

    from inkport.model.finder import Finder, FinderConfig
    from inkport.model.finder_weights import FinderWeights, save_finder

    torch.manual_seed(7)
    config = FinderConfig(channels=(2, 2, 3, 3), dilations=(1,))
    tensors = Finder(config).state_dict()
    made = FinderWeights(version="1", config=config, provenance={}, licence="", attribution="", tensors=tensors)
    save_finder(path, made)


@lru_cache
def kit_request() -> Request:
    """Return what a small kit is made of; ONNX Runtime stands in as the reference."""
    from inkport.benchmarks.checks.kit.make import KitOptions
    from inkport.benchmarks.run.request import Request
    from inkport.lines.audit import audit_lines

    artifact = onnx_artifact(Path(tempfile.mkdtemp(), "toy"))
    audit = audit_lines(line_set(), charset=SPEC.charset, preprocess=SPEC.preprocess, stride=SPEC.stride)
    target = Target(name="ort", runtime="onnxruntime", precision=Precision.FP32, budget=Budget())

    def provide(wanted: Target) -> Artifact:
        if wanted.runtime == "torch":
            raise RuntimeUnavailableError("ONNX Runtime stands in as the reference")
        return artifact

    options = KitOptions(lines=4, golden=2)
    return Request(model=artifact, targets=[target], audit=audit, provide=provide, options=options)


def kit_with_result(kit_folder: Path, result_folder: Path, key_folder: Path) -> None:
    """Make a signed kit, what ONNX Runtime answers to it, and the keys; each folder gets what its reader needs."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from inkport.benchmarks.checks.kit.make import make_kit
    from inkport.benchmarks.checks.kit.runner import run_kit

    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (key_folder / "secret.pem").write_bytes(secret)
    kit = make_kit(kit_request(), kit_folder / "a.zip", key=key_folder / "secret.pem")
    run_kit(kit, result_folder / "result.zip")
    (result_folder / "a.zip").write_bytes(kit.path.read_bytes())
    (key_folder / "public.pem").write_bytes(public)
    (key_folder / "a.zip").write_bytes(kit.path.read_bytes())


def vouch(folder: Path) -> Path:
    """Return an artifact's folder with the digests of its sidecar brought up to date, if the sidecar can be read."""
    sidecar = folder / SIDECAR
    try:
        document = json.loads(sidecar.read_bytes())
        document["files"] = {
            file.relative_to(folder).as_posix(): sha256_file(file)
            for file in sorted(folder.rglob("*"))
            if file.is_file() and file != sidecar
        }
        sidecar.write_text(json.dumps(document), encoding="utf-8")
    except (OSError, ValueError, TypeError, RecursionError):
        pass
    return folder


def toy_training() -> dict[str, Any]:
    """Return what a checkpoint is restored into."""
    import torch

    from inkport.model.zoo import build
    from inkport.train.optim import MovingAverage, Optimiser, TrainedObjectives
    from inkport.train.recipe import OptimRecipe

    torch.manual_seed(7)
    network = build(SPEC.name, SPEC.charset.size, CONFIG)
    recipe = OptimRecipe(steps=3)
    return {
        "network": network,
        "average": MovingAverage(network, 0.9),
        "optimiser": Optimiser(network, recipe),
        "trained_objectives": TrainedObjectives({}, recipe),
    }
