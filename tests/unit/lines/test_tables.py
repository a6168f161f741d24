"""Parquet files that unpack to more than they should: refused before memory is taken."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest


pa = pytest.importorskip("pyarrow", reason="reads Parquet")
import pyarrow.parquet as pq  # noqa: E402

from inkport.core.errors import LineDataError  # noqa: E402
from inkport.lines.tables import BATCH_ROWS, FREE_BYTES, ThriftReader, group_sizes, open_table  # noqa: E402  # noqa: E402


def table(images, texts):
    return pa.table({"image": pa.array([{"bytes": image, "path": None} for image in images]), "text": texts})


def rows(path, columns=None):
    with open_table(path) as opened:
        return [row for batch in opened.batches(columns) for row in batch.to_pylist()]


@pytest.fixture
def usual(tmp_path):
    path = tmp_path / "usual.parquet"
    images, texts = [os.urandom(100) for _ in range(600)], [f"text {i}" for i in range(600)]
    pq.write_table(table(images, texts), path, row_group_size=400)
    return path


def test_all_rows_come_in_order(usual):
    assert rows(usual) == pq.read_table(usual).to_pylist()
    assert rows(usual, ["text"])[599] == {"text": "text 599"}
    with open_table(usual) as opened:
        assert opened.names == ["image", "text"]
        assert max(batch.num_rows for batch in opened.batches()) == BATCH_ROWS


@pytest.fixture(params=["image", "text"])
def bomb(request, tmp_path):
    """256 rows of 28 MB in a kilobyte: the value stands once, in the column's dictionary."""
    value, index = bytes(28 << 20), pa.array([0] * 256, type=pa.int32())
    repeated = {"image": value, "text": value.decode()}
    columns = {name: pa.DictionaryArray.from_arrays(index, pa.array([one])) for name, one in repeated.items()}
    short = {"image": pa.array([b"x"] * 256), "text": pa.array(["x"] * 256)}
    image = columns["image"] if request.param == "image" else short["image"]
    text = columns["text"] if request.param == "text" else short["text"]
    path = tmp_path / "bomb.parquet"
    pq.write_table(
        pa.table({"image": pa.StructArray.from_arrays([image], ["bytes"]), "text": text}),
        path,
        compression="zstd",
        dictionary_pagesize_limit=1 << 30,
        write_statistics=False,
        store_schema=False,
    )
    assert path.stat().st_size < 3000
    return path


MEASURE = """
import resource, sys
from pathlib import Path
import pyarrow.parquet
from inkport.core.errors import LineDataError
from inkport.lines.tables import group_sizes  # noqa: E402
from inkport.lines.tables import open_table
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    with open_table(Path(sys.argv[1])) as table:
        for batch in table.batches():
            pass
except LineDataError as error:
    print(error.message.rpartition("/")[2])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_kilobyte_does_not_become_gigabytes(bomb):
    done = subprocess.run([sys.executable, "-c", MEASURE, bomb], capture_output=True, text=True, check=True)
    says, mib = done.stdout.splitlines()
    assert says.startswith(f"bomb.parquet: unpacks to more than {FREE_BYTES + 100 * bomb.stat().st_size} bytes")
    assert int(mib) < 400


def varint(number: int, length: int = 1) -> bytes:
    """A positive number as Thrift writes it, on at least ``length`` bytes."""
    number, found = 2 * number, []
    while number > 127 or len(found) < length - 1:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def test_a_summary_that_says_less_is_not_believed(bomb):
    summary = pq.ParquetFile(bomb).metadata.row_group(0)
    data = bomb.read_bytes()
    for size in (summary.total_byte_size, *(summary.column(i).total_uncompressed_size for i in range(2))):
        written = varint(size)
        data = data.replace(written, varint(1, len(written)))
    bomb.write_bytes(data)
    assert pq.ParquetFile(bomb).metadata.row_group(0).total_byte_size == 1
    with pytest.raises(LineDataError, match="unpacks to more than"):
        rows(bomb)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "none", "data_page_version": "2.0"},
        {"compression": "gzip", "use_dictionary": False, "data_page_size": 500},
        {"compression": "zstd", "use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
        {"row_group_size": 7, "write_page_index": True, "write_page_checksum": True},
    ],
)
def test_pages_come_to_what_the_summary_of_an_honest_file_says(tmp_path, options):
    path = tmp_path / "a.parquet"
    pq.write_table(table([os.urandom(300) for _ in range(50)], [f"text {i % 7}" for i in range(50)]), path, **options)
    metadata = pq.ParquetFile(path).metadata
    with path.open("rb") as file:
        found = list(group_sizes(file))
    assert [group.rows for group in found] == [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    for index, group in enumerate(found):
        # The summary counts the heads of the pages, too.
        assert 0 <= metadata.row_group(index).total_byte_size - group.unpacked < 2500
    repeats = options.get("use_dictionary", True) or "column_encoding" in options
    assert all((group.repeatable > 0) == repeats for group in found)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x19", b"\x1c" * 100, b"\x15" + b"\xff" * 20, b"\x19\xfc" + b"\xff" * 4 + b"\x0f", b"\x1d\0", b"\x18\x7f"],
)
def test_heads_that_are_no_thrift(data):
    with pytest.raises((IndexError, ValueError)):
        ThriftReader(data).struct()


def test_rows_without_bytes_are_refused(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"image": pa.nulls(10**6, pa.binary()), "text": pa.nulls(10**6, pa.string())}), path)
    with pytest.raises(LineDataError, match=r"1000000 rows in .* bytes"):
        rows(path)


def test_what_is_no_parquet_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.parquet")
    with pytest.raises(LineDataError, match="a pipe, not a file"):
        rows(tmp_path / "pipe.parquet")
    (tmp_path / "x.parquet").write_bytes(b"PAR1" * 10)
    with pytest.raises(LineDataError, match="not a readable Parquet file"):
        rows(tmp_path / "x.parquet")


def test_nothing_but_our_error_comes_of_damage(usual, tmp_path):
    generator, data, path = np.random.default_rng(20), usual.read_bytes(), tmp_path / "damaged.parquet"
    footer, refused = len(data) - 900, 0
    for _ in range(200):
        damaged = bytearray(data)
        for _ in range(generator.choice([1, 4])):
            damaged[generator.integers(footer, len(data))] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            with open_table(path) as opened:
                for _batch in opened.batches():
                    pass
        except LineDataError:
            refused += 1
    assert refused > 50
