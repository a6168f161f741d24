"""Cells of Parquet files mean what they say, however their columns are stored."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import LineDataError
from inkport.lines.source import read_lines


pa = pytest.importorskip("pyarrow", reason="Parquet files need pyarrow")
pq = pytest.importorskip("pyarrow.parquet", reason="Parquet files need pyarrow")

NAN = float("nan")


def png(value=255):
    buffer = io.BytesIO()
    Image.new("L", (40, 20), value).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def read(tmp_path):
    def run(**columns):
        count = len(next(iter(columns.values())))
        table = {"image": pa.array([{"bytes": png(), "path": None}] * count), "text": ["x"] * count}
        pq.write_table(pa.table(table | columns), tmp_path / "set.parquet")
        return list(read_lines([tmp_path / "set.parquet"]))

    return run


@pytest.mark.parametrize("column", ["writer", "document", "writer_or_document", "id", "dataset", "split"])
@pytest.mark.parametrize(
    "values",
    [
        pa.array([0, 1]),
        pa.array([0, 1], pa.uint8()),
        pa.array([0.0, 1.0]),
        pa.array(["0", "1"]),
        pa.array(["0", "1"], pa.large_string()),
        pa.array(["0", "1"], pa.string_view()),
        pa.array([b"0", b"1"]),
        pa.array(["0", "1"]).dictionary_encode(),
        pa.array([0, 1]).dictionary_encode(),
    ],
    ids=lambda values: str(values.type),
)
def test_zero_is_a_name_like_any_other(read, column, values):
    field = "document" if column == "writer_or_document" else column
    assert [getattr(line, field) for line in read(**{column: values})] == ["0", "1"]


@pytest.mark.parametrize("nothing", [pa.array([None, 7.0]), pa.array([NAN, 7.0]), pa.array(["", "7"])])
def test_nothing_is_no_writer(read, nothing):
    first, second = read(writer=nothing)
    assert (first.unit, second.unit) == (None, ("set", "writer", "7"))


def test_a_column_of_nothing_names_nobody_whatever_its_type(read):
    lines = read(writer=pa.array([None, None], pa.date32()), seen_writer=pa.array([None, None]))
    assert {(line.writer, line.seen_writer) for line in lines} == {("", False)}


def test_the_text_zero_is_a_text(read):
    assert [line.text for line in read(text=["0", ""])] == ["0", ""]
    assert [line.text for line in read(text=pa.array([0, 120]))] == ["0", "120"]


def test_a_transcription_that_became_a_float_is_refused_because_its_digits_are_lost(read):
    with pytest.raises(LineDataError, match=r"row 1: text is the number 12\.0, expected text"):
        read(text=pa.array([None, 12.0]))


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (pa.array([True, False, None]), [True, False, False]),
        (pa.array(["false", "False", None]), [False, False, False]),
        (pa.array(["true", " TRUE ", ""]), [True, True, False]),
        (pa.array(["1", "0", "0"]), [True, False, False]),
        (pa.array([1, 0, None]), [True, False, False]),
        (pa.array([1.0, 0.0, NAN]), [True, False, False]),
        (pa.array(["false", "true", "false"]).dictionary_encode(), [False, True, False]),
    ],
)
def test_a_flag_is_what_it_says(read, stored, expected):
    assert [line.seen_writer for line in read(seen_writer=stored)] == expected


@pytest.mark.parametrize("value", ["no", "falsch", "None", "2", "0.0"])
def test_a_flag_that_says_neither_is_refused_with_its_row(read, value):
    with pytest.raises(LineDataError, match=f"row 1: seen_writer is '{value}', expected true or false"):
        read(seen_writer=["true", value])


@pytest.mark.parametrize("number", [2.5, float("inf"), 2.0**60])
def test_a_name_that_is_no_whole_number_is_refused_with_its_row(read, number):
    with pytest.raises(LineDataError, match=r"row 1: writer is .*, expected text or a whole number"):
        read(writer=pa.array([1.0, number]))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([None, dt.date(1914, 8, 2)]),
        pa.array([None, 1_000_000_001], pa.timestamp("ns")),
        pa.array([None, ["a", "b"]]),
        pa.array([None, {"first": "a"}]),
        pa.array([None, 10**15], pa.time64("ns")),
    ],
    ids=lambda values: str(values.type),
)
@pytest.mark.parametrize("column", ["text", "writer", "id", "seen_writer"])
def test_a_column_of_another_kind_is_refused_with_its_row_and_type(read, column, values):
    with pytest.raises(LineDataError, match=rf"row 1: {column} is of type .*, expected text"):
        read(**{column: values})


def test_columns_that_are_not_read_may_hold_anything(read):
    found = read(when=pa.array([dt.date(1914, 8, 2)]), boxes=pa.array([[1, 2]]), raw=bad_utf8(1, at=0))
    assert [line.text for line in found] == ["x"]


def bad_utf8(count, *, at):
    return pa.array([b"\xff" if row == at else b"a" for row in range(count)]).cast(pa.binary()).view(pa.string())


@pytest.mark.parametrize("column", ["text", "writer"])
def test_bad_utf_8_is_refused_with_its_row_also_beyond_the_first_batch(read, column):
    with pytest.raises(LineDataError, match=rf"row 299: {column} is not UTF-8"):
        read(**{column: bad_utf8(300, at=299)})
    with pytest.raises(LineDataError, match=rf"row 299: {column} is not UTF-8"):
        read(**{column: bad_utf8(300, at=299).cast(pa.binary())})


@pytest.mark.parametrize("column", ["text", "image", "writer", "unused"])
def test_a_column_that_stands_twice_is_refused_by_name(tmp_path, column):
    arrays = {"image": [png()], "text": ["a"], "writer": ["w"], "unused": ["u"]}
    names = [*arrays, column]
    pq.write_table(pa.table([pa.array(arrays[name]) for name in names], names=names), tmp_path / "set.parquet")
    with pytest.raises(LineDataError, match=f"column '{column}' appears twice"):
        list(read_lines([tmp_path / "set.parquet"]))


BYTES = [png(0), None, png(200)]


@pytest.mark.parametrize(
    "images",
    [
        pa.array(BYTES),
        pa.array(BYTES, pa.large_binary()),
        pa.array(BYTES, pa.binary_view()),
        pa.array(BYTES).dictionary_encode(),
        pa.array([{"bytes": data, "path": None} for data in BYTES]),
        pa.array([{"path": "", "bytes": data, "more": 1} for data in BYTES]),
        pa.array([None if data is None else {"bytes": data} for data in BYTES]),
        pa.array(
            [{"bytes": data, "path": "a.png" if data else None} for data in BYTES],
            pa.struct({"bytes": pa.large_binary(), "path": pa.large_string()}),
        ),
    ],
    ids=lambda images: str(images.type),
)
def test_images_are_read_however_they_are_stored(read, images):
    first, second, third = read(image=images)
    assert (first.image, second.image, third.image) == (png(0), b"", png(200))
    np.testing.assert_array_equal(first.gray(), np.zeros((20, 40)))


@pytest.mark.parametrize(
    "images",
    [
        pa.array(["a.png"]),
        pa.array([[137, 80]]),
        pa.array([{"path": "a.png"}]),
        pa.array([{"bytes": "text", "path": "a.png"}]),
        pa.array([7]),
    ],
    ids=lambda images: str(images.type),
)
def test_an_image_column_without_encoded_images_is_refused_with_its_type(read, images):
    with pytest.raises(LineDataError, match=r"column image is of type .*, expected binary, or a struct of bytes"):
        read(image=images)


def test_a_path_in_any_encoding_is_only_a_path(read):
    images = pa.StructArray.from_arrays([pa.array([png(0)]), bad_utf8(1, at=0)], names=["bytes", "path"])
    (line,) = read(image=images)
    assert line.image == png(0)
