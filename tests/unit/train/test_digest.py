from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import safe_open

from inkport.core.config import parse_config
from inkport.train.recipe import Recipe, digest_settings


WEIGHTS = Path(__file__).parents[3] / "model" / "shipped" / "convtext-tiny" / "weights.safetensors"


def recipes(provenance):
    """Yield every recipe of a provenance, with the digest that the training wrote then."""
    for key, value in provenance.items() if isinstance(provenance, dict) else enumerate(provenance):
        if key == "recipe":
            yield {k: v for k, v in value.items() if k != "digest"}, value["digest"]
        elif isinstance(value, dict | list):
            yield from recipes(value)


def test_recipes_of_the_shipped_weights_still_have_the_digest_of_their_training():
    with safe_open(WEIGHTS, framework="np") as file:
        provenance = json.loads(file.metadata()["inkport"])["provenance"]
    found = list(recipes(provenance))
    assert found
    for recipe, digest in found:
        assert parse_config(Recipe, recipe, where="provenance").digest == digest


def test_a_later_key_counts_only_away_from_its_default():
    @dataclass(frozen=True, kw_only=True)
    class Before:
        steps: int = 3

    @dataclass(frozen=True, kw_only=True)
    class After:
        steps: int = 3
        sam: float = 0.0
        table: dict[str, int] = field(default_factory=dict)

    assert digest_settings(After()) == digest_settings(Before())
    assert digest_settings(After(sam=0.1)) != digest_settings(Before())
    assert digest_settings(After(table={"a": 1})) != digest_settings(Before())
    assert digest_settings(After(steps=4)) == digest_settings(Before(steps=4))
