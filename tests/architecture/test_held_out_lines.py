"""No test line was seen in training, calibration or selection: by content, by ids, and by what provenance says.

What was made before contents were recorded names its lines by ids: ``test-line-ids.json`` has the hashes of those of
the test lines.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from inkport.lines.held_out import LIST, LIST_DIGITS
from inkport.lines.source import read_lines


ROOT = Path(__file__).parents[2]
IDS = json.loads((Path(__file__).parent / "test-line-ids.json").read_text(encoding="utf-8"))["line_sets"]
DATA = ROOT / "data" / "lines"
ARTIFACTS = sorted(
    path for folder in ("src/inkport/bundle", "model/shipped") for path in (ROOT / folder).glob("*/recogniser.json")
)
WEIGHTS = sorted((ROOT / "model" / "shipped").glob("*/weights.safetensors"))


def hash_id(name):
    return hashlib.sha256(name.encode()).hexdigest()[:16]


TEST_LINES = (
    "copiste/imp_wikitexte_0024/002",
    "copiste/wikitexte_0276_2/009",
    "testaments/TestamentsDePoilus_will_AD78_0006-0/000",
    "testaments/TestamentsDePoilus_will_AN_0374-0/012",
    "mss19/f136/002",
    "mss19/f420/028",
    "peraire/test_B.12.japon3_0048/000",
    "peraire/test_D.8.eurasie-15_0062/045",
    "lectaurep/DAFANCH96_048MIC06482_L-1/032",
    "lectaurep/DAFANCH96_048MIC06494_L-0/066",
    "hooker/JDH_2_16_155_001/008",
    "hooker/JDH_2_16_90_003/017",
)
"""Two lines of each test set."""


def is_test_line(name):
    """Whether an id is that of a test line, also where a set repeats it (``id#2``)."""
    hashes = {known for some in IDS.values() for known in some}
    return not hashes.isdisjoint({hash_id(name), hash_id(re.sub(r"#\d+$", "", name))})


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
    ids = [name for record in walk(sidecar, "calibration") if isinstance(record, dict) for name in record["ids"]]
    assert ids or "int8" not in path.parent.name
    assert not list(filter(is_test_line, ids))


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
    assert not list(filter(is_test_line, calibrated))


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").rglob("*.toml")), ids=lambda path: path.name)
def test_no_recipe_allows_test_lines(path):
    assert "allow_test_lines" not in path.read_text(encoding="utf-8")


def test_the_ids_are_those_of_the_test_lines():
    assert all(map(is_test_line, TEST_LINES))
    assert not is_test_line("copiste/wikitexte_0190_1/013")


@pytest.mark.skipif(not DATA.is_dir(), reason="the line sets are not in data/lines")
def test_the_line_sets_share_neither_ids_nor_images_with_the_test_lines():
    pytest.importorskip("pyarrow", reason="Parquet files need pyarrow")
    listed = json.loads((ROOT / "src/inkport/lines" / LIST).read_text(encoding="utf-8"))["line_sets"]
    images = {True: set(), False: set()}
    digests, ids = {}, {}
    for path in sorted(DATA.glob("*.parquet")):
        test = path.name.startswith("test-")
        for line in read_lines([path]):
            images[test].add(line.picture)
            if test:
                digests.setdefault(path.name, []).append(line.picture[:LIST_DIGITS])
                ids.setdefault(path.name, []).append(hash_id(line.id))
            else:
                assert not is_test_line(line.id), path.name
    assert {name: sorted(some) for name, some in digests.items()} == listed
    assert {name: sorted(some) for name, some in ids.items()} == IDS
    assert not images[True] & images[False]
