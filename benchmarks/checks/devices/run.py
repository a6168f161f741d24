"""Every device in turn, every target on it; what fails on one ends in its rows, and the next goes on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inkport.benchmarks.checks.devices.state import StateFile
from inkport.benchmarks.checks.devices.steps import RemoteRequest, RunFailedError, Steps
from inkport.benchmarks.checks.kit.check import check_kit
from inkport.benchmarks.run.device_record import DeviceRun
from inkport.benchmarks.run.environment import without_folders
from inkport.benchmarks.run.kit.result import open_result
from inkport.benchmarks.run.outcome import Outcome
from inkport.benchmarks.run.progress import Progress
from inkport.benchmarks.run.record import TargetRecord, sentence_of
from inkport.core.config import to_plain
from inkport.core.errors import DeviceTimeoutError, DeviceUnavailableError, InkportError, UsageError
from inkport.core.target import Target
from inkport.runtimes.devices.address import Address, parse_address
from inkport.runtimes.devices.describe import Description
from inkport.runtimes.devices.open import open_device


@dataclass(frozen=True, kw_only=True)
class NamedDevice:
    """A device, as the user named it."""

    name: str
    """What reports and folders call it."""
    address: Address
    """Where it is."""


@dataclass(frozen=True, kw_only=True)
class DeviceRuns:
    """Everything that came of one device."""

    device: NamedDevice
    """The device."""
    description: Description | None
    """What it is; absent if it was not reached."""
    records: tuple[TargetRecord, ...]
    """One entry per target, in their order."""
    runs: tuple[DeviceRun, ...]
    """The runs that came to an end, in the same order."""
    finished: bool
    """Whether every run came to its end; if not, the next call goes on where this one stopped."""


def name_devices(texts: Sequence[str]) -> tuple[NamedDevice, ...]:
    """Read ``[NAME=]ADDRESS`` each; a device without a name is called after its scheme and its place.

    Raises:
        UsageError: If an address is none, or a name is impossible or appears twice.
    """
    devices = []
    for place, text in enumerate(texts, start=1):
        name, mark, rest = text.partition("=")
        named = bool(mark) and "://" not in name
        address = parse_address(rest if named else text)
        devices.append(NamedDevice(name=name if named else f"{address.scheme}-{place}", address=address))
    names = [device.name for device in devices]
    if wrong := [name for name in names if not re.fullmatch(r"\w[\w.-]*", name) or names.count(name) > 1]:
        raise UsageError(
            f"--device: {wrong[0]!r} is not a name, or appears twice",
            remedy="names are of letters, digits, '_', '.' and '-': --device pi=ssh://...",
        )
    return tuple(devices)


def run_on(
    device: NamedDevice, request: RemoteRequest, targets: Sequence[Target], *, out: Path, progress: Progress
) -> DeviceRuns:
    """Take every target as far as it comes on one device.

    Args:
        device: The device.
        request: What is to be done on it.
        targets: The targets of the kit.
        out: Folder of the whole run; the device's state and results lie in a folder of its own there.
        progress: Called with messages about the progress.

    Raises:
        UsageError: If the address fits several devices.
    """
    folder = out / f"device-{device.name}"
    state = StateFile(folder / "state.json", _key(request, device))
    names = {target.name: f"{target.name} on {device.name}" for target in targets}
    records = [replace(TargetRecord.of(t), name=names[t.name], machine=device.name) for t in targets]
    ran: list[DeviceRun | None] = []
    try:
        opened = open_device(device.address, name=device.name)
        steps = Steps(device=opened, request=request, state=state, folder=folder, progress=progress)
        steps.prepare()
    except UsageError:
        raise
    except InkportError as error:
        records = [_failed(record, _outcome(error), error, device) for record in records]
        finished = False
    else:
        both = [_run(target.name, record, steps, device) for target, record in zip(targets, records, strict=True)]
        records, ran = [record for record, _ in both], [run for _, run in both]
        finished = all(r.parity or t.name not in state.state.runs for t, r in zip(targets, records, strict=True))
    description = state.state.description
    if finished:
        state.finish()
    runs = tuple(run for run in ran if run)
    return DeviceRuns(device=device, description=description, records=tuple(records), runs=runs, finished=finished)


def _run(target: str, record: TargetRecord, steps: Steps, device: NamedDevice) -> tuple[TargetRecord, DeviceRun | None]:
    try:
        result = steps.result(target)
    except InkportError as error:
        return _failed(record, _outcome(error), error, device), None
    try:
        check = check_kit(steps.request.kit, open_result(result))
    except InkportError as error:
        # A run that answers another kit, or whose result is damaged, must not be taken up again.
        steps.state.forget(target)
        return _failed(record, Outcome.RUN_FAILED, error, device), None
    state, found = steps.state.run(target), check.record(record)
    if state.before is None or state.after is None:
        return found, None
    return found, DeviceRun(
        target=record.name,
        runner=check.runner,
        environment=check.environment,
        waited_s=round(state.waited_s, 1),
        before=state.before,
        after=state.after,
        stages=check.stages,
        times=check.times,
    )


def _failed(record: TargetRecord, outcome: Outcome, error: InkportError, device: NamedDevice) -> TargetRecord:
    return replace(record, outcome=outcome, reason=_reason(error, device))


def _key(request: RemoteRequest, device: NamedDevice) -> str:
    """Return the digest of what a state belongs to; the kit's digest stands for model, targets and lines."""
    asked = [request.kit.digest, to_plain(device.address), request.runner, request.threads, to_plain(request.cooling)]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _outcome(error: InkportError) -> Outcome:
    if isinstance(error, RunFailedError):
        return error.outcome
    # A connection that hangs is one that is not there.
    return Outcome.UNAVAILABLE if isinstance(error, DeviceUnavailableError | DeviceTimeoutError) else Outcome.RUN_FAILED


def _reason(error: InkportError, device: NamedDevice) -> str:
    """Return the error's sentence and its fix, without folders, and without the machine's own name."""
    text = sentence_of(error)
    if device.address.host:
        text = re.sub(rf"(?:[\w.-]+@)?{re.escape(device.address.host)}(?![\w-])", device.name, text)
    return " ".join(without_folders(text).split()) + "."
