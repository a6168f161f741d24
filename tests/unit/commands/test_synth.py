from __future__ import annotations

import json
import sys

import pytest
from PIL import ImageFont

from inkport.lines.source import read_lines
from inkport.train.synth.look import Look


@pytest.fixture
def folder(tmp_path):
    """A folder ``fonts`` with Pillow's own font, and two texts."""
    pytest.importorskip("fontTools", reason="rendering needs fontTools")
    default = ImageFont.load_default(20).path
    default.seek(0)
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "plain.ttf").write_bytes(default.read())
    (tmp_path / "fr.txt").write_text("La cerise et le cahier rouge.\nUn été à Paris.\n", "utf-8")
    (tmp_path / "en.txt").write_text("The quick brown fox jumps over the lazy dog.\n", "utf-8")
    return tmp_path


@pytest.fixture
def two_fonts(folder):
    """A folder with Pillow's own font, and the same under another family name."""
    tt_font = pytest.importorskip("fontTools.ttLib").TTFont(folder / "fonts" / "plain.ttf")
    for name in tt_font["name"].names:
        name.string = "Boxed"
    tt_font.save(folder / "fonts" / "boxed.ttf")
    return folder / "fonts"


def arguments(folder, *more):
    return (
        "data",
        "synth",
        "--fonts",
        folder / "fonts",
        "--text",
        folder / "fr.txt",
        folder / "en.txt",
        "--least=5",
        *more,
    )


def test_lines_and_a_report(inkport, folder):
    run = inkport(*arguments(folder, "--count", 8, 3, "--out", folder / "out", "--seed", 4))
    assert (run.code, run.out) == (0, f"{folder / 'out' / 'lines.tsv'}\n")
    lines = list(read_lines([folder / "out" / "lines.tsv"]))
    assert [line.dataset for line in lines] == ["synth-fr"] * 8 + ["synth-en"] * 3
    assert {line.writer for line in lines} == {"plain"}
    assert not any("é" in line.text for line in lines)
    refused = int(run.err.partition("refused: ")[2].split()[0])
    assert refused > 0


def test_one_count_serves_every_text(inkport, folder):
    assert inkport(*arguments(folder, "--count", 2, "--out", folder / "out")).code == 0
    assert len(list(read_lines([folder / "out" / "lines.tsv"]))) == 4


def test_only_the_symbols_of_a_file(inkport, folder):
    (folder / "symbols.txt").write_text("abcdefghijklmnopqrstuvwxyz\n", "utf-8")
    run = inkport(*arguments(folder, "--count", 5, "--out", folder / "out", "--symbols", folder / "symbols.txt"))
    assert run.code == 0
    texts = [line.text for line in read_lines([folder / "out" / "lines.tsv"])]
    assert set("".join(texts)) <= set("abcdefghijklmnopqrstuvwxyz ")
    assert any(" " in text for text in texts)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"--count": 0}, "count"),
        ({"--count": [1, 2, 3]}, "one count per text"),
        ({"--jobs": 0}, "jobs"),
        ({"--levels": 1}, "gray levels"),
        ({"--symbols": "absent.txt"}, "absent.txt"),
        ({"--least": 50}, "no piece of 50"),
        ({"--fonts": "absent"}, "no such folder"),
        ({"--text": "absent.txt"}, "absent.txt"),
        ({"--only": "nosuch"}, "no font is called nosuch; there are plain"),
        ({"--hold-out": "plain", "--test-count": 1}, "all fonts are held out"),
        ({"--hold-out": "plain"}, "belong together"),
        ({"--test-count": 3}, "belong together"),
        ({"--set": "neighbours=1.5"}, "neighbours must be within 0..1"),
        ({"--set": "slant=-1"}, "slant must be within 0..3"),
        ({"--plain-look": [], "--set": "jpeg=0.9"}, "takes no share"),
    ],
)
def test_impossible_requests_are_one_sentence(inkport, folder, change, says):
    usual = {"--fonts": folder / "fonts", "--text": folder / "en.txt", "--count": 1, "--out": folder / "out"}
    words = [[name, *(value if isinstance(value, list) else [value])] for name, value in {**usual, **change}.items()]
    run = inkport("data", "synth", *(word for group in words for word in group))
    assert (run.code, run.out) == (2, "")
    assert says in run.err
    assert "Traceback" not in run.err
    assert not (folder / "out").exists()


def test_without_font_tools_the_remedy_is_said(inkport, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "fontTools.ttLib", None)
    run = inkport(*arguments(folder, "--count", 1, "--out", folder / "out"))
    assert run.code == 3
    assert "pip install 'inkport[render]'" in run.err


def test_held_out_fonts_write_the_test_lines_alone(inkport, folder, two_fonts):
    texts = "\n".join(f"paragraph number {n} of many" for n in range(60))
    (folder / "en.txt").write_text(texts, "utf-8")
    run = inkport(
        "data", "synth", "--fonts", two_fonts, "--text", folder / "en.txt", "--least=8", "--out", folder / "out",
        "--count", 6, "--hold-out", "bo*", "--test-count", 4, "--test-share", 0.3,
    )  # fmt: skip
    train, test = (folder / "out" / part / "lines.tsv" for part in ("train", "test"))
    assert (run.code, run.out) == (0, f"{train}\n{test}\n")
    assert "10 lines in 1 fonts and 1 held out" in run.err
    assert [line.writer for line in read_lines([train])] == ["plain"] * 6
    assert [line.writer for line in read_lines([test])] == ["boxed"] * 4


def test_only_the_fonts_that_are_named(inkport, folder, two_fonts):
    run = inkport(
        "data", "synth", "--fonts", two_fonts, "--text", folder / "en.txt", "--least=5", "--count", 4,
        "--out", folder / "out", "--only", "boxed",
    )  # fmt: skip
    assert run.code == 0
    assert {line.writer for line in read_lines([folder / "out" / "lines.tsv"])} == {"boxed"}


def test_coverage_is_a_table_and_renders_nothing(inkport, folder):
    run = inkport(
        "data", "synth", "--fonts", folder / "fonts", "--text", folder / "fr.txt", folder / "en.txt", "--coverage"
    )
    assert run.code == 0
    head, row = run.out.splitlines()
    assert head.split() == ["font", "fr", "en"]
    # Ten words of French, of which the font lacks "été" and "à".
    assert row.split() == ["plain", "80.0", "100.0"]
    assert not (folder / "out").exists()


def test_the_look_is_on_the_command_line(inkport, folder):
    for name, look in {"plain": ["--plain-look"], "jpeg": ["--set", "jpeg=1"], "default": []}.items():
        assert inkport(*arguments(folder, "--count", 3, "--out", folder / name, *look)).code == 0
    looks = {name: json.loads((folder / name / "set.json").read_text("utf-8"))["look"] for name in ("plain", "jpeg")}
    assert looks["jpeg"] == looks["plain"] | Look().shares() | {"jpeg": 1}
    assert looks["plain"]["jpeg"] == looks["plain"]["neighbours"] == 0


@pytest.mark.parametrize("left_out", ["--out", "--count"])
def test_rendering_needs_a_place_and_a_number(inkport, folder, left_out):
    usual = {"--fonts": folder / "fonts", "--text": folder / "en.txt", "--count": 1, "--out": folder / "out"}
    run = inkport(
        "data", "synth", *(word for name, value in usual.items() if name != left_out for word in (name, value))
    )
    assert run.code == 2
    assert "--out and --count" in run.err
