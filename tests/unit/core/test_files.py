"""Writing leaves the old content or the new, and no litter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from inkport.core import files, scratch
from inkport.core.files import new_directory, new_file, printable, sha256_file, write_atomically


class Stop(BaseException):
    """Stands for an interrupt."""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("data", ["é\n", b"\x00\xff"])
def test_written_content_is_exact_and_alone(tmp_path, data):
    path = tmp_path / "new" / "file"
    write_atomically(path, data)
    assert path.read_bytes() == (data.encode() if isinstance(data, str) else data)
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, broken):
    path = tmp_path / "file"
    path.write_text("old")

    def stop(*_):
        raise Stop

    monkeypatch.setattr(os, broken, stop)
    with pytest.raises(Stop):
        write_atomically(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("existing", [True, False])
def test_a_file_appears_only_when_its_block_ends(tmp_path, existing):
    path = tmp_path / "new" / "file"
    if existing:
        write_atomically(path, "old")
    with pytest.raises(Stop), new_file(path) as draft:
        draft.write_text("half")
        raise Stop
    assert (path.read_text() if existing else names(path.parent)) == ("old" if existing else [])
    with new_file(path) as draft:
        draft.write_text("new")
        assert path.exists() == existing
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("existing", [True, False])
def test_a_folder_appears_only_when_its_block_ends(tmp_path, existing):
    path = tmp_path / "folder"
    if existing:
        path.mkdir()
        (path / "old").touch()
    with new_directory(path) as draft:
        (draft / "new").touch()
        assert path.exists() == existing
    assert names(path) == ["new"]
    assert names(tmp_path) == ["folder"]


def test_a_block_that_fails_leaves_the_old_folder_and_no_litter(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(Stop), new_directory(path) as draft:
        (draft / "new").touch()
        raise Stop
    assert names(path) == ["old"]
    assert names(tmp_path) == ["folder"]


def test_a_swap_that_fails_half_way_puts_the_old_folder_back(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    rename = os.replace
    calls = []

    def fail_at_the_third(source, target, **options):
        # The place is taken, the old folder is put aside, and then this.
        calls.append(target)
        if len(calls) == 3:
            raise OSError("disk gone")
        return rename(source, target, **options)

    monkeypatch.setattr(files, "exchange", lambda *_: False)
    monkeypatch.setattr(os, "replace", fail_at_the_third)
    with pytest.raises(OSError, match="disk gone"), new_directory(path) as draft:
        (draft / "new").touch()
    assert len(calls) == 4
    assert names(path) == ["old"]
    assert names(tmp_path) == ["folder"]


def test_a_kill_inside_the_block_leaves_the_old_folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom inkport.core.files import new_directory\n"
        "with new_directory(Path(sys.argv[1])) as draft:\n"
        "    (draft / 'new').touch()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert names(path) == ["old"]
    # What it left is removed with the next new folder.
    assert len(names(tmp_path)) == 2
    scratch._swept.clear()
    write_atomically(tmp_path / "other", "")
    assert names(tmp_path) == ["folder", "other"]


@pytest.mark.parametrize("swaps", [True, False])
@pytest.mark.parametrize("existing", ["nothing", "folder", "file"])
def test_two_that_publish_at_once_both_end_well_and_nobody_sees_half_a_folder(tmp_path, monkeypatch, swaps, existing):
    if not swaps:
        monkeypatch.setattr(files, "exchange", lambda *_: False)
    path = tmp_path / "folder"
    if existing == "folder":
        path.mkdir()
        (path / "old").touch()
    elif existing == "file":
        path.touch()
    seen, ended = set(), threading.Event()

    def publish(name):
        for number in range(60):
            with new_directory(path) as draft:
                for part in "ab":
                    (draft / f"{name}-{number}-{part}").touch()

    def look():
        while not ended.is_set():
            with suppress(FileNotFoundError, NotADirectoryError):
                folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    seen.add(frozenset(os.listdir(folder)))  # noqa: PTH208 - by its descriptor: it may move
                finally:
                    os.close(folder)

    reader = threading.Thread(target=look)
    reader.start()
    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(publish, name) for name in "xyz"]
    ended.set()
    reader.join()
    assert [future.exception() for future in done] == [None] * 3
    assert names(tmp_path) == ["folder"]
    assert len({name[:-2] for name in names(path)}) == 1
    assert len(names(path)) == 2
    # A folder that is being removed may be seen with less in it, never with a mixture.
    assert all(len({name[:-2] for name in found}) <= 1 for found in seen)


def test_processes_that_publish_at_once_both_end_well(tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom inkport.core.files import new_directory\n"
        "sys.stdin.readline()\n"
        "for number in range(100):\n"
        "    with new_directory(Path(sys.argv[1])) as draft:\n"
        "        (draft / sys.argv[2]).write_text(str(number))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "folder")]
    running = [subprocess.Popen([*command, name], stdin=subprocess.PIPE, text=True) for name in ("one", "two")]
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate()
    assert [process.returncode for process in running] == [0, 0]
    assert names(tmp_path) == ["folder"]
    (name,) = names(tmp_path / "folder")
    assert (tmp_path / "folder" / name).read_text() == "99"


def test_sha256_of_a_known_file(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert sha256_file(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


LIMITED = """
import resource, sys
from pathlib import Path
from inkport.core.files import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_atomically(Path(sys.argv[1]), b"x" * 2000)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_that_is_full_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False)
    assert "OSError: [Errno 27]" in done.stderr
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_file_name_that_is_no_utf8_reaches_every_report(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    assert printable(name) == "caf\\xe9"
    assert printable("café 🖋") == "café 🖋"
    write_atomically(tmp_path / "report.json", f'["{name}"]')
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == [name]
