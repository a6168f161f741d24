"""Parquet files as other programs write them: every type that a column of a line set might have, and odd values."""

from __future__ import annotations

import datetime as dt
import io
import math

from campaign.damage import Rng, pick
from campaign.pictures import seeds


COLUMNS = ("image", "text", "id", "dataset", "writer", "writer_or_document", "document", "seen_writer", "split", "x")
TEXTS = ("abc", "", "0", "e\u0301", "\0", "false", "a\nb", "\u202eabc", None)
ROWS = (0, 1, 3, 300)


def odd_parquet(_: bytes, rng: Rng) -> bytes:
    """Return a Parquet file; columns are missing, appear twice, or have one of many types."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = int(pick(rng, ROWS))
    names = [name for name in COLUMNS if name in {"image", "text"} or rng.random() < 0.4]
    if rng.random() < 0.1:
        names.remove(pick(rng, ("image", "text")))
    if rng.random() < 0.1:
        names.append(pick(rng, names))
    odd = int(rng.integers(len(names) + 1))
    columns = [_column(name, count, rng, odd=index == odd or rng.random() < 0.1) for index, name in enumerate(names)]
    table = pa.Table.from_arrays(columns, names=names)
    out = io.BytesIO()
    compression = pick(rng, ("none", "snappy", "gzip", "zstd", "lz4"))
    pq.write_table(
        table,
        out,
        compression=compression,
        row_group_size=int(pick(rng, (1, 2, 1000))),
        use_dictionary=bool(rng.random() < 0.5),
        version=pick(rng, ("1.0", "2.6")),
    )
    return out.getvalue()


def repeated_parquet(_: bytes, rng: Rng) -> bytes:
    """Return a small file whose rows repeat one long text: kilobytes that unpack to gigabytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 3000
    text = pa.array(["x" * int(rng.integers(1 << 20))])
    long = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), text)
    image = pa.array(
        [{"bytes": seeds_once()[1], "path": None}] * rows, pa.struct({"bytes": pa.binary(), "path": pa.string()})
    )
    out = io.BytesIO()
    pq.write_table(pa.table({"image": image, "text": long}), out, compression="zstd")
    return out.getvalue()


def _column(name: str, count: int, rng: Rng, *, odd: bool):
    import pyarrow as pa

    if name == "image" and not odd:
        made = [{"bytes": image, "path": "a.png"} for image in _images(count, rng)]
        return pa.array(made, pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    if name == "image" and rng.random() < 0.6:
        return _odd_image(count, rng)
    if name == "seen_writer" and not odd:
        return pa.array([bool(rng.integers(2)) for _ in range(count)])
    if not odd:
        return pa.array([pick(rng, TEXTS[:2]) for _ in range(count)], pa.string())
    return _odd_values(count, rng)


def _images(count: int, rng: Rng) -> list[bytes]:
    known = seeds_once()
    return [pick(rng, known) for _ in range(count)]


_known: list[bytes] = []


def seeds_once() -> list[bytes]:
    """Return the seeds of images, made once per process."""
    if not _known:
        _known.extend(seeds())
    return _known


def _odd_image(count: int, rng: Rng):
    import pyarrow as pa

    images = _images(count, rng)
    some = [image if rng.random() < 0.7 else None for image in images]
    ways = (
        lambda: pa.array(some, pick(rng, (pa.binary(), pa.large_binary()))),
        lambda: pa.array(some, pa.binary()).dictionary_encode(),
        lambda: pa.array([{"path": "a.png"}] * count, pa.struct({"path": pa.string()})),
        lambda: pa.array([{"bytes": image} for image in some], pa.struct({"bytes": pa.large_binary()})),
        lambda: pa.array([list(image[:9]) for image in images], pa.list_(pa.uint8())),
        lambda: pa.array([image[:8] for image in images], pa.binary(8)),
        lambda: pa.array([{"bytes": "a", "path": 3}] * count, pa.struct({"bytes": pa.string(), "path": pa.int64()})),
    )
    return pick(rng, ways)()


def _odd_values(count: int, rng: Rng):
    import pyarrow as pa

    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    choices = (
        ([0, 1, -1, 2**62], pa.int64()),
        ([0, 1, 255], pa.uint8()),
        ([0.0, math.nan, math.inf, 1e300], pa.float64()),
        ([0.0, math.nan], pa.float16()),
        ([True, False], pa.bool_()),
        (list(TEXTS), pa.string()),
        (list(TEXTS), pa.large_string()),
        (list(TEXTS), pa.string_view()),
        ([b"abc", b"\xff\xfe", b"\xed\xa0\x80"], pa.binary()),
        ([moment, None], pa.timestamp("us", tz="UTC")),
        ([2**62, -(2**62)], pa.timestamp("us")),
        ([0, 2**31 - 1, -(2**31)], pa.date32()),
        ([0, 10**15], pa.duration("s")),
        ([["a"], [], None], pa.list_(pa.string())),
        ([{"a": 1}, None], pa.struct({"a": pa.int64()})),
        ([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
        ([None], pa.null()),
    )
    values, kind = pick(rng, choices)
    array = pa.array([pick(rng, values) for _ in range(count)], kind)
    if kind == pa.binary() and rng.random() < 0.7:
        # Text that says it is UTF-8 and is not: some writers check nothing.
        return pa.Array.from_buffers(pa.string(), len(array), array.buffers(), array.null_count)
    return array.dictionary_encode() if rng.random() < 0.15 and kind in {pa.string(), pa.int64()} else array
