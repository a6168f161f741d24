"""The three forms of a line set, what each refuses, and ids that stay unique."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import LineDataError
from inkport.lines.line import Line, digest_lines
from inkport.lines.source import read_lines


def png(value=255):
    buffer = io.BytesIO()
    Image.new("L", (40, 20), value).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def parquet(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="Parquet files need pyarrow")
    import pyarrow.parquet as pq

    def write(rows=None, *, columns=None, name="set.parquet"):
        table = pa.Table.from_pylist(rows) if columns is None else pa.table(columns)
        pq.write_table(table, tmp_path / name)
        return tmp_path / name

    return write


def folder_with(path, **texts):
    path.mkdir()
    for name, text in texts.items():
        (path / f"{name}.png").write_bytes(png())
        (path / f"{name}.gt.txt").write_text(text, encoding="utf-8")
    return path


def test_parquet_in_the_hugging_face_convention(parquet):
    path = parquet(
        [
            {"image": {"bytes": png(0), "path": "x.png"}, "text": "é", "id": "p1", "writer": "w", "seen_writer": True},
            {"image": {"bytes": png(), "path": None}, "text": None, "id": None, "writer": None, "seen_writer": None},
        ]
    )
    first, second = read_lines([path])
    assert first == Line(id="p1", image=png(0), text="é", dataset="set", writer="w", seen_writer=True)
    assert second == Line(id="set:1", image=png(), text="", dataset="set")
    np.testing.assert_array_equal(first.gray(), np.zeros((20, 40)))


def test_what_may_be_a_writer_or_a_document_is_a_document(parquet):
    row = {"image": {"bytes": png()}, "text": "a", "writer_or_document": "doc", "writer": "w", "dataset": "d"}
    (line,) = read_lines([parquet([row])])
    assert (line.writer, line.document, line.dataset) == ("w", "doc", "d")


def test_rows_beyond_the_first_batch_keep_their_number(parquet):
    path = parquet([{"image": {"bytes": b"x"}, "text": "a"}] * 300)
    assert [line.id for line in read_lines([path])][-1] == "set:299"


@pytest.mark.parametrize("image", [None, {"bytes": None, "path": None}])
def test_a_row_without_image_is_one_bad_line_among_good_ones(parquet, image):
    good = {"image": {"bytes": png(), "path": None}, "text": "b"}
    first, second = read_lines([parquet([{"image": image, "text": "a"}, good])])
    assert (first.image, second.image) == (b"", png())


def test_a_row_that_only_names_its_image_is_refused(parquet):
    path = parquet([{"image": {"bytes": None, "path": "x.png"}, "text": "a"}])
    with pytest.raises(LineDataError, match=r"row 0 has no image bytes\nfix: store the encoded file"):
        list(read_lines([path]))


def test_an_image_column_of_another_type_is_refused(parquet):
    with pytest.raises(LineDataError, match="column image is of type string, expected binary, or a struct"):
        list(read_lines([parquet([{"image": "x.png", "text": "a"}])]))


@pytest.mark.parametrize("columns", [{"text": ["a"]}, {"image": [None]}, {"pixels": [1]}])
def test_parquet_without_a_required_column_is_refused(parquet, columns):
    with pytest.raises(LineDataError, match=r"no column \[.*found"):
        list(read_lines([parquet(columns=columns)]))


@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense PAR1"])
def test_what_is_not_parquet_is_refused(tmp_path, content):
    pytest.importorskip("pyarrow", reason="Parquet files need pyarrow")
    path = tmp_path / "set.parquet"
    path.write_bytes(content)
    with pytest.raises(LineDataError, match="not a readable Parquet file"):
        list(read_lines([path]))


def test_a_folder_pairs_images_with_texts_by_name(tmp_path):
    folder = folder_with(tmp_path / "mine", b="zwei", a="eins\n")
    (folder / "c.nrm.png").write_bytes(png())
    (folder / "c.gt.txt").write_text("\ufeffdrei", encoding="utf-8")
    (folder / "notes.txt").write_text("ignored")
    assert [(line.id, line.text, line.dataset) for line in read_lines([folder])] == [
        ("a.png", "eins\n", "mine"),
        ("b.png", "zwei", "mine"),
        ("c.nrm.png", "drei", "mine"),
    ]


def test_an_image_without_its_text_is_refused(tmp_path):
    folder = folder_with(tmp_path / "mine", a="eins")
    (folder / "b.png").write_bytes(png())
    with pytest.raises(LineDataError, match=r"b\.png: no transcription beside it, expected b\.gt\.txt"):
        list(read_lines([folder]))


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(LineDataError, match="no image here"):
        list(read_lines([tmp_path]))


def test_a_text_that_is_not_utf_8_is_refused(tmp_path):
    folder = folder_with(tmp_path / "mine", a="eins")
    (folder / "a.gt.txt").write_bytes(b"\xe9")
    with pytest.raises(LineDataError, match=r"a\.gt\.txt: cannot be read as UTF-8"):
        list(read_lines([folder]))


def manifest(tmp_path, text):
    path = tmp_path / "set.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_manifest_names_its_columns(tmp_path):
    text = 'text\timage\twriter\tseen_writer\tid\n"quoted" text\timages/a.png\tw\tTrue\tone\nb\tb.png\t\tfalse\t\n'
    first, second = read_lines([manifest(tmp_path, text)])
    assert first == Line(
        id="one", image=tmp_path / "images/a.png", text='"quoted" text', dataset="set", writer="w", seen_writer=True
    )
    assert (second.id, second.text, second.seen_writer) == ("b.png", "b", False)


def test_a_manifest_takes_windows_line_ends_and_other_separators_within_a_text(tmp_path):
    path = tmp_path / "set.tsv"
    path.write_bytes("image\ttext\r\na.png\ta\u2028b\x85c\r\n".encode())
    assert [line.text for line in read_lines([path])] == ["a\u2028b\x85c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"no column \['image', 'text'\]"),
        ("image\tlabel\na\tb\n", r"the first row: no column \['text'\], found \['image', 'label'\]"),
        ("image\ttext\na.png\n", "row 2 has 1 fields, expected 2"),
        ("image\ttext\na.png\ta\tb\n", "row 2 has 3 fields, expected 2"),
        ("image\ttext\na.png\ta\n\nb.png\tb\n", "row 3 has 1 fields"),
        ("image\ttext\na\0.png\ta\n", "row 2: image is .*no path holds NUL"),
        ("image\ttext\ttext\na.png\ta\tb\n", "column 'text' appears twice"),
        ("image\ttext\tid\tid\na.png\ta\t1\t2\n", "column 'id' appears twice"),
        ("image\ttext\tseen_writer\na.png\ta\tyes\n", "row 2: seen_writer is 'yes', expected true or false"),
    ],
)
def test_malformed_manifests_are_refused(tmp_path, text, message):
    with pytest.raises(LineDataError, match=message):
        list(read_lines([manifest(tmp_path, text)]))


def test_a_manifest_may_begin_with_a_byte_order_mark_and_end_in_empty_rows(tmp_path):
    path = tmp_path / "set.tsv"
    path.write_bytes("\ufeffimage\ttext\r\na.png\ta\r\n\r\n\n".encode())
    assert [(line.id, line.text) for line in read_lines([path])] == [("a.png", "a")]


def test_zero_is_a_name_in_a_manifest(tmp_path):
    text = "image\ttext\tid\tdataset\twriter\tdocument\tseen_writer\na.png\t0\t0\t0\t0\t0\t0\n"
    (line,) = read_lines([manifest(tmp_path, text)])
    assert (line.text, line.id, line.dataset, line.writer, line.document) == ("0", "0", "0", "0", "0")
    assert not line.seen_writer


def test_a_row_of_a_manifest_without_an_image_is_one_bad_line(tmp_path):
    first, second = read_lines([manifest(tmp_path, "image\ttext\n\ta\nb.png\tb\n")])
    assert (first.id, first.image, second.id) == ("set:2", b"", "b.png")


def test_repeated_ids_are_numbered_and_stay_unique(tmp_path):
    rows = "".join(f"{name}.png\tx\t{name}\n" for name in ("a", "a", "b", "a#3", "a", "a#2"))
    path = manifest(tmp_path, f"image\ttext\tid\n{rows}")
    ids = [line.id for line in read_lines([path])]
    assert ids == ["a", "a#2", "b", "a#3", "a#4", "a#2#2"]


def test_sets_are_read_one_after_the_other(tmp_path):
    one, two = folder_with(tmp_path / "one", a="x"), folder_with(tmp_path / "two", a="y")
    assert [(line.id, line.text) for line in read_lines([one, two])] == [("a.png", "x"), ("a.png#2", "y")]


def test_paths_that_are_no_line_set_are_refused(tmp_path):
    with pytest.raises(LineDataError, match="no such file or folder"):
        list(read_lines([tmp_path / "nothing"]))
    (tmp_path / "a.png").write_bytes(png())
    with pytest.raises(LineDataError, match=r"a\.png: not a line set"):
        list(read_lines([tmp_path / "a.png"]))


def test_the_digest_sees_ids_texts_images_and_order_but_not_where_an_image_lies(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    a, b = Line(id="a", image=png(), text="x"), Line(id="b", image=png(0), text="x")
    base = digest_lines([a, b])
    assert digest_lines([Line(id="a", image=tmp_path / "a.png", text="x"), b]) == base
    others = [
        [b, a],
        [a],
        [Line(id="a", image=png(), text="y"), b],
        [Line(id="a", image=png(1), text="x"), b],
        # The border between two fields counts as well.
        [Line(id="ax", image=png(), text=""), b],
    ]
    assert len({base, *(digest_lines(lines) for lines in others)}) == len(others) + 1


def test_the_digest_of_a_missing_image_names_the_line(tmp_path):
    with pytest.raises(LineDataError, match="a: the image cannot be read"):
        digest_lines([Line(id="a", image=tmp_path / "none.png", text="x")])
