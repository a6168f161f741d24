"""Archives and arrays whose heads promise something else than they hold."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest

from inkport.core.arrays import parse_npy, read_npz
from inkport.core.reading import FREE_BYTES, RATIO, read_member, unpacked_fault


def zipped(members, how=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def opened(data) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(data))


def npy(array, **options) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(array), **options)
    return out.getvalue()


def head(text: str, values: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n" + values


def test_members_come_out_as_they_went_in():
    archive = opened(zipped({"a": b"12", "b": b""}))
    assert [read_member(archive, info) for info in archive.infolist()] == [b"12", b""]


def test_a_member_larger_than_announced_is_not_unpacked(monkeypatch):
    data = zipped({"a": bytes(50_000_000)})
    small = data.replace(struct.pack("<I", 50_000_000), struct.pack("<I", 10))
    archive, taken = opened(small), []
    unpack = zlib.decompressobj(-15)

    class Watched:
        eof, unconsumed_tail, unused_data = False, b"", b""

        def decompress(self, packed, most=0):
            found = unpack.decompress(packed, most)
            taken.append(len(found))
            return found

    monkeypatch.setattr("zipfile._get_decompressor", lambda _kind: Watched())
    with pytest.raises(zipfile.BadZipFile):
        read_member(archive, archive.infolist()[0])
    assert sum(taken) < 100_000


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_deflate_is_unpacked(how):
    archive = opened(zipped({"a": b"12"}, how))
    with pytest.raises(zipfile.BadZipFile, match="otherwise than by deflate"):
        read_member(archive, archive.infolist()[0])


def test_the_limit_grows_with_the_archive():
    info = zipfile.ZipInfo("a")
    for packed in (0, 1000):
        info.file_size = FREE_BYTES + RATIO * packed
        assert unpacked_fault([info], packed, most=10**12) is None
        assert "when unpacked, at most" in (unpacked_fault([info, info], packed, most=10**12) or "")
        assert "at most 7 are" in (unpacked_fault([info], packed, most=7) or "")


def test_arrays_come_out_as_they_went_in(tmp_path):
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(3, dtype=np.uint8)
    np.savez_compressed(tmp_path / "x.npz", a=a, b=b)
    found = read_npz(tmp_path / "x.npz", {"a": "<f4", "b": "|u1"})
    np.testing.assert_array_equal(found["a"], a)
    np.testing.assert_array_equal(found["b"], b)
    assert read_npz(tmp_path / "x.npz", {"b": "|u1"}).keys() == {"b"}


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (npy(np.zeros((2, 3), np.float64)), "<f8"),
        (npy(np.asfortranarray(np.zeros((2, 3), np.float32))), "Fortran order"),
        (npy(np.zeros(3, np.float32), version=(2, 0)), "version"),
        (npy(np.zeros(3, np.float32))[:-1], "with 11 bytes of values"),
        (npy(np.zeros(3, np.float32)) + b"x", "with 13 bytes of values"),
        (npy(np.array([{}], dtype=object)), r"\|O"),
        (head("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 1000000000000), }"), "with 0 bytes"),
        (head("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1000000000000), }"), "with 0 bytes"),
        (head("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1), }", bytes(4)), "with 4 bytes"),
        (head("(" * 5000), None),
        (head("{'descr': '''"), None),
        (head("{[]: 1}"), None),
        (b"", None),
        (b"\x93NUMPY\x01\x00\xff\xff{", None),
    ],
)
def test_arrays_that_are_refused_before_anything_is_allocated(data, fault):
    with pytest.raises(ValueError, match=fault):
        parse_npy(data, dtype="<f4")


def test_files_of_arrays_that_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("inkport.core.reading.FREE_BYTES", 10_000)
    path, good = tmp_path / "x.npz", npy(np.zeros(3, np.float32))
    for data, fault in (
        (zipped({"a.npy": good})[:-10], "not a zip"),
        (zipped({"b.npy": good}), "no array 'a'"),
        (zipped({"a.npy": good}, zipfile.ZIP_LZMA), "deflate"),
        (zipped({"a.npy": bytes(10**6)}), "1000000 bytes when unpacked"),
    ):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=fault):
            read_npz(path, {"a": "<f4"})
