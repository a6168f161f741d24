"""Where a result cannot be written is found out before there is one, and finding out leaves no trace."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from inkport.core.errors import UsageError
from inkport.core.writable import require_artifact, require_file, require_folder


def tree(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("name", [".", "new", "new/newer/newest", "there", "there/new", "link"])
def test_what_can_be_written_passes_and_is_not_made(tmp_path, name):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    before = tree(tmp_path)
    require_folder(tmp_path / name)
    require_artifact(tmp_path / name / "deeper")
    require_file(tmp_path / name / "file.json")
    assert tree(tmp_path) == before


def test_names_that_lead_nowhere_are_refused(tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    for name, words in {
        "file": "not a folder",
        "file/below/it": "not a folder",
        "dangling": "leads nowhere",
        "dangling/below": "leads nowhere",
        "loop": "cannot be written to",
        "n" * 300: "File name too long",
        "nul\0byte": "null byte",
    }.items():
        with pytest.raises(UsageError, match=words):
            require_folder(tmp_path / name)
        with pytest.raises(UsageError, match=words):
            require_file(tmp_path / name / "x")
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("path", ["/dev/null", "/dev/stdout", "/proc/self/mem"])
def test_a_device_is_never_replaced(path):
    if not Path(path).exists():
        pytest.skip(f"there is no {path}")
    with pytest.raises(UsageError, match="cannot be written"):
        require_file(Path(path))
    with pytest.raises(UsageError, match="cannot be written to"):
        require_folder(Path(path) / "x")


def test_a_folder_is_no_file_and_a_pipe_neither(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="it is a folder"):
        require_file(tmp_path)
    with pytest.raises(UsageError, match="not a regular file"):
        require_file(tmp_path / "pipe")


def test_a_folder_of_something_else_is_no_place_for_an_artefact(tmp_path):
    (tmp_path / "thesis.tex").write_text("kept")
    with pytest.raises(UsageError, match="would be replaced"):
        require_artifact(tmp_path)
    assert tree(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_what_permission_bits_do_not_tell_is_tried(tmp_path, monkeypatch, number):
    def refuse(**_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(UsageError, match=os.strerror(number)) as caught:
        require_folder(tmp_path / "new")
    assert str(tmp_path / "new") in str(caught.value)
    assert caught.value.remedy
