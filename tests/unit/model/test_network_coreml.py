"""Networks of other kinds as Core ML packages: recurrence, pooling, positions by length, statistics of a line."""

from __future__ import annotations

import numpy as np
import pytest


pytest.importorskip("torch", reason="networks are torch")

from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.charset import Charset
from inkport.core.registry import open_session
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Precision
from inkport.export.from_torch.coreml import coreml_from_safetensors
from inkport.model.weights import Weights, deploy_tensors, save_weights
from inkport.model.zoo import find


@pytest.mark.parametrize("name", ["convtext", "crnn", "htr-vt", "ppocr-small"])
def test_the_package_reads_as_the_network_does(make_toy, name, rng, tmp_path):
    toy = make_toy(name)
    spec = RecogniserSpec(
        name=name,
        version="toy",
        preprocess=toy.preprocess,
        charset=Charset(tuple("abcdefg")),
        stride=find(name).stride,
    )
    network = toy.network(spec.charset.size)
    weights = Weights(spec=spec, config=toy.overrides, provenance={}, tensors=deploy_tensors(network))
    with new_artifact(
        tmp_path / "weights",
        spec=spec,
        format="safetensors",
        precision=Precision.FP32,
        provenance=Provenance(stage="train"),
    ) as folder:
        save_weights(folder / "weights.safetensors", weights)
    source = load_artifact(tmp_path / "weights")
    package = coreml_from_safetensors(source, tmp_path / "package")
    images = rng.random((2, 1, toy.preprocess.height, 208), dtype=np.float32)
    with open_session(source, runtime="torch") as torch, open_session(package, runtime="coreml-mil") as mil:
        expected, found = torch.run(images), mil.run(images)
    np.testing.assert_allclose(found, expected, atol=1e-4 * max(1, np.abs(expected).max()))
