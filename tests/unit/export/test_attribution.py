"""Whose works a recogniser descends from is said by every artifact that descends from it."""

from __future__ import annotations

from dataclasses import replace

from inkport.core.artifact import Provenance, load_artifact
from inkport.core.attribution import attributions
from inkport.core.target import Precision
from inkport.export.record import derived_artifact, with_line_digests


def test_attributions_are_found_at_any_depth_each_once():
    provenance = {
        "start": {"average": [{"provenance": {"attribution": ["A", "B"]}}, {"attribution": ["A"]}]},
        "distil": {"teacher": {"attribution": ["C"]}},
        "attribution": "no list",
    }
    assert attributions(provenance) == ("A", "B", "C")


def test_those_of_the_settings_join_those_that_are_known():
    provenance = Provenance(stage="train", options={"start": {"attribution": ["B", "A"]}}, attribution=("A",))
    assert with_line_digests(provenance).attribution == ("A", "B")


def test_an_artifact_inherits_what_its_source_says(toy_artifact, tmp_path):
    source = replace(toy_artifact, provenance=replace(toy_artifact.provenance, attribution=("Descends from A.",)))
    out = tmp_path / "derived"
    with derived_artifact(
        out, source, stage="test", format="onnx", precision=Precision.FP32, tools=(), options={}
    ) as folder:
        (folder / "model.onnx").write_bytes(b"x")
    assert load_artifact(out).provenance.attribution == ("Descends from A.",)
