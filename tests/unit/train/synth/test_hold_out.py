from __future__ import annotations

import pytest

from inkport.core.errors import UsageError
from inkport.train.synth.fonts import find_fonts, hold_out, measure_coverage, render_coverage, select_fonts


@pytest.fixture
def fonts(fonts_folder, tmp_path):
    """box-400 and box-700, which are one family, and plain."""
    for name in ("box-400", "box-700"):
        (tmp_path / f"{name}.ttf").write_bytes((fonts_folder / "box.ttf").read_bytes())
    (tmp_path / "plain.ttf").write_bytes((fonts_folder / "plain.ttf").read_bytes())
    return find_fonts(tmp_path)


def names(paths):
    return [path.stem for path in paths]


def test_fonts_are_selected_by_name(fonts):
    assert names(select_fonts(fonts, ["plain", "box-4*"])) == ["box-400", "plain"]
    assert names(select_fonts(fonts, ["box-?00"])) == ["box-400", "box-700"]
    with pytest.raises(UsageError, match="no font is called Plain; there are box-400, box-700, plain"):
        select_fonts(fonts, ["box*", "Plain"])


def test_every_font_is_on_one_side(fonts):
    kept, held = hold_out(fonts, ["box*"])
    assert (names(kept), names(held)) == (["plain"], ["box-400", "box-700"])


def test_a_family_is_never_on_both_sides(fonts):
    with pytest.raises(UsageError, match="box-700 and box-400 are one family, box"):
        hold_out(fonts, ["box-400"])


def test_something_must_be_left(fonts):
    with pytest.raises(UsageError, match="all fonts are held out"):
        hold_out(fonts, ["*"])


def test_coverage_counts_words_and_names_what_is_missing(fonts, tmp_path):
    (tmp_path / "fr.txt").write_text("un été à la mer été", "utf-8")
    (tmp_path / "en.txt").write_text("the sea", "utf-8")
    rows = measure_coverage(fonts[1:], [tmp_path / "fr.txt", tmp_path / "en.txt"])
    found = {(row.font, row.language): (round(row.words, 6), row.missing) for row in rows}
    assert found == {
        ("box-700", "fr"): (round(5 / 6, 6), ("à",)),
        ("box-700", "en"): (1, ()),
        ("plain", "fr"): (0.5, ("é", "à")),
        ("plain", "en"): (1, ()),
    }
    table = [line.split() for line in render_coverage(rows).splitlines()]
    assert table == [["font", "fr", "en"], ["box-700", "83.3", "100.0"], ["plain", "50.0", "100.0"]]


def test_words_with_symbols_that_do_not_count_are_left_out(fonts, tmp_path):
    (tmp_path / "fr.txt").write_text("un été à la mer", "utf-8")
    (row,) = measure_coverage(fonts[2:], [tmp_path / "fr.txt"], symbols=frozenset("unlamer "))
    assert (row.words, row.missing) == (1, ())


def test_a_hundred_percent_means_nothing_is_missing(fonts, tmp_path):
    (tmp_path / "fr.txt").write_text("mer " * 5000 + "à", "utf-8")
    rows = measure_coverage(fonts[2:], [tmp_path / "fr.txt"])
    assert render_coverage(rows).splitlines()[1].split() == ["plain", "99.9"]
