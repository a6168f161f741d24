from __future__ import annotations

import pytest

from inkport.core.errors import LineDataError
from inkport.lines import held_out
from inkport.lines.held_out import hash_id, is_listed, refuse_test_lines
from inkport.lines.line import Line
from inkport.lines.source import read_lines


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


def line(name, split=""):
    return Line(id=name, image=b"", text="a", split=split)


@pytest.fixture
def listed(monkeypatch):
    monkeypatch.setattr(held_out, "listed_hashes", lambda: frozenset({hash_id("page/007")}))


@pytest.mark.usefixtures("listed")
def test_lines_for_learning_pass_as_they_come():
    lines = [line("a", "train"), line("b"), line("c", "val"), line("page/0070"), line("b#2")]
    assert list(refuse_test_lines(lines, purpose="training")) == lines


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("name", ["page/007", "page/007#2", "page/007#13"])
def test_a_listed_id_is_refused_whatever_its_split_says(name):
    with pytest.raises(LineDataError, match=f"calibration: '{name}' is a test line"):
        list(refuse_test_lines([line("a"), line(name, "train")], purpose="calibration"))


@pytest.mark.usefixtures("listed")
def test_a_line_of_the_test_split_is_refused():
    with pytest.raises(LineDataError, match="training: 'x' is a test line"):
        list(refuse_test_lines([line("x", "test")], purpose="training"))


@pytest.mark.usefixtures("listed")
def test_it_may_be_allowed():
    lines = [line("x", "test"), line("page/007")]
    assert list(refuse_test_lines(lines, purpose="training", allow=True)) == lines


def test_line_sets_say_their_split(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="Parquet files need pyarrow")
    import pyarrow.parquet as pq

    rows = [{"image": {"bytes": b"x", "path": None}, "text": "a", "split": split} for split in ("test", None)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "set.parquet")
    (tmp_path / "set.tsv").write_text("image\ttext\tsplit\nx.png\ta\ttest\n", encoding="utf-8")
    (tmp_path / "plain.tsv").write_text("image\ttext\nx.png\ta\n", encoding="utf-8")
    splits = [
        [found.split for found in read_lines([tmp_path / name])] for name in ("set.parquet", "set.tsv", "plain.tsv")
    ]
    assert splits == [["test", ""], ["test"], [""]]


def test_the_list_holds_the_test_lines():
    assert len(held_out.listed_hashes()) == 2063
    assert all(map(is_listed, TEST_LINES))
    assert not is_listed("copiste/wikitexte_0190_1/013")
