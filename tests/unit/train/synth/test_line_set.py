from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import DataError, LineDataError, RuntimeUnavailableError, UsageError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.lines.source import read_lines
from inkport.train.synth import line_set as line_set_module
from inkport.train.synth.fonts import load_font
from inkport.train.synth.line_set import LineSet, Part, render_parts, render_set
from inkport.train.synth.look import Look


EVERYTHING = Look(**dict.fromkeys(Look().shares(), 1.0))
"""Every mishap on every line."""


@pytest.fixture
def request_(fonts_folder, tmp_path):
    (tmp_path / "fr.txt").write_text(
        "un cahier, 3 plumes\nla cerise est rouge\nun été de cire et de craie\n" * 5, "utf-8"
    )
    (tmp_path / "en.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 5, "utf-8")
    fonts = (fonts_folder / "box.ttf", fonts_folder / "plain.ttf")
    return LineSet(fonts=fonts, texts=(tmp_path / "fr.txt", tmp_path / "en.txt"), counts=(5, 3), least=5, most=20)


def content(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_rendered_set_is_a_line_set(request_, tmp_path):
    rendered = render_set(request_, tmp_path / "out")
    lines = list(read_lines([tmp_path / "out" / "lines.tsv"]))
    assert rendered.lines == len(lines) == 8
    assert [line.dataset for line in lines] == ["synth-fr"] * 5 + ["synth-en"] * 3
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"lines.tsv", "set.json"} | {f"{x.id}.png" for x in lines}
    for line in lines:
        assert line.writer in {"box", "plain"}
        assert not load_font(next(p for p in request_.fonts if p.stem == line.writer)).missing(line.text)
        with Image.open(line.image) as image:
            assert (image.format, image.mode, image.height) == ("PNG", "L", 64)
        assert prepare(line.gray(), PreprocessSpec()).shape[2] == 48


def test_refused_candidates_are_counted_and_none_is_written(request_, tmp_path):
    rendered = render_set(
        replace(request_, counts=(40, 1), symbols=frozenset(" abcdefghijklmnopqrstuvwxyzé")), tmp_path / "o"
    )
    assert rendered.lines == 41
    assert rendered.without_glyphs > 0
    assert rendered.outside_symbols > 0
    lines = list(read_lines([tmp_path / "o" / "lines.tsv"]))
    assert not any(set(line.text) & set("3,") for line in lines)
    assert not any("é" in line.text for line in lines if line.writer == "plain")


def test_the_same_bytes_whatever_the_number_of_processes(request_, tmp_path, monkeypatch):
    monkeypatch.setattr(line_set_module, "CHUNK", 4)
    request_ = replace(request_, counts=(9, 2), look=EVERYTHING)
    shown = []
    for jobs in (1, 3):
        render_set(request_, tmp_path / str(jobs), jobs=jobs, report=shown.append)
    first = content(tmp_path / "1")
    assert first == content(tmp_path / "3")
    assert len(first) == 11 + 2
    assert shown == [4, 8, 9, 11] * 2


def test_the_seed_decides_and_a_line_does_not_depend_on_the_others(request_, tmp_path):
    for name, change in {"a": {}, "more": {"counts": (7, 3)}, "b": {"seed": 1}}.items():
        render_set(replace(request_, **change), tmp_path / name)
    a, more, b = (content(tmp_path / name) for name in ("a", "more", "b"))
    images = {name: digest for name, digest in a.items() if name.endswith(".png")}
    assert images.items() <= more.items()
    assert not set(images) & set(b)  # the seed is in the name, so that sets of two seeds can be trained on together
    assert not set(images.values()) & set(b.values())


def test_fewer_gray_levels_still_reach_black_and_white(request_, tmp_path):
    render_set(replace(request_, levels=4), tmp_path / "out")
    for line in read_lines([tmp_path / "out" / "lines.tsv"]):
        assert set(np.rint(255 * np.unique(line.gray()))) <= {0, 85, 170, 255}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failure_leaves_nothing_behind(request_, tmp_path, jobs):
    (tmp_path / "vi.txt").write_text("những người bạn tốt\n", "utf-8")
    before = set(tmp_path.iterdir())
    with pytest.raises(LineDataError, match="1000 with glyphs that their font lacks") as caught:
        render_set(replace(request_, texts=(tmp_path / "vi.txt",), counts=(3,)), tmp_path / "out", jobs=jobs)
    assert caught.value.remedy
    assert set(tmp_path.iterdir()) == before


def test_a_folder_that_is_there_is_never_replaced(request_, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(UsageError, match="is there already"):
        render_set(request_, tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").exists()


def test_shaping_without_a_shaper_is_refused(request_, tmp_path, monkeypatch):
    monkeypatch.setattr("inkport.train.synth.line_set.features.check", lambda name: name != "raqm")
    with pytest.raises(RuntimeUnavailableError, match="libraqm"):
        render_set(replace(request_, look=Look(shaping=0.1)), tmp_path / "out")
    render_set(replace(request_, counts=(1, 1)), tmp_path / "out")


def test_a_bad_font_is_named_before_anything_is_rendered(request_, tmp_path):
    (tmp_path / "bad.ttf").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"bad\.ttf"):
        render_set(replace(request_, fonts=(*request_.fonts, tmp_path / "bad.ttf")), tmp_path / "out")


@pytest.mark.parametrize(
    "wrong",
    [
        {"counts": (5,)},
        {"counts": (5, 0)},
        {"least": 0},
        {"least": 30, "most": 20},
        {"levels": 1},
        {"levels": 257},
        {"seed": -1},
        {"held_share": 0},
        {"held_share": 1},
        {"fonts": ()},
    ],
)
def test_impossible_requests(request_, wrong):
    with pytest.raises(UsageError):
        replace(request_, **wrong)


def test_impossible_numbers_of_processes(request_, tmp_path):
    with pytest.raises(UsageError, match="jobs"):
        render_set(request_, tmp_path / "out", jobs=0)


def test_texts_of_one_name_are_refused(request_, tmp_path):
    with pytest.raises(UsageError, match="different names"):
        replace(request_, texts=(tmp_path / "fr.txt", tmp_path / "sub" / "fr.txt"))


def rows(folder):
    head, *found = [row.split("\t") for row in (folder / "lines.tsv").read_text("utf-8").splitlines()]
    return [dict(zip(head, row, strict=True)) for row in found]


def test_a_line_tells_its_language_seed_and_font(request_, tmp_path):
    render_set(replace(request_, seed=7, name="toy"), tmp_path / "out")
    for row in rows(tmp_path / "out"):
        assert row["dataset"] == f"toy-{row['lang']}"
        assert row["seed"] == "7"
        assert row["id"].startswith(f"toy-{row['lang']}-7-")
        assert row["writer"] in {"box", "plain"}


def test_the_record_names_what_decides_the_bytes(request_, tmp_path):
    rendered = render_set(replace(request_, seed=7), tmp_path / "out")
    record = json.loads((tmp_path / "out" / "set.json").read_text("utf-8"))
    assert (record["seed"], record["lines"]) == (7, {"fr": 5, "en": 3})
    assert record["fonts"] == {p.stem: hashlib.sha256(p.read_bytes()).hexdigest() for p in request_.fonts}
    assert record["texts"] == {p.stem: hashlib.sha256(p.read_bytes()).hexdigest() for p in request_.texts}
    assert record["look"]["neighbours"] == Look().neighbours
    assert record["refused"]["without_glyphs"] == rendered.without_glyphs
    assert str(tmp_path) not in json.dumps(record)


@pytest.fixture
def parts(request_, tmp_path):
    """A text where many paragraphs hold the same pieces, so that a line for testing is easily one to learn from."""
    words = ["cahier", "rouge", "encre", "neige", "plume", "table", "cerise", "route", "vague", "pierre"]
    rng = np.random.default_rng(0)
    (tmp_path / "fr.txt").write_text("\n".join(" ".join(rng.choice(words, 9)) for _ in range(60)), "utf-8")
    plain, box = (next(p for p in request_.fonts if p.stem == name) for name in ("plain", "box"))
    one = replace(request_, texts=request_.texts[:1], counts=(30,), held_share=0.3, least=8, most=14)
    return replace(one, fonts=(plain,)), replace(one, fonts=(box,), counts=(12,))


def test_train_and_test_share_no_font_no_paragraph_and_no_text(parts, tmp_path):
    rendered = render_parts(*parts, tmp_path / "out")
    train, test = (rows(tmp_path / "out" / part) for part in ("train", "test"))
    assert (rendered.lines, len(train), len(test)) == (42, 30, 12)
    assert ({row["writer"] for row in train}, {row["writer"] for row in test}) == ({"plain"}, {"box"})
    assert not {row["id"] for row in train} & {row["id"] for row in test}
    assert {row["dataset"] for row in train + test} == {"synth-fr"}
    assert rendered.known_texts > 0
    paragraphs = parts[0].texts[0].read_text("utf-8").splitlines()
    kept = {p for p in paragraphs if any(row["text"] in p for row in train)}
    only_train = [p for p in paragraphs if p in kept and not any(row["text"] in p for row in test)]
    for row in train:
        assert any(row["text"] in paragraph for paragraph in only_train)
    for row in test:
        assert not any(row["text"] in paragraph for paragraph in only_train)
        assert not any(row["text"] in other["text"] for other in train)


def test_the_parts_have_the_same_bytes_whatever_the_number_of_processes(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(line_set_module, "CHUNK", 3)
    train, test = (replace(part, counts=(5,)) for part in parts)
    shown = []
    for jobs in (1, 2):
        render_parts(train, test, tmp_path / str(jobs), jobs=jobs, report=shown.append)
    for part in ("train", "test"):
        assert content(tmp_path / "1" / part) == content(tmp_path / "2" / part)
    assert shown[: len(shown) // 2] == [3, 5, 8, 10]


def test_parts_that_would_leak_are_refused(parts, tmp_path):
    train, test = parts
    with pytest.raises(UsageError, match="train and of test"):
        render_parts(train, replace(test, fonts=train.fonts), tmp_path / "out")
    with pytest.raises(UsageError, match="same texts in the same way"):
        render_parts(train, replace(test, held_share=0.5), tmp_path / "out")
    with pytest.raises(LineDataError, match="too few paragraphs"):
        render_parts(replace(train, held_share=1e-9), replace(test, held_share=1e-9), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_test_text_that_training_always_holds_is_refused(parts, tmp_path):
    """Paragraphs without end of one word: no piece of one is missing in another."""
    parts[0].texts[0].write_text("\n".join("mot " * n for n in range(10, 40)), "utf-8")
    with pytest.raises(LineDataError, match="1000 that are in the training part"):
        render_parts(*parts, tmp_path / "out")


def test_the_test_part_is_the_same_alone_and_beside_fewer_lines(parts, tmp_path):
    render_parts(*parts, tmp_path / "out")
    render_parts(replace(parts[0], counts=(1,)), parts[1], tmp_path / "few")
    assert content(tmp_path / "out" / "test") == content(tmp_path / "few" / "test")
    render_set(replace(parts[1], part=Part.TEST), tmp_path / "alone")
    assert content(tmp_path / "out" / "test") == content(tmp_path / "alone")


def test_no_line_holds_a_symbol_that_the_fonts_own_tables_do_not_draw(request_, tmp_path):
    """By fontTools alone: each symbol of each line has a glyph of its own, with an outline unless it is a space."""
    tt_font = pytest.importorskip("fontTools.ttLib").TTFont
    (tmp_path / "fr.txt").write_text("la mère a été là, à peine\nune ¤ pour le père été\nü ou ¤ ou è ou é\n", "utf-8")
    rendered = render_set(replace(request_, counts=(30, 1), least=4), tmp_path / "out")
    assert rendered.without_glyphs > 0
    fonts = {path.stem: tt_font(path) for path in request_.fonts}
    seen = set()
    for row in rows(tmp_path / "out"):
        font = fonts[row["writer"]]
        names = {symbol: font.getBestCmap()[ord(symbol)] for symbol in row["text"]}
        assert ".notdef" not in names.values()
        if row["writer"] == "box":
            seen |= set(row["text"])
            outline = {symbol: font["glyf"][name].getCoordinates(font["glyf"])[0] for symbol, name in names.items()}
            assert all(outline[symbol] for symbol in row["text"] if symbol != " ")
            assert all(list(o) != list(font["glyf"][".notdef"].coordinates) for o in outline.values() if o)
    assert "é" in seen
    assert not seen & set("è¤ü")
