"""Children that behave and children that do not: each ends in the right error, in time, and leaves nothing behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from inkport.core.child import Child, ChildSession, open_child
from inkport.core.errors import (
    ArtifactCorruptError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UsageError,
)
from inkport.core.runtime import Session, SessionOptions
from inkport.core.self_timed import SelfTimed


def images(n=2, width=8):
    return np.arange(n * 64 * width, dtype=np.float32).reshape(n, 1, 64, width)


def gone(pid):
    """Whether a process has ended, within a moment; one that only waits to be reaped has."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z" and Path(f"/proc/{pid}/stat").read_text().split()[3] != str(os.getpid()):
            return True
        time.sleep(0.05)
    return False


def test_a_session_maps_images_to_logits_and_knows_its_own_time(start):
    session = start()
    assert isinstance(session, Session)
    assert isinstance(session, SelfTimed)
    assert session.last_run_ns is None
    for n in (2, 1):
        found = session.run(images(n))
        np.testing.assert_array_equal(found, 2 * images(n)[:, 0].transpose(0, 2, 1))
        assert (found.dtype, session.last_run_ns) == (np.float32, 17)
    session.close()
    session.close()


def test_the_child_is_told_what_to_open_and_how(start, artifact):
    changes = """
    def run(request):
        refuse(request, "failed", json.dumps(opened))
    HANDLERS["run"] = run
    """
    session = start(changes, colour="blue")
    with pytest.raises(RuntimeExecutionError) as raised:
        session.run(images())
    opened = raised.value.message
    for part in (
        f'"model": "{artifact.path}/model.onnx"',
        '"threads": 2',
        '"device": "cpu"',
        '"options": {"colour": "blue"}',
        '"input": "images"',
        '"output": "logits"',
    ):
        assert part in opened
    session.close()


def test_after_an_error_that_the_child_answers_it_still_runs(start):
    changes = """
    good = run
    def run(request):
        if request["input"]["shape"][0] > 1:
            return refuse(request, "failed", "too many lines")
        good(request)
    HANDLERS["run"] = run
    """
    session = start(changes)
    with pytest.raises(RuntimeExecutionError, match=r"^stand-in: too many lines$"):
        session.run(images(2))
    assert session.run(images(1)).shape == (1, 8, 64)
    session.close()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("unavailable", RuntimeUnavailableError),
        ("model", ArtifactCorruptError),
        ("usage", UsageError),
        ("failed", RuntimeExecutionError),
        ("a kind of its own", RuntimeExecutionError),
    ],
)
def test_errors_keep_their_kind(start, kind, error):
    with pytest.raises(error, match="stand-in: no such thing") as raised:
        start(f'HANDLERS["open"] = lambda request: refuse(request, {kind!r}, "no such thing")')
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("def run(request): sys.exit('out of paper')", "ended with exit code 1.*\n.*out of paper"),
        ("def run(request): os.kill(os.getpid(), 11)", "ended by signal 11"),
        ("def run(request): time.sleep(60)", r"did not answer 'run' within 4\.5 s"),
        ("def run(request): print('Loading...', flush=True)", r"wrote 'Loading\.\.\.\\n' on stdout instead"),
        ("def run(request): print('[' * 100000, flush=True)", r"wrote '\[\[\["),
        ("def run(request): print('3', flush=True)", r"wrote '3\\n' on stdout instead"),
        ("def run(request): sys.stdout.write('x' * 3_000_000); sys.stdout.flush()", "wrote 'xxx"),
        ("def run(request): answer(request, id=99)", "answered request 99, but request 3 was asked"),
        ("def run(request): print('{\"id\": 3, \"ok\": tr', end='', flush=True); sys.exit()", "instead of an answer"),
        ("def run(request): answer(request, ok=False)", "an error that has no message"),
        ("def run(request): os.close(1); time.sleep(60)", "closed its stdout"),
    ],
)
def test_a_child_at_fault_is_ended_and_its_fault_named(start, changes, message):
    session = start(f"{changes}\nHANDLERS['run'] = run", timeout_s="4.5" if "4\\.5" in message else "20")
    process = session.child._process
    began = time.monotonic()
    with pytest.raises(RuntimeExecutionError, match=message):
        session.run(images())
    assert time.monotonic() - began < 10
    assert process.returncode is not None
    with pytest.raises(RuntimeExecutionError, match="has ended"):
        session.run(images())
    session.close()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("shape=[2, 8, 64], run_ns=17", "wrote no bytes, float32 of shape .* has 4096"),
        ("shape=[2, 8, 64.0], run_ns=17", "shape .*expected a list of lengths"),
        ("shape=[2, 8, -64], run_ns=17", "expected a list of lengths"),
        ("shape='2x8', run_ns=17", "expected a list of lengths"),
        ("shape=[0]", "run_ns None"),
        ("shape=[0], run_ns=True", "run_ns True"),
        ("ok=False, error={'kind': ['failed'], 'message': 'no paper'}", "no paper"),
    ],
)
def test_an_answer_without_a_tensor_is_refused(start, answer, message):
    session = start(f"HANDLERS['run'] = lambda request: answer(request, {answer})")
    with pytest.raises(RuntimeExecutionError, match=message):
        session.run(images())
    session.close()


