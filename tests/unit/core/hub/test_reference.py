"""Names on the hub: what they mean, and which are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from inkport.core.errors import UsageError
from inkport.core.hub.reference import HubReference, Kind, is_reference, parse_reference, within


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("hf://ada/lines", HubReference(repo="ada/lines")),
        ("hf://models/ada/lines", HubReference(repo="ada/lines")),
        ("hf://ada/lines@v1.2", HubReference(repo="ada/lines", revision="v1.2")),
        ("hf://ada/lines@refs/pr/3/int8", HubReference(repo="ada/lines", revision="refs/pr/3", path="int8")),
        ("hf://ada/lines/onnx/model.onnx", HubReference(repo="ada/lines", path="onnx/model.onnx")),
        (
            "hf://datasets/ada/set@main/data/a b.parquet",
            HubReference(repo="ada/set", kind=Kind.DATASET, revision="main", path="data/a b.parquet"),
        ),
        ("hf://datasets/ada/set/letters/", HubReference(repo="ada/set", kind=Kind.DATASET, path="letters")),
    ],
)
def test_a_name_means_a_repository_a_revision_and_a_place(text, meant):
    assert parse_reference(text) == meant
    assert parse_reference(Path(text)) == meant, "a path drops one of two slashes"
    assert parse_reference(str(meant)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "hf://",
        "hf://ada",
        "hf://datasets/ada",
        "hf://ada/lines@",
        "hf://ada/lines/../other",
        "hf://-ada/lines",
        "hf://ada/lines/a\\b",
        "hf://ada/lines\0",
        "hf://spaces/ada/lines",
        "hf://ada/line s",
    ],
)
def test_what_names_nothing_is_refused(text):
    with pytest.raises(UsageError, match="names nothing on the hub") as caught:
        parse_reference(text)
    assert "hf://user/model" in caught.value.remedy


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_refused(text):
    try:
        found = parse_reference(f"hf://{text}")
    except UsageError:
        return
    assert parse_reference(str(found)) == found
    assert not {"..", "."} & set(found.path.split("/"))


def test_a_file_names_one_on_the_hub_as_it_is_and_others_from_its_folder():
    remote = Path("hf://datasets/ada/set/a.parquet")
    assert within(Path("recipes"), remote) == remote
    assert within(Path("recipes"), Path("a.parquet")) == Path("recipes/a.parquet")
    assert is_reference("hf://ada/lines")
    assert not is_reference("hf/ada")
