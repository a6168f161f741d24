"""No test line was seen in training, calibration or selection: by ids, and by what provenance says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from inkport.lines.held_out import LIST, hash_id, is_listed


ROOT = Path(__file__).parents[2]
DATA = ROOT / "data" / "lines"
ARTIFACTS = sorted(
    path for folder in ("src/inkport/bundle", "model/shipped") for path in (ROOT / folder).glob("*/recogniser.json")
)
WEIGHTS = sorted((ROOT / "model" / "shipped").glob("*/weights.safetensors"))


def walk(value, key):
    """Yield what stands under a key, at any depth."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from walk(inner, key)


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.parent.name)
def test_no_artifact_was_calibrated_on_a_test_line(path):
    sidecar = json.loads(path.read_text(encoding="utf-8"))
    ids = [name for record in walk(sidecar, "calibration") if record for name in record["ids"]]
    assert ids or "int8" not in path.parent.name
    assert not list(filter(is_listed, ids))


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.parent.name)
def test_no_weights_learnt_from_a_test_set_or_were_chosen_by_one(path):
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        provenance = json.loads(file.metadata()["inkport"])["provenance"]
    recipes = list(walk(provenance, "recipe"))
    assert recipes
    for recipe in recipes:
        data = recipe["data"]
        assert not data.get("allow_test_lines")
        names = [Path(name).name for part in ("train", "val", "unlabelled") for name in data.get(part, ())]
        assert names
        assert not [name for name in names if name.startswith("test-")]
    calibrated = [name for record in walk(provenance, "calibration") if record for name in record["ids"]]
    assert not list(filter(is_listed, calibrated))


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").rglob("*.toml")), ids=lambda path: path.name)
def test_no_recipe_allows_test_lines(path):
    assert "allow_test_lines" not in path.read_text(encoding="utf-8")


@pytest.mark.skipif(not DATA.is_dir(), reason="the line sets are not in data/lines")
def test_the_line_sets_share_neither_ids_nor_images_with_the_test_lines():
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet files need pyarrow")
    listed = json.loads((ROOT / "src/inkport/lines" / LIST).read_text(encoding="utf-8"))["line_sets"]
    images = {True: set(), False: set()}
    found = {}
    for path in sorted(DATA.glob("*.parquet")):
        test = path.name.startswith("test-")
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=256, columns=["id", "image"]):
            ids = batch.column("id").to_pylist()
            images[test] |= {hashlib.sha256(image["bytes"]).digest() for image in batch.column("image").to_pylist()}
            if test:
                found.setdefault(path.name, []).extend(map(hash_id, ids))
            else:
                assert not list(filter(is_listed, ids)), path.name
    assert {name: sorted(hashes) for name, hashes in found.items()} == listed
    assert not images[True] & images[False]
