"""Line sets on the hub, wherever a line set is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

import inkport
from inkport.cli import app
from inkport.commands._model import names_model
from inkport.core.errors import HubError, LineDataError, UsageError
from inkport.core.hub import repository
from inkport.lines.source import digest_lines, read_lines


NAME = "hf://datasets/ada/set"


@pytest.fixture
def folder(tmp_path):
    """Two lines as a folder."""
    from PIL import Image

    made = tmp_path / "letters"
    made.mkdir()
    for index, text in enumerate(("abc", "de")):
        Image.new("L", (60, 40), 200 + index).save(made / f"line[{index}].png")
        (made / f"line[{index}].gt.txt").write_text(text)
    return made


@pytest.fixture
def manifest():
    """The same lines as a manifest."""
    return b"image\ttext\nletters/line[0].png\tabc\nletters/line[1].png\tde"


def named(folder, prefix=""):
    return {f"{prefix}{path.name}": path.read_bytes() for path in folder.iterdir()}


def test_a_folder_reads_as_it_does_here(hub, folder):
    others = {"letters/weights.pt": b"\x80\x02", "letters/deep/x.png": b"", "README.md": b"# Set"}
    hub.put("datasets/ada/set", {**named(folder, "letters/"), **others})
    lines = list(read_lines([Path(f"{NAME}/letters")]))
    assert [(line.id, line.text, line.dataset) for line in lines] == [
        ("line[0].png", "abc", "letters"),
        ("line[1].png", "de", "letters"),
    ]
    assert digest_lines(lines) == digest_lines(read_lines([folder]))
    assert hub.fetched() == sorted(named(folder, "letters/"))


def test_a_large_folder_is_fetched_without_a_name_for_each(hub, folder, monkeypatch):
    monkeypatch.setattr(repository, "MOST_NAMED", 3)
    hub.put("datasets/ada/set", {**named(folder, "letters/"), "letters/weights.pt": b"\x80\x02", "other/a.png": b""})
    lines = list(read_lines([Path(f"{NAME}/letters")]))
    assert digest_lines(lines) == digest_lines(read_lines([folder]))
    assert hub.fetched() == sorted(named(folder, "letters/"))


def test_a_manifest_brings_the_images_below_its_folder(hub, folder, manifest):
    hub.put("datasets/ada/set", {**named(folder, "a/letters/"), "a/set.tsv": manifest, "b/other.png": b""})
    lines = list(read_lines([Path(f"{NAME}/a/set.tsv")]))
    assert [line.text for line in lines] == ["abc", "de"]
    assert hub.fetched() == ["a/letters/line[0].png", "a/letters/line[1].png", "a/set.tsv"]


def test_a_parquet_file_is_fetched_alone_and_once_in_a_process(hub, folder, tmp_path, capsys):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    images = [path.read_bytes() for path in sorted(folder.glob("*.png"))]
    pq.write_table(pa.table({"image": images, "text": ["abc", "de"]}), tmp_path / "test.parquet")
    data = (tmp_path / "test.parquet").read_bytes()
    there = hub.put("datasets/ada/set", {"data/test.parquet": data, "data/train.parquet": b"x"}, licence="mit")
    path = Path(f"{NAME}@main/data/test.parquet")
    assert [line.text for line in read_lines([path])] == ["abc", "de"]
    asked = len(hub.asked)
    assert [line.dataset for line in read_lines([path])] == ["test", "test"]
    assert len(hub.asked) == asked
    assert hub.fetched() == ["data/test.parquet"]
    assert f"commit {there.sha[:12]}, licence: mit" in capsys.readouterr().err


def test_a_description_here_may_name_a_set_there(hub, folder, manifest, tmp_path):
    hub.put("datasets/ada/set", {**named(folder, "letters/"), "set.tsv": manifest})
    described = tmp_path / "described.toml"
    described.write_text(f'lines = ["{NAME}/set.tsv"]\nwriter = "Ada"\n')
    assert [(line.text, line.writer) for line in read_lines([described])] == [("abc", "Ada"), ("de", "Ada")]


@pytest.mark.parametrize(
    ("files", "path", "said"),
    [
        ({"data/b.parquet": b"", "data/a.parquet": b""}, "", "it has data/a.parquet, data/b.parquet"),
        ({"data/a.parquet": b""}, "/data", "name one file: hf://datasets/ada/set/data/a.parquet"),
        ({"x.csv": b""}, "/x.csv", "found x.csv"),
        ({"set.toml": b""}, "/set.toml", "no line set"),
        ({}, "/no.parquet", "found nothing"),
    ],
)
def test_what_is_no_line_set_says_which_there_are(hub, files, path, said):
    hub.put("datasets/ada/set", files)
    with pytest.raises(LineDataError, match="no line set") as caught:
        list(read_lines([Path(f"{NAME}{path}")]))
    assert said in str(caught.value)
    assert hub.fetched() == []


def test_a_damaged_file_is_refused(hub):
    hub.put("datasets/ada/set", {"a.parquet": b"PAR1 and more"})
    hub.damage["a.parquet"] = b"PAR1 and MORE"
    with pytest.raises(HubError, match=r"a\.parquet came with SHA-256 .* it is damaged"):
        list(read_lines([Path(f"{NAME}/a.parquet")]))


def test_a_command_takes_one(hub, folder, manifest, capsys):
    hub.put("datasets/ada/set", {**named(folder, "letters/"), "set.tsv": manifest})
    app(["data", "frames", f"{NAME}/set.tsv"], result_action="return_value")
    assert "| 64 | 8 | 12 | 0.000% | 0.00% | 2 |" in capsys.readouterr().out


def test_the_api_takes_one(hub, shipped):
    hub.put("datasets/ada/set", {"a.parquet": b"PAR1"})
    with pytest.raises(LineDataError, match="Parquet"):
        inkport.verify(shipped.path, lines=[f"{NAME}/a.parquet"], targets=["onnxruntime:int8"])
    assert hub.fetched() == ["a.parquet"]


def test_a_model_among_line_sets_is_told_apart():
    assert names_model(Path("hf://ada/lines"))
    assert names_model(Path("hf://ada/lines/model.onnx"))
    assert not names_model(Path("hf://datasets/ada/set"))
    assert not names_model(Path("hf://ada/lines/lines.parquet"))
    with pytest.raises(UsageError, match="is a model, and an option for lines has taken it"):
        app(["verify", "--lines", "a.parquet", "hf://ada/lines"], result_action="return_value", exit_on_error=False)
