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
from inkport.lines.tables import BATCH_ROWS, FREE_BYTES, open_table  # noqa: E402


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
