from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import DataError, LineDataError, UsageError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.lines.source import read_lines
from inkport.train.synth.fonts import load_font
from inkport.train.synth.line_set import CHUNK, LineSet, render_set


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
    assert [line.dataset for line in lines] == ["rendered-fr"] * 5 + ["rendered-en"] * 3
    assert len(list((tmp_path / "out").iterdir())) == 9
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


def test_the_same_bytes_whatever_the_number_of_processes(request_, tmp_path):
    request_ = replace(request_, counts=(CHUNK + 3, 2))
    shown = []
    for jobs in (1, 3):
        render_set(request_, tmp_path / str(jobs), jobs=jobs, report=shown.append)
    assert content(tmp_path / "1") == content(tmp_path / "3")
    assert shown[-1] == CHUNK + 5


def test_the_seed_decides_and_a_line_does_not_depend_on_the_others(request_, tmp_path):
    for name, change in {"a": {}, "more": {"counts": (7, 3)}, "b": {"seed": 1}}.items():
        render_set(replace(request_, **change), tmp_path / name)
    a, more, b = (content(tmp_path / name) for name in ("a", "more", "b"))
    images = [name for name in a if name.endswith(".png")]
    assert {name: more[name] for name in images} == {name: a[name] for name in images}
    assert all(a[name] != b[name] for name in images)


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
