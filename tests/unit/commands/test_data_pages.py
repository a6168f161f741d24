"""``inkport data pages``."""

from __future__ import annotations

import pytest
from PIL import Image

from inkport.pages.formats.alto_out import write_alto
from inkport.pages.page import Line, Page, Region
from inkport.pages.page_sets import read_page_set


pytest.importorskip("pyarrow", reason="the extra parquet")


@pytest.fixture
def folder(tmp_path):
    lines = (Line(id="l", baseline=((4, 20), (60, 20)), text="abc"),)
    page = Page(id="p", width=96, height=64, regions=(Region(id="r", lines=lines),))
    (tmp_path / "pages").mkdir()
    for name in ("a", "b"):
        (tmp_path / "pages" / f"{name}.xml").write_bytes(write_alto(page))
        Image.new("L", (96, 64), 240).save(tmp_path / "pages" / f"{name}.png")
    return tmp_path / "pages"


def test_pages_become_a_set(inkport, folder, tmp_path):
    out = tmp_path / "set.parquet"
    run = inkport("data", "pages", folder, "--out", out, "--name", "mine", "--split", "test", "--licence", "CC0")
    assert (run.code, run.out) == (0, f"{out}\n")
    assert "2 pages, 2 lines" in run.err
    found = list(read_page_set(out))
    assert [(true.page.id, true.document, true.split, true.licence) for true in found] == [
        ("mine/a", "mine/pages", "test", "CC0"),
        ("mine/b", "mine/pages", "test", "CC0"),
    ]


def test_a_page_that_cannot_be_used_is_refused_or_left_out(inkport, folder, tmp_path):
    (folder / "a.png").unlink()
    out = tmp_path / "set.parquet"
    run = inkport("data", "pages", folder, "--out", out, "--name", "mine")
    assert (run.code, out.exists()) == (2, False)
    assert "no image" in run.err
    assert "--allow-partial" in run.err
    run = inkport("data", "pages", folder, "--out", out, "--name", "mine", "--allow-partial")
    assert run.code == 0
    assert "1 pages, 1 lines; left out: 1" in run.err
    assert [true.page.id for true in read_page_set(out)] == ["mine/b"]
