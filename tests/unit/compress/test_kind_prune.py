"""``kind = "prune"``: what it depends on, refuses, and makes of the toy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inkport.compress.lines import LineIndex
from inkport.compress.weight_stages import PruneStage
from inkport.core.errors import RecipeError


def digests(stage, context):
    return stage.inputs(replace(context, index=LineIndex())).digests


def test_pruning_makes_a_smaller_network_that_names_its_parent(context, toy_artifact, tmp_path):
    pytest.importorskip("torch_pruning", reason="pip install 'inkport[prune]'")
    stage = PruneStage(every=0.5, ratios={"stem": 0.0}, multiple=1)
    assert digests(stage, context) == {}, "magnitudes need no lines"
    assert digests(PruneStage(every=0.5, importance="taylor"), context)["train"]
    small = stage.make(toy_artifact, tmp_path / "small", work=tmp_path, context=context)
    assert small.bytes < 0.7 * toy_artifact.bytes
    assert small.spec == toy_artifact.spec
    assert small.provenance.parent == toy_artifact.digest
    assert small.root == small.digest, "what is exported from it descends from these weights"
    assert small.provenance.options["prune"]["ratios"]["stem"] == 0.0


@pytest.mark.parametrize(
    ("settings", "message"), [({}, "nothing is to be removed"), ({"every": 0.5, "train_lines": 0}, "at least 1")]
)
def test_a_pruning_that_cannot_work_is_refused(settings, message):
    with pytest.raises(RecipeError, match=message):
        PruneStage(**settings)


def test_an_unknown_importance_is_refused_before_anything_is_made(context):
    pytest.importorskip("torch_pruning", reason="pip install 'inkport[prune]'")
    with pytest.raises(RecipeError, match="'l3' is none"):
        PruneStage(every=0.5, importance="l3").inputs(context)
