"""What killed runs left is removed, and what living ones use is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile

import pytest

from inkport.core import scratch as module
from inkport.core.scratch import TEMPORARY, Owned, scratch, sweep


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders are locked with flock")

HOLD = """
import sys
from pathlib import Path
from inkport.core.scratch import scratch_folder
folder = scratch_folder("test")
(folder.path / "file").write_text("in use")
print(folder.path, flush=True)
sys.stdin.readline()
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "_swept", set())
    return tmp_path


@pytest.fixture
def holder(temporary):
    """A process that has a temporary folder, and what it is called."""
    environment = os.environ | {"TMPDIR": str(temporary)}
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield process, process.stdout.readline().strip().rpartition("/")[2]
        process.kill()


def test_a_block_leaves_nothing(temporary):
    with pytest.raises(KeyError), scratch("test") as folder:
        (folder / "file").touch()
        assert folder.parent == temporary
        raise KeyError
    assert names(temporary) == []


def test_the_folder_of_a_killed_run_is_swept_by_the_next_and_not_before(temporary, holder):
    process, name = holder
    with scratch("test") as folder:
        assert names(temporary) == sorted([name, folder.name])
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert names(temporary) == [name]
    module._swept.clear()
    with scratch("test") as folder:
        assert names(temporary) == [folder.name]


def test_only_once_per_process_is_looked(temporary, holder):
    with scratch("test"):
        pass
    process, name = holder
    process.kill()
    process.wait()
    with scratch("test"):
        assert name in names(temporary)


def test_what_bears_another_name_or_is_no_folder_stays(temporary):
    (temporary / "inkport-run-test-abcdefgh.txt").mkdir()
    (temporary / "other-test-abcdefgh").mkdir()
    target = temporary / "target"
    target.mkdir()
    (target / "file").touch()
    (temporary / "inkport-run-test-abcdefgh").symlink_to(target)
    os.mkfifo(temporary / "inkport-run-test-abcdefgi")
    before = names(temporary)
    sweep(temporary, TEMPORARY)
    assert names(temporary) == before
    assert names(target) == ["file"]


def test_a_folder_that_was_given_up_is_swept(temporary):
    folder = Owned(temporary, "inkport-run-test-")
    folder.release()
    sweep(temporary, TEMPORARY)
    assert names(temporary) == []


def test_a_sweep_between_making_and_locking_costs_another_try(temporary, monkeypatch):
    lock, stolen = module._lock, []

    def late(path):
        if not stolen:
            stolen.append(path)
            path.rmdir()
            path.mkdir()
            found = lock(path)
            path.rmdir()
            return found
        return lock(path)

    monkeypatch.setattr(module, "_lock", late)
    folder = Owned(temporary, "inkport-run-test-")
    assert names(temporary) == [folder.path.name]
    assert folder.path not in stolen
    folder.remove()
    assert names(temporary) == []


def test_every_command_sweeps(temporary, holder):
    process, name = holder
    environment = os.environ | {"TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "inkport", "--version"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert names(temporary) == [name]
    process.kill()
    process.wait()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert names(temporary) == []
