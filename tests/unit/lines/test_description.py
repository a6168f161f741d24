"""What a description says about a line set, and the hands that are known without one."""

from __future__ import annotations

import pytest
from PIL import Image

from inkport.core.errors import LineDataError
from inkport.lines.source import read_lines


@pytest.fixture
def describe(tmp_path):
    rows = "image\ttext\tscribe\tfolio\tdocument\na.png\tx\ts1\tf1\td1\nb.png\ty\ts2\tf1\td1\n"
    (tmp_path / "table.tsv").write_text(rows, encoding="utf-8")
    (tmp_path / "more").mkdir()
    Image.new("L", (40, 20), 255).save(tmp_path / "more/c.png")
    (tmp_path / "more/c.gt.txt").write_text("z", encoding="utf-8")

    def run(text):
        (tmp_path / "set.toml").write_text(text, encoding="utf-8")
        return list(read_lines([tmp_path / "set.toml"]))

    return run


def test_columns_of_other_names_say_who_wrote_what(describe):
    lines = describe('lines = ["table.tsv"]\nwriter_column = "scribe"\ndocument_column = "folio"')
    assert [(line.writer, line.document, line.unit) for line in lines] == [
        ("s1", "f1", ("table", "writer", "s1")),
        ("s2", "f1", ("table", "writer", "s2")),
    ]


def test_one_hand_wrote_all_and_all_is_one_data_set(describe, tmp_path):
    lines = describe('lines = ["table.tsv", "more"]\nwriter = "Hooker"\ndataset = "letters"')
    assert [line.text for line in lines] == ["x", "y", "z"]
    assert [line.document for line in lines] == ["d1", "d1", ""]
    assert {line.unit for line in lines} == {("letters", "writer", "Hooker")}
    assert lines[0].image == tmp_path / "a.png"


def test_a_description_that_says_nothing_changes_nothing(describe, tmp_path):
    assert describe('lines = ["table.tsv"]') == list(read_lines([tmp_path / "table.tsv"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lines = [", "not valid TOML"),
        ('writer = "x"', "the key 'lines' is missing; not the description of a line set"),
        ('lines = ["table.tsv"]\nauthor = "x"', "unknown key 'author'"),
        ("lines = []", "names no line set"),
        ('lines = ["set.toml"]', r"set\.toml is a description itself"),
        ('lines = ["table.tsv"]\nwriter = "x"\nwriter_column = "scribe"', "both writer and writer_column"),
        ('lines = ["table.tsv"]\nwriter_column = "hand"', r"no column \['hand'\], found"),
        ('lines = ["more"]\nwriter_column = "hand"', "a folder has no column 'hand'"),
        ('lines = ["none.tsv"]', r"none\.tsv: no such file"),
        ('lines = ["table.tsv"]\nwriter = 3', "expected str, found 3"),
    ],
)
def test_a_description_that_cannot_be_followed_is_refused(describe, text, message):
    with pytest.raises(LineDataError, match=message):
        describe(text)


KNOWN = [
    ("peraire", "peraire/test_B.12.japon3_0048", ("peraire", "writer", "peraire")),
    ("peraire", "peraire/D.8.eurasie-15_0064", ("peraire", "writer", "peraire")),
    ("hooker", "hooker/JDH_2_16_155", ("hooker", "writer", "hooker")),
    ("lectaurep", "lectaurep/riant-4", ("lectaurep", "writer", "riant")),
    ("lectaurep", "lectaurep/random-set-1/FRAN_0025_0327_L-1", None),
    ("copiste", "copiste/0024", None),
    ("my-letters", "hooker/JDH_2_16_155", None),
    ("peraire", "page 3", None),
]


@pytest.mark.parametrize(("dataset", "document", "unit"), KNOWN)
def test_documents_of_one_known_hand_are_one_unit_and_no_others(tmp_path, dataset, document, unit):
    path = tmp_path / "set.tsv"
    path.write_text(f"image\ttext\tdataset\twriter_or_document\na.png\tx\t{dataset}\t{document}\n", encoding="utf-8")
    (line,) = read_lines([path])
    assert line.unit == (unit or (dataset, "document", document))
    assert line.document == document
