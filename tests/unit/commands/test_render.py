from __future__ import annotations

import sys

import pytest
from PIL import ImageFont

from inkport.lines.source import read_lines


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


def arguments(folder, *more):
    return ("render", "--fonts", folder / "fonts", "--text", folder / "fr.txt", folder / "en.txt", "--least=5", *more)


def test_lines_and_a_report(inkport, folder):
    run = inkport(*arguments(folder, "--count", 8, 3, "--out", folder / "out", "--seed", 4))
    assert (run.code, run.out) == (0, f"{folder / 'out' / 'lines.tsv'}\n")
    lines = list(read_lines([folder / "out" / "lines.tsv"]))
    assert [line.dataset for line in lines] == ["rendered-fr"] * 8 + ["rendered-en"] * 3
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
    ],
)
def test_impossible_requests_are_one_sentence(inkport, folder, change, says):
    usual = {"--fonts": folder / "fonts", "--text": folder / "en.txt", "--count": 1, "--out": folder / "out"}
    words = [[name, *(value if isinstance(value, list) else [value])] for name, value in {**usual, **change}.items()]
    run = inkport("render", *(word for group in words for word in group))
    assert (run.code, run.out) == (2, "")
    assert says in run.err
    assert "Traceback" not in run.err
    assert not (folder / "out").exists()


def test_without_font_tools_the_remedy_is_said(inkport, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "fontTools.ttLib", None)
    run = inkport(*arguments(folder, "--count", 1, "--out", folder / "out"))
    assert run.code == 2
    assert "pip install 'inkport[render]'" in run.err
