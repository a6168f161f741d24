"""Children end with their parent, however that ends, and live as long as it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inkport.core.children import run_tied, start_tied


only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parents")


def gone(pid):
    """Whether a process has ended, within a moment; one that only waits to be reaped has."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def parent(body, **environment):
    """Start a Python that runs the body, and return it with what it prints first."""
    code = f"import os, sys, time, threading\nfrom inkport.core.children import *\n{body}"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )
    return process, process.stdout.readline().strip()


@only_linux
def test_a_child_ends_with_a_parent_that_is_killed_and_not_with_the_thread_that_asked_for_it():
    process, pid = parent(
        "found = []\n"
        "thread = threading.Thread(target=lambda: found.append(start_tied(['sleep', '600'])))\n"
        "thread.start(); thread.join(); time.sleep(0.3)\n"
        "print(found[0].pid if found[0].poll() is None else 'dead', flush=True)\ntime.sleep(600)\n"
    )
    with process:
        assert pid.isdecimal()
        process.kill()
    assert gone(int(pid))


@only_linux
def test_a_child_ends_with_its_grandparent():
    inner = (
        "import time\nfrom inkport.core.children import start_tied\nchild = start_tied(['sleep', '600'])\n"
        "print(child.pid, flush=True)\ntime.sleep(600)"
    )
    process, pid = parent(
        f"import subprocess\nchild = start_tied([sys.executable, '-c', {inner!r}], stdout=subprocess.PIPE)\n"
        "print(child.stdout.readline().decode().strip(), flush=True)\ntime.sleep(600)\n"
    )
    with process:
        assert pid.isdecimal()
        process.kill()
    assert gone(int(pid))


@only_linux
def test_the_workers_of_a_pool_end_with_their_parent(tmp_path):
    (tmp_path / "pool.py").write_text(
        "import multiprocessing, os, time\nfrom concurrent.futures import ProcessPoolExecutor\n"
        "from inkport.core.children import tie_worker\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with ProcessPoolExecutor(1, context, initializer=tie_worker, initargs=(os.getpid(),)) as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, str(tmp_path / "pool.py")], stdout=subprocess.PIPE, text=True) as process:
        worker = int(process.stdout.readline())
        process.kill()
    assert gone(worker)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_as_an_exit_does(tmp_path, number):
    process, folder = parent(
        # Whoever runs the tests under nohup has told them to ignore one of the two.
        "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "from inkport.core.scratch import scratch\nend_cleanly_when_told()\n"
        "with scratch('test') as folder:\n    print(folder, flush=True)\n    time.sleep(600)\n",
        TMPDIR=str(tmp_path),
    )
    with process:
        assert Path(folder).parent == tmp_path
        process.send_signal(number)
        assert process.wait(timeout=20) == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_what_the_command_is_given_and_says_passes_through(tmp_path):
    code = (
        "import os, sys; print(os.getcwd(), os.environ.get('COLOUR'), sys.argv[1:]); sys.stderr.write('é'); sys.exit(7)"
    )
    done = run_tied([sys.executable, "-c", code, "a b", "-x"], timeout_s=60, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (7, "é")
    assert done.stdout == f"{tmp_path} None ['a b', '-x']\n"
    with start_tied(
        ["sh", "-c", 'printf "$PYTHONHOME"'], env={"PATH": os.environ["PATH"], "PYTHONHOME": "/no/such"}, stdout=-1
    ) as process:
        assert process.communicate()[0] == b"/no/such"


def test_a_command_that_takes_too_long_is_killed():
    with pytest.raises(subprocess.TimeoutExpired):
        run_tied(["sleep", "600"], timeout_s=0.2)


@pytest.mark.parametrize(("name", "error"), [("missing", FileNotFoundError), ("text", PermissionError)])
def test_what_is_no_program_is_an_error_that_names_it(tmp_path, name, error):
    (tmp_path / "text").write_text("no program")
    with pytest.raises(error) as caught:
        start_tied([str(tmp_path / name)])
    assert caught.value.filename == str(tmp_path / name)
