"""Sessions whose engine runs in a child process, spoken to as docs/child-protocol.md says."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import SIDECAR, Artifact
from inkport.core.children import Process, kill_group, name_signal, start_tied
from inkport.core.errors import (
    ArtifactCorruptError,
    InkportError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UnsupportedFormatError,
    UsageError,
)
from inkport.core.runtime import SessionOptions
from inkport.core.scratch import Owned, scratch_folder
from inkport.core.tensor_files import is_shape, read_tensor, write_tensor
from inkport.core.texts import parse_texts


PROTOCOL = 1
"""Version of the protocol that this module speaks."""
TIMEOUT_S = 120.0
"""How long a child may take for one answer unless the option ``timeout_s`` says otherwise."""
CLOSE_S = 5.0
"""How long it may take to close before it is killed."""
ANSWER_BYTES = 1 << 20
"""Longest answer: one line of JSON without tensors."""
STDERR_LINES = 5
"""How many of its last lines on stderr an error shows."""
TIMEOUT_OPTION = "timeout_s"
"""The option that every adapter of a child process knows."""

KINDS: Mapping[str, type[InkportError]] = {
    "unavailable": RuntimeUnavailableError,
    "model": ArtifactCorruptError,
    "format": UnsupportedFormatError,
    "usage": UsageError,
    "failed": RuntimeExecutionError,
}
"""Error classes by the kind that a child names."""

Answer = dict[str, Any]
"""One parsed answer."""


class Child:
    """A process that answers each request; at the first fault it is ended with everything that it has started.

    Args:
        command: Program and arguments.
        label: Names the child in errors.
        timeout_s: How long one answer may take, in seconds.
        environment: Variables on top of this process's own.

    Raises:
        RuntimeUnavailableError: If the program cannot be started.
    """

    def __init__(
        self, command: Sequence[str], *, label: str, timeout_s: float, environment: Mapping[str, str] | None = None
    ) -> None:
        self.label, self._timeout_s, self._last_id = label, timeout_s, 0
        scratch = scratch_folder("child")
        self.folder = scratch.path
        # Whatever the child leaves in its temporary folder goes when ours does.
        variables = {**os.environ, **(environment or {}), "TMPDIR": str(self.folder)}
        try:
            with self._stderr.open("wb") as stderr:
                self._process = start_tied(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=variables,
                    start_new_session=True,
                )
        except OSError as error:
            scratch.remove()
            raise RuntimeUnavailableError(
                f"{label} does not start: {command[0]}: {error.strerror}", remedy="install it, or name another"
            ) from error
        assert self._process.stdin is not None  # noqa: S101 - Popen was asked for pipes
        assert self._process.stdout is not None  # noqa: S101
        if sys.platform != "win32":
            # A child that reads no requests must not make us wait for it.
            os.set_blocking(self._process.stdin.fileno(), False)
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        reader = Thread(target=_read_answers, args=(self._process.stdout, self._answers), daemon=True)
        reader.start()
        self._end = weakref.finalize(self, _end, self._process, reader, scratch)

    @property
    def alive(self) -> bool:
        """Whether it still takes requests."""
        return self._end.alive

    def ask(self, operation: str, **fields: Any) -> Answer:
        """Send one request and wait for its answer.

        Args:
            operation: The operation's name.
            fields: Its other fields.

        Raises:
            RuntimeExecutionError: If the child was closed, or dies, does not answer in time, or writes anything
                but the answer; it is then ended.
            InkportError: The error that the child answers with; it stays as it was.
        """
        if not self.alive:
            raise RuntimeExecutionError(f"{self.label}: the child process has ended")
        if not self._answers.empty():
            line = self._answers.get()
            raise self._broken(f"wrote {_shorten(line)} without being asked" if line else self._ending())
        self._last_id += 1
        self._send({"id": self._last_id, "op": operation, **fields})
        answer = self._receive(operation)
        if answer["ok"]:
            return answer
        error = answer.get("error")
        if not isinstance(error, dict) or not isinstance(error.get("message"), str):
            raise self._broken(f"answered {operation} with an error that has no message: {answer}")
        kind, remedy = KINDS.get(str(error.get("kind")), RuntimeExecutionError), error.get("remedy")
        raised = kind(f"{self.label}: {error['message']}", remedy=remedy if isinstance(remedy, str) else "")
        if isinstance(trace := error.get("traceback"), str):
            raised.add_note(trace)
        raise raised

    def close(self) -> InkportError | None:
        """Ask it to close, end it if it does not, and remove its files; calling it twice is fine.

        Returns:
            What was wrong with how it closed, if anything was; it is ended whatever it says.
        """
        if not self.alive:
            return None
        self._timeout_s = min(self._timeout_s, CLOSE_S)
        try:
            self.ask("close")
        except InkportError as error:
            return error
        finally:
            self._end()
        return None

    @property
    def _stderr(self) -> Path:
        return self.folder / "stderr.txt"

    def _send(self, request: Mapping[str, Any]) -> None:
        line = json.dumps(request).encode() + b"\n"
        assert self._process.stdin is not None  # noqa: S101 - Popen was asked for a pipe
        try:
            written = os.write(self._process.stdin.fileno(), line)
        except BlockingIOError:
            written = 0
        except OSError:
            raise self._broken(self._ending()) from None
        if written < len(line):
            raise self._broken("does not read its requests")

    def _receive(self, operation: str) -> Answer:
        try:
            line = self._answers.get(timeout=self._timeout_s)
        except Empty:
            raise self._broken(f"did not answer {operation!r} within {self._timeout_s:g} s") from None
        if not line:
            raise self._broken(self._ending())
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
            raise self._broken(f"wrote {_shorten(line)} on stdout instead of an answer to {operation!r}")
        if answer.get("id") != self._last_id:
            raise self._broken(f"answered request {answer.get('id')!r}, but request {self._last_id} was asked")
        return answer

    def _ending(self) -> str:
        """Say how it ended; called once its stdout is closed."""
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "closed its stdout"
        return f"was ended by signal {name_signal(-code)}" if code < 0 else f"ended with exit code {code}"

    def _broken(self, fault: str) -> RuntimeExecutionError:
        lines = self._stderr.read_text(encoding="utf-8", errors="replace").splitlines()[-STDERR_LINES:]
        said = "; its last lines on stderr:\n" + "\n".join(f"  {line[:300]}" for line in lines) if lines else ""
        self._end()
        return RuntimeExecutionError(f"{self.label}: the child process {fault}{said}")


class ChildSession:
    """A recogniser in a child process.

    Args:
        child: The process, in which a model is open; closed with the session.
        hello: How it greeted.
        opened: How it answered to ``open``, if the model was opened here.
    """

    def __init__(self, child: Child, hello: Answer, opened: Answer | None = None) -> None:
        self.child, self.hello, self.opened = child, hello, opened or {}
        self.run_fields: Answer = {}
        self._last_run_ns: int | None = None

    @property
    def open_ns(self) -> int | None:
        """How long it took to open the model, in nanoseconds, as the child measured it; None if it does not say."""
        found = self.opened.get("open_ns")
        return found if type(found) is int and found >= 0 else None

    @property
    def last_run_ns(self) -> int | None:
        """Time of the last inference in nanoseconds, as the child measured it."""
        return self._last_run_ns

    def run(self, images: npt.NDArray[Any]) -> Any:
        """Map prepared images float32 (n, 1, h, w) to logits float32 (n, t, k), or images to texts if it decodes.

        Raises:
            RuntimeExecutionError: If the child fails, or answers with something else than a tensor or texts, and a
                time.
        """
        target = self.child.folder / "output.f32"
        if self.child.alive:
            target.unlink(missing_ok=True)
        answer = self.child.ask("run", input=self.lay_down(images), output=str(target), **self.run_fields)
        shape, elapsed = answer.get("shape"), answer.get("run_ns")
        if type(elapsed) is not int or elapsed < 0 or not (is_shape(shape) or "texts" in answer):
            raise RuntimeExecutionError(
                f"{self.child.label}: answered 'run' with shape {shape!r} and run_ns {elapsed!r}, "
                "expected a list of lengths and a number of nanoseconds"
            )
        self._last_run_ns = elapsed
        if "texts" in answer:
            return parse_texts(answer["texts"], label=self.child.label)
        return read_tensor(target, shape, label=self.child.label)

    def lay_down(self, images: npt.NDArray[Any]) -> Answer:
        """Write images where the child reads them, and return what it is told about them.

        Raises:
            RuntimeExecutionError: If they are not float32, and the child does not say that it takes others.
        """
        told: Answer = {"file": str(self.child.folder / "input.f32"), "shape": list(images.shape)}
        if images.dtype != np.float32:
            told["dtype"], taken = str(images.dtype), self.hello.get("dtypes")
            if not isinstance(taken, list) or told["dtype"] not in taken:
                raise RuntimeExecutionError(f"{self.child.label}: takes float32 only, found {images.dtype}")
        if self.child.alive:
            write_tensor(Path(told["file"]), images)
        return told

    def close(self) -> None:
        """End the child; calling it twice is fine."""
        self.child.close()


def open_child(
    command: Sequence[str],
    artifact: Artifact,
    *,
    model: Path,
    device: str,
    options: SessionOptions,
    label: str,
    timeout_s: float = TIMEOUT_S,
    environment: Mapping[str, str] | None = None,
) -> ChildSession:
    """Start a child and have it open a model.

    Args:
        command: Program and arguments.
        artifact: What the model belongs to; names its input and output.
        model: The file, or folder of files, that the child opens.
        device: In the child's own words.
        options: Its threads, and ``extra``, of which ``timeout_s`` is used here and the others are handed on.
        label: Names the child in errors.
        timeout_s: How long one answer may take unless ``options`` say otherwise.
        environment: Variables on top of this process's own.

    Raises:
        UsageError: If ``timeout_s`` is not a positive number, or the child refuses an option.
        RuntimeUnavailableError: If the child does not start, speaks another version of the protocol, or says so.
        ArtifactCorruptError: If the child says that it cannot load the model.
        RuntimeExecutionError: If it dies, hangs or breaks the protocol while opening, or computes with other
            than the threads asked for.
    """
    extra = dict(options.extra)
    child = Child(
        command,
        label=label,
        timeout_s=parse_timeout(extra.pop(TIMEOUT_OPTION, str(timeout_s))),
        environment=environment,
    )
    try:
        hello = _greet(child)
        opened = child.ask(
            "open",
            model=str(model.resolve()),
            recogniser=str((artifact.path / SIDECAR).resolve()),
            device=device,
            threads=options.threads,
            options=extra,
            input=artifact.spec.input.name,
            output=artifact.spec.output.name,
        )
        if opened.get("threads") != options.threads:
            raise RuntimeExecutionError(
                f"{label}: computes with {opened.get('threads')} threads, {options.threads} were asked for"
            )
    except BaseException:
        child.close()
        raise
    return ChildSession(child, hello, opened)


def _greet(child: Child) -> Answer:
    try:
        hello = child.ask("hello", protocol=PROTOCOL)
    except RuntimeExecutionError as error:
        raise RuntimeUnavailableError(error.message, remedy="run its program by hand to see what it lacks") from error
    if hello.get("protocol") != PROTOCOL:
        raise RuntimeUnavailableError(
            f"{child.label}: the child process speaks protocol {hello.get('protocol')!r}, this inkport {PROTOCOL}",
            remedy="bring both to the same version",
        )
    return hello


def parse_timeout(text: str) -> float:
    """Return the seconds that the option ``timeout_s`` says.

    Raises:
        UsageError: If it is no number above 0.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(f"{TIMEOUT_OPTION} must be a number of seconds above 0, found {text!r}")
    return seconds


def _shorten(line: bytes) -> str:
    return repr(line[:80].decode("utf-8", errors="replace"))


def _read_answers(stdout: IO[bytes], answers: SimpleQueue[bytes]) -> None:
    # Few at a time, so that a child that floods its stdout fills no memory; each is refused when it is looked at.
    line = b"-"
    while line and answers.qsize() < 8:
        line = stdout.readline(ANSWER_BYTES)
        answers.put(line)


def _end(process: Process, reader: Thread, folder: Owned) -> None:
    """Kill the child and all of its group, reap it, and remove its folder."""
    kill_group(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=CLOSE_S)
    reader.join(timeout=CLOSE_S)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not reader.is_alive():
            pipe.close()
    # What was killed a moment ago may still be writing, and in a container its end may never be acknowledged.
    for _ in range(20):
        folder.remove()
        if not kill_group(process) and not folder.path.exists():
            return
        time.sleep(0.05)
