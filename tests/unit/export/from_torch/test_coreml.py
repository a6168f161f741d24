"""Core ML packages: the same bytes every time, the widths asked for, and weights as near as their bits allow."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest


pytest.importorskip("torch", reason="packages are made from torch")

import torch

from inkport.core.errors import ArtifactCorruptError, ExportError, UsageError
from inkport.core.registry import open_session
from inkport.core.target import Precision
from inkport.export.from_torch import coreml
from inkport.export.from_torch.coreml import coreml_from_safetensors, fp16_coreml_from_safetensors
from inkport.export.plan import build
from inkport.export.quantize.weights_only import (
    pal4_coreml_from_coreml,
    pal6_coreml_from_coreml,
    w8_coreml_from_coreml,
)
from inkport.runtimes.mil.program import Evaluator, load_program
from inkport.runtimes.mlpackage import PACKAGE, Widths


WIDTHS = (64, 128, 320)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("coreml")


@pytest.fixture(scope="module")
def ranged(toy_artifact, work):
    return coreml_from_safetensors(toy_artifact, work / "coreml-fp32")


@pytest.fixture(scope="module")
def enumerated(toy_artifact, work):
    """In fp16, where ``build`` looks for it."""
    return fp16_coreml_from_safetensors(toy_artifact, work / "coreml-fp16", widths=WIDTHS)


def kinds(artifact):
    return {step.kind for step in load_program(artifact.path / PACKAGE, "images").steps}


def test_equal_weights_give_equal_bytes(toy_artifact, ranged, tmp_path):
    again = coreml_from_safetensors(toy_artifact, tmp_path / "again")
    assert again.files == ranged.files
    assert again.digest == ranged.digest
    assert b"conversion_date" not in (ranged.path / PACKAGE / "Data/com.apple.CoreML/model.mlmodel").read_bytes()


def test_the_record_says_how_it_was_made(toy_artifact, ranged, enumerated):
    assert ranged.provenance.parent == ranged.root == toy_artifact.digest
    assert ranged.provenance.options == {"minimum_deployment_target": "iOS16", "widths": "range"}
    assert enumerated.provenance.options["widths"] == list(WIDTHS)
    assert {"torch", "coremltools", "inkport"} <= ranged.provenance.tools.keys()


def test_batch_norms_are_folded_and_sizes_are_no_values(ranged, enumerated):
    for artifact in (ranged, enumerated):
        assert not kinds(artifact) & {"batch_norm", "shape", "gather"}
    assert "cast" in kinds(enumerated)
    assert "cast" not in kinds(ranged)


def test_the_package_takes_the_widths_asked_for(toy_artifact, ranged, enumerated):
    pre = toy_artifact.spec.preprocess
    assert load_program(ranged.path / PACKAGE, "images").widths == Widths(narrowest=pre.min_width, widest=pre.max_width)
    assert load_program(enumerated.path / PACKAGE, "images").widths == Widths(
        enumerated=WIDTHS, narrowest=64, widest=320
    )


@pytest.mark.parametrize("widths", [(100,), (16, 64), (64, 64), (128, 64), (64, 4096), (32,)])
def test_widths_that_the_recogniser_does_not_read_are_refused(toy_artifact, tmp_path, widths):
    with pytest.raises(UsageError, match="cannot be enumerated") as caught:
        coreml_from_safetensors(toy_artifact, tmp_path / "out", widths=widths)
    assert "multiples of 16 within 32..2048" in caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_wrong_logits_stop_the_export(toy_artifact, tmp_path, monkeypatch):
    """What the converter got is not what the weights say."""

    def moved(network, *arguments):
        # A copy, so that the comparison sees the weights as they are.
        network = copy.deepcopy(network)
        with torch.no_grad():
            network.head.bias[0] += 0.1
        return converted(network, *arguments)

    converted = coreml._converted
    monkeypatch.setattr(coreml, "_converted", moved)
    with pytest.raises(ExportError, match=r"coreml_from_safetensors: logits .* differ"):
        coreml_from_safetensors(toy_artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def expanded(artifact):
    """Return every weight of a package by its name, as the evaluator computes with it."""
    evaluator = Evaluator(artifact.path / PACKAGE, "images")
    return evaluator.expanded


def plain(artifact):
    """Return the weights of an uncompressed package, in order."""
    steps = load_program(artifact.path / PACKAGE, "images").steps
    return [step.arguments["weight"] for step in steps if step.kind in {"conv", "linear"}]


@pytest.mark.parametrize(
    ("compress", "bits"), [(w8_coreml_from_coreml, 8), (pal6_coreml_from_coreml, 6), (pal4_coreml_from_coreml, 4)]
)
def test_weights_keep_to_their_bits(enumerated, tmp_path, compress, bits):
    compressed = compress(enumerated, tmp_path / "out")
    assert compressed.bytes < enumerated.bytes
    assert compressed.provenance.options == {**enumerated.provenance.options, "bits": bits, "smallest": 2048}
    assert load_program(compressed.path / PACKAGE, "images").widths.enumerated == WIDTHS
    found = list(expanded(compressed).values())
    large = [weight for weight in plain(enumerated) if weight.size >= 2048]
    assert len(found) == len(large) > 0
    for weight, source in zip(found, large, strict=True):
        assert weight.shape == source.shape
        if bits == 8:
            # Half a step of each output channel, and fp16's rounding of scale and product.
            step = np.abs(source).reshape(len(source), -1).max(axis=1) / 127
            allowed = step.reshape(-1, *(1 for _ in source.shape[1:])) * 0.51 + 2e-3 * np.abs(source)
            assert (np.abs(weight - source) <= allowed).all()
        else:
            assert len(np.unique(weight)) <= 1 << bits
            # No worse than as many even steps over the range, which k-means starts no better than.
            even = (source.max() - source.min()) / ((1 << bits) - 1) / math.sqrt(12)
            assert np.sqrt(np.mean((weight - source) ** 2)) <= even


def test_build_compresses_the_package_that_is_there(toy_artifact, enumerated, work):
    found = build(toy_artifact, format="coreml", precision=Precision.W8, work=work)
    assert found.provenance.parent == enumerated.digest
    with open_session(found, runtime="coreml-mil") as session:
        assert session.run(np.ones((1, 1, 48, 64), dtype=np.float32)).shape == (1, 16, 8)


def test_compressing_what_is_no_package_is_refused(toy_artifact, tmp_path):
    with pytest.raises(ArtifactCorruptError, match=r"expected a folder model\.mlpackage"):
        w8_coreml_from_coreml(toy_artifact, tmp_path / "out")
