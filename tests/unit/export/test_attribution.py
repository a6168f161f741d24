"""Whose works a recogniser descends from is said by every artifact that descends from it."""

from __future__ import annotations

from dataclasses import replace

from inkport.core.artifact import load_artifact
from inkport.core.attribution import credits_of, told_in
from inkport.core.target import Precision
from inkport.export.record import derived_artifact


def test_credits_are_found_at_any_depth_each_once_the_nearest_first():
    provenance = {
        "start": {"average": [{"provenance": {"attribution": "B"}}, {"attribution": "A", "licence": "L"}]},
        "distil": {"teacher": {"attribution": "C"}},
        "attribution": "A",
        "recipe": {"licence": "", "attribution": ["no text"]},
    }
    assert told_in(provenance, "attribution") == "A; B; C"
    assert credits_of(provenance) == {"licence": "L", "attribution": "A; B; C"}
    assert credits_of({"recipe": {"licence": ""}}) == {}


def test_an_artifact_inherits_what_its_source_says(toy_artifact, tmp_path):
    told = replace(toy_artifact.provenance, licence="L", attribution="Descends from A.")
    out, source = tmp_path / "derived", replace(toy_artifact, provenance=told)
    with derived_artifact(
        out, source, stage="test", format="ncnn", precision=Precision.FP32, tools=(), options={}
    ) as folder:
        (folder / "model.bin").write_bytes(b"x")
    found = load_artifact(out).provenance
    assert (found.licence, found.attribution) == ("L", "Descends from A.")