def test_the_tensor_of_an_earlier_run_is_not_taken_for_a_new_one(start):
    changes = """
    runs = [run, lambda request: answer(request, shape=[2, 8, 64], run_ns=17)]
    HANDLERS["run"] = lambda request: runs.pop(0)(request)
    """
    session = start(changes)
    session.run(images())
    with pytest.raises(RuntimeExecutionError, match="wrote no bytes"):
        session.run(images())
    session.close()


def test_a_child_that_speaks_without_being_asked_is_ended(start):
    changes = """
    good = run
    def run(request):
        good(request)
        print("by the way", flush=True)
        open(os.environ["TMPDIR"] + "/said", "w").close()
    HANDLERS["run"] = run
    """
    session = start(changes)
    session.run(images())
    while not (session.child.folder / "said").exists() or session.child._answers.empty():
        time.sleep(0.01)
    with pytest.raises(RuntimeExecutionError, match=r"'by the way.*without being asked"):
        session.run(images())


def test_a_child_that_floods_its_stdout_fills_no_memory(start):
    changes = """
    def run(request):
        while True:
            print("spam" * 1000)
    HANDLERS["run"] = run
    """
    session = start(changes)
    with pytest.raises(RuntimeExecutionError, match="wrote 'spam"):
        session.run(images())


def test_a_child_that_died_between_two_runs_is_noticed(start):
    session = start()
    os.kill(session.child._process.pid, signal.SIGKILL)
    with pytest.raises(RuntimeExecutionError, match="ended by signal 9"):
        session.run(images())


@pytest.mark.usefixtures("temporary")
def test_a_child_that_does_not_read_is_not_waited_for(command):
    child = Child(
        command(loop="print(json.dumps({'id': 1, 'ok': True}), flush=True)\ntime.sleep(60)"), label="deaf", timeout_s=20
    )
    child.ask("hello")
    with pytest.raises(RuntimeExecutionError, match="does not read its requests"):
        child.ask("open", model="x" * 1_000_000)


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize(
    ("program", "message"),
    [
        (["/no/such/program"], "No such file"),
        ([sys.executable, "-c", "raise SystemExit('no licence')"], "exit code 1.*\n.*no licence"),
        ([sys.executable, "-c", "print('Welcome!')"], "wrote 'Welcome!"),
    ],
)
def test_a_child_that_does_not_start_is_unavailable(artifact, program, message):
    with pytest.raises(RuntimeUnavailableError, match=message):
        open_child(
            program,
            artifact,
            model=artifact.file(".onnx"),
            device="cpu",
            options=SessionOptions(),
            label="stand-in",
        )


def test_another_version_of_the_protocol_is_refused(start):
    with pytest.raises(RuntimeUnavailableError, match="speaks protocol 2, this inkport 1"):
        start("HANDLERS['hello'] = lambda request: answer(request, protocol=2)")


def test_fewer_threads_than_asked_for_are_no_success(start):
    with pytest.raises(RuntimeExecutionError, match="computes with 1 threads, 2 were asked for"):
        start("HANDLERS['open'] = lambda request: answer(request, threads=1)")


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf", ""])
def test_an_impossible_timeout_is_refused(start, text):
    with pytest.raises(UsageError, match="timeout_s must be a number of seconds above 0"):
        start(timeout_s=text)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("fault", ["time.sleep(60)", "sys.exit(3)", "good(request)"])
def test_what_the_child_has_started_ends_with_it(start, tmp_path, fault):
    noted = tmp_path / "pid"
    changes = f"""
    import subprocess
    good = run
    def run(request):
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open({str(noted)!r}, "w").write(str(helper.pid))
        {fault}
    HANDLERS["run"] = run
    """
    session = start(changes, timeout_s="2")
    if "good" in fault:
        session.run(images())
    else:
        with pytest.raises(RuntimeExecutionError):
            session.run(images())
    session.close()
    assert gone(int(noted.read_text()))


def test_a_child_that_does_not_close_is_killed(start, monkeypatch):
    monkeypatch.setattr("inkport.core.child.CLOSE_S", 0.5)
    session = start("HANDLERS['close'] = lambda request: time.sleep(60)")
    began = time.monotonic()
    session.close()
    assert time.monotonic() - began < 5
    assert session.child._process.returncode == -signal.SIGKILL


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_session_that_nobody_closes_ends_with_its_last_reference(start):
    session = start()
    pid = session.child._process.pid
    del session
    gc.collect()
    assert gone(pid)


def test_what_the_child_leaves_in_its_temporary_folder_is_removed(start, temporary):
    changes = """
    import tempfile
    tempfile.mkdtemp()
    """
    session = start(changes)
    (folder,) = temporary.iterdir()
    assert [path for path in folder.iterdir() if path.is_dir()]
    session.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_a_child_ends_when_its_parent_is_killed(command, tmp_path):
    code = (
        "import sys, time\nfrom inkport.core.child import Child\n"
        "child = Child(sys.argv[1:], label='orphan', timeout_s=20)\nchild.ask('hello')\n"
        "print(child._process.pid, child.folder, flush=True)\ntime.sleep(60)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", code, *command()], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        pid = int(parent.stdout.readline().split()[0])
        parent.kill()
    assert gone(pid)


@pytest.mark.usefixtures("temporary")
def test_a_child_session_wraps_a_child_that_the_caller_has_opened(command):
    child = Child(command(), label="stand-in", timeout_s=20)
    session = ChildSession(child, {})
    assert session.run(images()).shape == (2, 8, 64)
    session.close()
    assert not child.alive
