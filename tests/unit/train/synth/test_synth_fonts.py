from __future__ import annotations

import pytest

from inkport.core.errors import DataError, UsageError
from inkport.train.synth.fonts import EM_PX, find_fonts, load_font, reductions


def test_a_symbol_outside_the_character_map_is_missing(fonts_folder):
    plain = load_font(fonts_folder / "plain.ttf")
    assert plain.name == "plain"
    assert plain.missing("Hello, «world» 42!") == ()
    assert plain.missing("été à") == ("à", "é")


def test_a_glyph_without_ink_is_missing_unless_it_is_a_space(fonts_folder):
    assert load_font(fonts_folder / "box.ttf").missing("a b ü") == ("ü",)


def test_a_glyph_that_is_another_than_the_character_map_says_is_missing(fonts_folder):
    """The box for missing symbols, and a letter without its accent, are not drawn in the name of another symbol."""
    assert load_font(fonts_folder / "box.ttf").missing("e é è ¤") == ("¤", "è")


def test_a_mark_that_no_letter_takes_up_is_missing(tmp_path, fonts_folder):
    tt_font = pytest.importorskip("fontTools.ttLib").TTFont(fonts_folder / "box.ttf")
    for table in tt_font["cmap"].tables:
        table.cmap[0x0323] = "acute"
    tt_font.save(tmp_path / "marks.ttf")
    assert load_font(tmp_path / "marks.ttf").missing("b\u0323") == ("\u0323",)


def test_fewer_accents():
    assert list(reductions("ế")) == ["e", "ê", "é"]
    assert list(reductions("é")) == ["e"]
    assert list(reductions("e")) == list(reductions("đ")) == []


def test_regular_and_bold_are_one_family(fonts_folder):
    assert load_font(fonts_folder / "box.ttf").family == "box"


def test_stroke_width_of_a_box_font(fonts_folder):
    """Boxes of 0.4 x 0.5 em: twice the area over the outline is 0.22 em."""
    assert load_font(fonts_folder / "box.ttf").stroke_px == pytest.approx(2 * 0.2 / 1.8 * EM_PX, rel=0.1)


def test_the_extent_of_ordinary_letters(fonts_folder):
    assert load_font(fonts_folder / "box.ttf").extent_px == (-EM_PX // 2, 0)


def test_fonts_are_found_by_name_and_other_files_passed_over(fonts_folder, tmp_path):
    for name in ("b.TTF", "a.otf", "a.LICENSE", "README.md"):
        (tmp_path / name).write_bytes((fonts_folder / "box.ttf").read_bytes())
    assert [path.name for path in find_fonts(tmp_path)] == ["a.otf", "b.TTF"]


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        find_fonts(tmp_path / "absent")
    with pytest.raises(UsageError, match="no font here"):
        find_fonts(tmp_path)
    (tmp_path / "a.ttf").touch()
    (tmp_path / "a.otf").touch()
    with pytest.raises(UsageError, match="more than one font is called a"):
        find_fonts(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a font", b"\0\1\0\0" + b"\xff" * 40])
def test_what_is_no_font_is_refused(content, tmp_path):
    (tmp_path / "bad.ttf").write_bytes(content)
    with pytest.raises(DataError, match="not a usable font"):
        load_font(tmp_path / "bad.ttf")
