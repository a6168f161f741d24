"""IAM: which lines, which text of the two there are, and what is refused."""

from __future__ import annotations

import pytest

from inkport.core.errors import LineDataError
from inkport.lines.datasets.iam import list_iam, list_iam_ascii
from inkport.lines.datasets.layout import Split


def test_forms_become_their_lines_with_the_text_as_written_and_their_writer(iam):
    lines = list(list_iam(iam, Split.VAL))
    assert [(line.id, line.text, line.writer, line.missing) for line in lines] == [
        ("a01-000u-00", "A MOVE to stop Mr. Gaitskell", "000", ""),
        ("a01-000u-01", '" Blood, & Sweat. "', "000", ""),
        ("f07-028b-00", "the B B C's film", "123", ""),
    ]
    assert lines[1].image() == (iam / "lines/a01/a01-000u/a01-000u-01.png").read_bytes()


def test_the_ascii_table_sets_punctuation_apart_and_keeps_lines_whose_words_were_not_segmented(iam):
    lines = list(list_iam_ascii(iam, Split.VAL))
    assert [(line.id, line.text, line.writer) for line in lines] == [
        ("a01-000u-00", "A MOVE to stop Mr . Gaitskell", "000"),
        ("a01-000u-01", '" Blood , & Sweat . "', "000"),
        ("f07-028b-00", "the B B C's film", "123"),
    ]


def test_without_a_list_of_writers_only_the_form_is_known(iam):
    (iam / "ascii/forms.txt").unlink()
    found = {(line.writer, line.document) for line in list_iam_ascii(iam, Split.VAL)}
    assert found == {("", "a01-000u"), ("", "f07-028b")}


def test_a_list_may_name_lines_instead_of_forms(iam):
    (iam / "splits/testset.txt").write_text("a01-000u-01\nf07-028b\n")
    assert [line.id for line in list_iam(iam, Split.TEST)] == ["a01-000u-01", "f07-028b-00"]


def test_what_is_listed_and_not_there_is_named(iam):
    (iam / "lines/a01/a01-000u/a01-000u-00.png").unlink()
    (iam / "xml/f07-028b.xml").unlink()
    (iam / "splits/validation.uttlist").write_text("a01-000u\na01-000u-07\nf07-028b\n")
    lines = {line.id: line.missing for line in list_iam(iam, Split.VAL)}
    assert lines == {
        "a01-000u-00": "no image lines/a01/a01-000u/a01-000u-00.png",
        "a01-000u-01": "",
        "a01-000u-07": "no transcription of this line",
        "f07-028b": "no xml/f07-028b.xml",
    }


def test_a_missing_list_says_what_is_there(iam):
    with pytest.raises(
        LineDataError, match=r"no splits/train\.uttlist or .* here, found ascii/, lines/, splits/, xml/"
    ):
        list(list_iam(iam, Split.TRAIN))


def test_two_lists_for_one_split_are_not_chosen_between(iam):
    (iam / "splits/validationset1.txt").write_text("a01-000u\n")
    with pytest.raises(LineDataError, match=r"validation\.uttlist and splits/validationset1\.txt are both here"):
        list(list_iam(iam, Split.VAL))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("", "the list is empty"),
        ("a01-000u\na01-000u\n", "'a01-000u' appears in the list twice"),
        ("../../secret\n", "'../../secret' is not the name of a file"),
        ("form1\n", "'form1' is neither a form"),
    ],
)
def test_malformed_lists_are_refused(iam, names, message):
    (iam / "splits/validation.uttlist").write_text(names)
    with pytest.raises(LineDataError, match=message):
        list(list_iam(iam, Split.VAL))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</form>", "", "not well-formed XML"),
        ("handwritten-part", "machine-printed-part", "no <handwritten-part>"),
        ('id="a01-000u-01"', 'id="a01-003-01"', "a line with id 'a01-003-01'"),
        (" text=", " txt=", "and text None"),
    ],
)
def test_malformed_forms_are_refused(iam, old, new, message):
    path = iam / "xml/a01-000u.xml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(LineDataError, match=rf"a01-000u\.xml: .*{message}"):
        list(list_iam(iam, Split.VAL))


@pytest.mark.parametrize("row", ["a01-000u-00 ok 154 19 408", "a01-000u-00 yes 1 1 1 1 1 1 A", "x ok 1 1 1 1 1 1 A"])
def test_malformed_rows_are_refused(iam, row):
    (iam / "ascii/lines.txt").write_text(f"#\n{row}\n")
    with pytest.raises(LineDataError, match=r"lines\.txt: row 2 is"):
        list(list_iam_ascii(iam, Split.VAL))
