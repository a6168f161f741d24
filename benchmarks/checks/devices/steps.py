"""The steps on one device: push the kit, then per target cool, run, fetch; each is done once, killed or not."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inkport.benchmarks.checks.devices.cool import Cooling, wait_until_cool
from inkport.benchmarks.checks.devices.state import RunState, StateFile
from inkport.benchmarks.run.kit.open import Kit
from inkport.benchmarks.run.outcome import Outcome
from inkport.benchmarks.run.progress import Progress
from inkport.core.errors import DeviceError, DeviceTimeoutError, DeviceUnavailableError
from inkport.core.exits import EXIT_UNAVAILABLE
from inkport.core.files import sha256_file
from inkport.runtimes.devices.describe import describe
from inkport.runtimes.devices.device import Device, check, last_lines, quote
from inkport.runtimes.devices.files import pull, push
from inkport.runtimes.devices.job import Look, Stage, end_job, look_at_job, start_job
from inkport.runtimes.devices.sensors import read_sensors


RUNNER = "inkport kit run"
"""What runs a kit on a device unless another command is named."""
ARGUMENTS = "{kit} --target {target} --threads {threads} --out {out}"
"""What is added to a command that has none of these places itself."""
LOST_LOOKS = 3
"""How many looks at a running job may fail in a row: the job goes on without the connection."""
LOST_S = 5.0
"""Seconds before the next look after a failed one."""
GRACE_S = 120.0
"""How much longer than its limit a job may seem to run before it is ended from here."""
NOT_FOUND = (126, 127)
"""Exit codes of a shell that cannot start a program, or does not find it."""


class RunFailedError(DeviceError):
    """A run on a device came to its end, and to no result.

    Args:
        message: What happened.
        remedy: What to do about it.
        outcome: What becomes of the target.
    """

    def __init__(self, message: str, *, remedy: str = "", outcome: Outcome = Outcome.RUN_FAILED) -> None:
        super().__init__(message, remedy=remedy)
        self.outcome = outcome


@dataclass(frozen=True, kw_only=True)
class RemoteRequest:
    """What is to be done on a device."""

    kit: Kit
    """What is to be run."""
    runner: str = RUNNER
    """A shell command of the device; ``{kit}``, ``{target}``, ``{threads}``, ``{out}``, ``{files}`` are filled in."""
    files: Sequence[Path] = ()
    """Files that the command needs there; ``{files}`` is their folder."""
    threads: int = 1
    """Threads of the computation."""
    timeout_s: float = 3600.0
    """How long one target may run."""
    cooling: Cooling | None = None
    """How cool the device must be before each run."""

    @property
    def remote_kit(self) -> str:
        """Name of the kit on the device."""
        return f"kit-{self.kit.digest[:16]}.zip"

    def command(self, target: str) -> str:
        """Return the shell command that runs a target, in a job's folder beside the kit."""
        places = {
            "kit": f"../{self.remote_kit}",
            "target": target,
            "threads": str(self.threads),
            "out": "result.zip",
            "files": "../files",
        }
        own = re.findall(r"\{(kit|target|threads|out)\}", self.runner)
        text = self.runner if own else f"{self.runner} {ARGUMENTS}"
        return re.sub(r"\{(kit|target|threads|out|files)\}", lambda place: quote(places[place[1]]), text)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """One device, and where its state and results are kept."""

    device: Device
    """The device."""
    request: RemoteRequest
    """What is to be done on it."""
    state: StateFile
    """What has been done."""
    folder: Path
    """Folder of the results here."""
    progress: Progress
    """Called with messages about the progress."""
    sleep: Callable[[float], None] = time.sleep
    """Waits that many seconds."""
    clock: Callable[[], float] = time.monotonic
    """Seconds that only grow."""

    def prepare(self) -> None:
        """Find out what the device is, and bring the kit and the files to it, as far as it lacks them.

        Raises:
            DeviceUnavailableError: If it cannot be reached.
            DeviceError: If it refuses.
        """
        if self.state.state.description is None:
            self.progress(f"{self.device.name}: asking what it is")
            self.state.describe(describe(self.device))
        self.progress(f"{self.device.name}: pushing the kit")
        push(self.device, self.request.kit.path, self._there(self.request.remote_kit))
        for file in self.request.files:
            remote = self._there(f"files/{file.name}")
            self.progress(f"{self.device.name}: pushing {file.name}")
            if push(self.device, file, remote) and file.stat().st_mode & 0o100:
                check(self.device, self.device.run(f"chmod +x {quote(remote)}"), f"making {remote} executable")

    def result(self, target: str) -> Path:
        """Return the result of a target, running it first if it is not here yet.

        Raises:
            RunFailedError: If the run itself fails or takes too long; it begins again next time.
            DeviceUnavailableError: If the connection is lost, or the device stays hot; next time goes on from here.
            DeviceError: If the device refuses something else; likewise.
        """
        names = [known.name for known in self.request.kit.manifest.targets]
        local = self.folder / f"result-{names.index(target)}.zip"
        run = self.state.run(target)
        if run.result_sha256 and local.is_file() and sha256_file(local) == run.result_sha256:
            return local
        job = run.job or f"run-{secrets.token_hex(4)}"
        if run.job is None:
            self.state.update(target, job=job)
        folder = self._there(job)
        look = look_at_job(self.device, folder, patience_s=0)
        if look.stage is Stage.ABSENT:
            self._start(target, folder)
            look = Look(stage=Stage.RUNNING)
        self._await(target, folder, look)
        if self.state.run(target).after is None:
            self.state.update(target, after=read_sensors(self.device))
        self.progress(f"{self.device.name}: {target}: fetching the result")
        pull(self.device, f"{folder}/result.zip", local)
        self.state.update(target, result_sha256=sha256_file(local))
        self.device.run(f"rm -rf {quote(folder)}")
        return local

    def _there(self, name: str) -> str:
        return f"{self.device.folder}/{name}"

    def _start(self, target: str, folder: str) -> RunState:
        """Wait until the device is cool, read its sensors, and start the job."""
        if self.request.cooling:
            waited, before = wait_until_cool(
                self.device, self.request.cooling, progress=self.progress, clock=self.clock, sleep=self.sleep
            )
        else:
            waited, before = 0.0, read_sensors(self.device)
        run = self.state.update(target, waited_s=waited, before=before, after=None)
        self.progress(f"{self.device.name}: {target}: starting")
        start_job(self.device, folder, self.request.command(target), limit_s=self.request.timeout_s)
        return run

    def _await(self, target: str, folder: str, look: Look) -> None:
        """Wait for the end of a job, and see that it is a good one."""
        start, limit_s = self.clock(), self.request.timeout_s + GRACE_S
        while look.stage is Stage.RUNNING:
            elapsed = self.clock() - start
            if elapsed > limit_s:
                end_job(self.device, folder)
                look = Look(stage=Stage.EXPIRED)
                break
            self.progress(f"{self.device.name}: {target}: running, {elapsed:.0f} s")
            look = self._look(folder)
        if look.stage is Stage.ENDED and look.code == 0:
            return
        self.state.forget(target)
        raise self._failure(target, folder, look)

    def _look(self, folder: str) -> Look:
        for _ in range(LOST_LOOKS - 1):
            try:
                return look_at_job(self.device, folder)
            except (DeviceUnavailableError, DeviceTimeoutError):
                self.progress(f"{self.device.name}: no connection, trying again")
                self.sleep(LOST_S)
        return look_at_job(self.device, folder)

    def _failure(self, target: str, folder: str, look: Look) -> RunFailedError:
        where = f"{self.device.name}: {target}"
        if look.stage is Stage.EXPIRED:
            return RunFailedError(
                f"{where}: did not end within {self.request.timeout_s:g} s and was ended",
                remedy="allow more with --device-timeout, or fewer lines with --device-lines",
            )
        if look.stage is not Stage.ENDED:
            return RunFailedError(
                f"{where}: neither runs nor has it ended: the device restarted, or its system ended it",
                remedy="run again; keep a phone awake and plugged in",
            )
        said = last_lines(self.device.run(f"cd {quote(folder)} && cat out.txt err.txt | tail -n 20").out)
        self.device.run(f"rm -rf {quote(folder)}")
        missing = look.code in NOT_FOUND
        return RunFailedError(
            f"{where}: the runner {'does not start there' if missing else 'failed'} (exit code {look.code}){said}",
            remedy="install inkport on the device, or name what runs a kit there with --device-runner"
            if missing
            else "",
            outcome=Outcome.UNAVAILABLE if missing or look.code == EXIT_UNAVAILABLE else Outcome.RUN_FAILED,
        )
