"""Child processes that do not outlive this one, however it ends."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from types import FrameType
from typing import Any

from inkport.core.errors import Ended
from inkport.core.launcher import end_with_parent


LAUNCHER = Path(__file__).with_name("launcher.py")
"""What stands before a command on Linux."""
SIGNALLED = 128
"""What is added to a signal's number to make an exit code, as shells do."""

Process = subprocess.Popen[bytes]
"""A started program."""


def launcher() -> list[str]:
    """Return what to put before the starting process's id and a command; empty where the system has no such thing."""
    # Isolated, because variables that are meant for the command must not reach the launcher: PYTHONHOME among them.
    return [sys.executable, "-I", "-S", str(LAUNCHER)] if sys.platform == "linux" else []


def start_tied(command: Sequence[str], *, env: Mapping[str, str] | None = None, **settings: Any) -> Process:
    """Start a program that, on Linux, the system kills when this process ends.

    Args:
        command: Program and arguments.
        env: Its variables; this process's own if None.
        settings: What else ``subprocess.Popen`` takes.

    Raises:
        OSError: If there is no such program.
    """
    before = launcher()
    if not before:
        return subprocess.Popen(command, env=env, **settings)
    # Behind the launcher, the system would only tell that there is a Python.
    if shutil.which(command[0], path=(env or os.environ).get("PATH")) is None:
        code = errno.EACCES if Path(command[0]).exists() else errno.ENOENT
        raise OSError(code, os.strerror(code), command[0])
    return _spawner.start([*before, str(os.getpid()), *command], env=env, **settings)


def kill_group(process: Process) -> bool:
    """Kill what is left of the child and its group; return whether anything was."""
    if sys.platform == "win32":
        process.kill()
        return False
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        return False
    return True


def run_tied(command: Sequence[str], *, timeout_s: float, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program that does not outlive this process, and return its code and what it printed.

    Args:
        command: Program and arguments.
        timeout_s: When it is killed, in seconds.
        cwd: Its working directory; this process's own if None.

    Raises:
        OSError: If there is no such program.
        TimeoutExpired: If it did not end in time.
    """
    with start_tied(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        except BaseException:
            process.kill()
            raise
    text = [said.decode("utf-8", errors="replace") for said in (out, err)]
    return subprocess.CompletedProcess(command, process.returncode, *text)


def tie_worker(parent: int) -> None:
    """Have this process end with its parent; for the workers of a pool, which its parent's main thread starts.

    Args:
        parent: The parent's process id.
    """
    if sys.platform == "linux":
        end_with_parent(parent)


def name_signal(number: int) -> str:
    """Return a signal's number with its name; of the one that the system sends where memory runs out, it says so."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return str(number)
    return f"{number} ({name}{', as where the machine runs out of memory' if name == 'SIGKILL' else ''})"


def end_cleanly_when_told() -> None:
    """Have SIGTERM and SIGHUP end this process as an exit does: children are ended, temporary folders removed.

    A signal that is ignored already (``nohup``) stays so, and a second one ends the process at once.
    """
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    del frame
    signal.signal(number, signal.SIG_DFL)
    raise Ended(SIGNALLED + number)


class _Spawner:
    """A thread that lives as long as the process: a child is killed when the *thread* that started it ends."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._orders: SimpleQueue[tuple[Future[Process], tuple[Any, ...], dict[str, Any]]] | None = None

    def start(self, *arguments: Any, **settings: Any) -> Process:
        with self._lock:
            if self._orders is None:
                self._orders = SimpleQueue()
                Thread(target=self._serve, args=(self._orders,), name="inkport-spawner", daemon=True).start()
        started: Future[Process] = Future()
        self._orders.put((started, arguments, settings))
        return started.result()

    @staticmethod
    def _serve(orders: SimpleQueue[tuple[Future[Process], tuple[Any, ...], dict[str, Any]]]) -> None:
        while True:
            started, arguments, settings = orders.get()
            try:
                started.set_result(subprocess.Popen(*arguments, **settings))
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                started.set_exception(error)


_spawner = _Spawner()

if hasattr(os, "register_at_fork"):
    # A fork has the lock and the queue, but not the thread.
    os.register_at_fork(after_in_child=_spawner.__init__)  # type: ignore[misc]
