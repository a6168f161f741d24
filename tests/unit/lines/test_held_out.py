from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import LineDataError
from inkport.lines import roles
from inkport.lines.line import Line
from inkport.lines.roles import LIST_DIGITS, is_listed, refuse_test_lines
from inkport.lines.source import read_lines


def line(name, split="", gray=200, text="a", form="png"):
    out = io.BytesIO()
    Image.fromarray(np.full((8, 20), gray, np.uint8)).save(out, form)
    return Line(id=name, image=out.getvalue(), text=text, split=split)


@pytest.fixture
def listed(monkeypatch):
    known = line("page/007", gray=90).picture[:LIST_DIGITS]
    monkeypatch.setattr(roles, "listed_digests", lambda: frozenset({known}))


@pytest.mark.usefixtures("listed")
def test_lines_for_learning_pass_as_they_come():
    lines = [line("a", "train"), line("b"), line("c", "val"), line("d", "dev"), line("e", "attested"), line("page/007")]
    assert list(refuse_test_lines(lines, purpose="training")) == lines


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("copy", [{"form": "bmp"}, {"text": "another transcription"}, {"split": "train"}])
def test_a_listed_image_is_refused_under_any_name_format_text_and_split(copy):
    with pytest.raises(LineDataError, match="calibration: 'mine' is a test line"):
        list(refuse_test_lines([line("a"), line("mine", gray=90, **copy)], purpose="calibration"))


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize(
    "split", ["test", "TEST", " Test ", "testing", "test-clean", "unseen_test", "Testset", "test1"]
)
def test_a_line_of_a_test_split_is_refused_however_it_is_written(split):
    with pytest.raises(LineDataError, match="training: 'x' is a test line") as caught:
        list(refuse_test_lines([line("x", split)], purpose="training", listed=False))
    assert repr(split) in caught.value.message


@pytest.mark.usefixtures("listed")
def test_it_may_be_allowed():
    lines = [line("x", "test"), line("page/007", gray=90)]
    assert list(refuse_test_lines(lines, purpose="training", allow=True)) == lines


@pytest.mark.usefixtures("listed")
def test_a_damaged_image_is_no_listed_one():
    assert not is_listed(Line(id="x", image=b"", text="a"))


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
    assert len(roles.listed_digests()) == 2063
    assert {len(digest) for digest in roles.listed_digests()} == {LIST_DIGITS}
