from __future__ import annotations

import os
import socket
import stat

import pytest

from inkport.core.documents import read_json, read_toml
from inkport.core.errors import DataError, ImageError, LineDataError, RecipeError
from inkport.core.image import load_gray
from inkport.core.reading import open_regular, read_bytes
from inkport.lines.datasets.layout import read_file


def test_a_file_is_read_up_to_the_limit(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", limit=5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_bytes(tmp_path / "a", limit=4)


def test_what_is_no_regular_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe, not a file: save to a file what comes out of it"):
        open_regular(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError, match="a folder, not a file"):
        open_regular(tmp_path)
    with pytest.raises(OSError, match="a device"):
        open_regular(tmp_path / "zero" if _link(tmp_path / "zero", "/dev/zero") else tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match=r"socket|No such device"):
            open_regular(tmp_path / "socket")
    with pytest.raises(OSError, match="no possible name of a file"):
        open_regular(tmp_path / "a\0b")
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


def _link(path, target) -> bool:
    path.symlink_to(target)
    return stat.S_ISCHR(path.stat().st_mode)


@pytest.mark.parametrize("target", ["pipe", "/dev/zero"])
def test_no_reader_waits_for_a_pipe_or_reads_a_device(tmp_path, target):
    path = tmp_path / "x"
    if target == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    for read, error in (
        (load_gray, ImageError),
        (read_json, DataError),
        (read_toml, RecipeError),
        (read_file, LineDataError),
    ):
        with pytest.raises(error, match=r"a pipe, not a file|a device"):
            read(path)
