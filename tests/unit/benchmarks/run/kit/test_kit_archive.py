"""Archives: equal bytes for equal content, and nothing harmful or damaged is read."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from inkport.benchmarks.run.kit import archive as module
from inkport.benchmarks.run.kit.archive import open_archive, write_archive
from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError


MEMBERS = {"a.json": b"{}", "lines/0000.png": bytes(range(256)) * 40, "empty": b""}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.zip"


def read(path):
    with open_archive(path, what="kit") as archive:
        return {name: archive.read(name, most=size) for name, size in archive.sizes.items()}


def test_it_holds_what_was_written_and_other_programs_can_read_it(path):
    write_archive(path, MEMBERS)
    assert read(path) == MEMBERS
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(MEMBERS)


def test_equal_content_gives_equal_bytes(path, tmp_path, monkeypatch):
    write_archive(path, MEMBERS)
    monkeypatch.setattr("time.localtime", lambda *_: pytest.fail("the time is in the archive"))
    write_archive(tmp_path / "again.zip", MEMBERS)
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()


NAMES = ["../evil", "/etc/evil", "a/../../evil", "a\\evil", "C:evil", "a//b", ".hidden", "a/./b", "a/", "", "é"]
NAMES.append("x" * 201)


@pytest.mark.parametrize("name", NAMES)
def test_names_that_leave_the_folder_are_neither_written_nor_read(name, path):
    with pytest.raises(ValueError, match="not a plain relative path"):
        write_archive(path, {name: b""})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"evil")
    with pytest.raises(ArtifactCorruptError, match="not a plain relative path"):
        read(path)


@pytest.mark.parametrize("second", ["twice", "TWICE"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_stands_twice_is_refused(second, path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("twice", b"1")
        archive.writestr(second, b"2")
    with pytest.raises(ArtifactCorruptError, match="appears twice"):
        read(path)


def test_a_bomb_is_refused_before_it_is_unpacked(path, monkeypatch):
    monkeypatch.setattr(module, "TOTAL_BYTES", 1 << 20)
    monkeypatch.setattr(module, "read_member", lambda *_: pytest.fail("it was unpacked"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "abc":
            archive.writestr(name, bytes(500_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(ArtifactCorruptError, match="1500000 bytes when unpacked"):
        read(path)


def test_a_small_archive_does_not_unpack_to_gigabytes(path, monkeypatch):
    monkeypatch.setattr(module, "read_member", lambda *_: pytest.fail("it was unpacked"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(80_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(ArtifactCorruptError, match=r"80000000 bytes when unpacked, at most 6[0-9]{7} are for"):
        read(path)


def test_a_bomb_that_lies_about_its_size_is_no_bigger_than_it_says(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(5_000_000))
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 10)))
    with pytest.raises(ArtifactCorruptError, match="not a whole zip archive"):
        read(path)


def test_too_many_members_are_refused(path, monkeypatch):
    monkeypatch.setattr(module, "MEMBERS", 2)
    write_archive(path, MEMBERS)
    with pytest.raises(ArtifactCorruptError, match="3 members"):
        read(path)


def test_other_packing_is_refused(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a", b"1")
    with pytest.raises(ArtifactCorruptError, match="packed otherwise"):
        read(path)


def test_an_encrypted_member_is_refused(path):
    write_archive(path, {"a": b"1"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactCorruptError, match="encrypted"):
        read(path)


def test_damage_anywhere_is_told_or_harmless(path, rng):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", rng.bytes(40))
        archive.writestr("b", b"text " * 4)
    whole = buffer.getvalue()
    path.write_bytes(whole)
    content = read(path)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            # A member that is lost is for the manifest to tell.
            assert set(read(path).values()) <= set(content.values())
        except ArtifactCorruptError:
            continue
    for length in range(0, len(whole), 9):
        path.write_bytes(whole[:length])
        with pytest.raises(ArtifactCorruptError):
            read(path)


def test_no_archive_at_all(path):
    with pytest.raises(ArtifactNotFoundError, match="no such file"):
        read(path)
    path.write_text("no zip")
    with pytest.raises(ArtifactCorruptError, match="not a whole zip archive"):
        read(path)
