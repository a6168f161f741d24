"""Every device in turn, every target on it; what fails on one ends in its rows, and the next goes on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inkport import __version__
from inkport.benchmarks.checks.devices.state import StateFile
from inkport.benchmarks.checks.devices.steps import DevicePlan, RunFailedError, Steps
from inkport.benchmarks.checks.kit.check import judge_result, kit_reference
from inkport.benchmarks.checks.kit.make import make_kit
from inkport.benchmarks.measure.parity import per_line
from inkport.benchmarks.report.envelope import Report, Together
from inkport.benchmarks.run.device_record import DeviceReport, DeviceRun, KitRun
from inkport.benchmarks.run.environment import read_environment, without_folders
from inkport.benchmarks.run.kit.open import Kit, open_kit, open_result
from inkport.benchmarks.run.progress import Progress
from inkport.benchmarks.run.record import ArtifactInfo, Outcome, TargetRecord, sentence_of
from inkport.benchmarks.run.request import ReferenceInfo, Request, describe_data, describe_model
from inkport.core.config import to_plain
from inkport.core.documents import read_json
from inkport.core.errors import DeviceTimeoutError, DeviceUnavailableError, InkportError, UsageError
from inkport.core.files import write_atomically
from inkport.core.target import Target
from inkport.lines.line import digest_lines
from inkport.runtimes.devices.describe import Description
from inkport.runtimes.devices.device import Address, parse_address
from inkport.runtimes.devices.transport import open_device


def provide_kit(request: Request, folder: Path, *, progress: Progress) -> Kit:
    """Return the kit in ``folder``, made if there is none, or one of something else, or a damaged one.

    Args:
        request: What is to go in, with ``KitOptions``.
        folder: Folder of the kit.
        progress: Called with messages about the progress.

    Raises:
        InkportError: What making it raises.
    """
    path, sidecar = folder / "kit.zip", folder / "kit.json"
    asked = (request.model.digest, to_plain(request.targets), digest_lines(request.audit.lines))
    key = _digest(__version__, *asked, request.options.lines, request.options.golden)
    try:
        known = read_json(sidecar)
        kit = open_kit(path)
        if known == {"request": key, "kit": kit.digest}:
            return kit
    except (OSError, InkportError):
        pass
    kit = make_kit(request, path, progress=progress)
    write_atomically(sidecar, json.dumps({"request": key, "kit": kit.digest}) + "\n")
    return kit


def _digest(*asked: object) -> str:
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


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
        UsageError: If an address is none, or a name is not valid or appears twice.
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
            f"--device: {wrong[0]!r} is not a valid name, or appears twice",
            remedy="names are made of letters, digits, '_', '.' and '-': --device pi=ssh://...",
        )
    return tuple(devices)


def verify_on(devices: Sequence[NamedDevice], plan: DevicePlan, request: Request, *, progress: Progress) -> Report:
    """Verify every target on each device, as ``verify`` does here: a kit's runner reads in place of a session.

    Args:
        devices: The devices, one after the other.
        plan: What is to be done on each.
        request: What was asked for; the state and the results of a device lie in a folder of its own in ``out``.
        progress: Called with messages about the progress.

    Raises:
        UsageError: If an address fits several devices.
    """
    kit, options = plan.kit, request.options
    found = [run_on(device, plan, request, progress=progress) for device in devices]
    return Report(
        model=describe_model(request.model),
        data=describe_data(replace(request.audit, lines=list(kit.compared_lines)), request.sources, request.model),
        reference=_reference(kit, request),
        options=options,
        # The threads compute on the devices, whatever processors this machine has.
        environment=replace(read_environment(threads=options.threads), processors=None),
        targets=tuple(record for runs in found for record in runs.records),
        sections=(
            Together(
                per_line=per_line(kit.compared_lines, kit_reference(kit)),
                devices=tuple(_device(runs) for runs in found),
            ),
        ),
    )


def run_on(device: NamedDevice, plan: DevicePlan, request: Request, *, progress: Progress) -> DeviceRuns:
    """Take every target as far as it comes on one device.

    Raises:
        UsageError: If the address fits several devices.
    """
    folder = (request.out or Path()) / f"device-{device.name}"
    # The kit's digest stands for model, targets and lines.
    asked = (plan.kit.digest, to_plain(device.address), plan.runner, plan.threads, to_plain(plan.cooling))
    state = StateFile(folder / "state.json", _digest(*asked))
    records = [
        replace(
            TargetRecord.of(target),
            name=f"{target.name} on {device.name}",
            machine=device.name,
            artifact=ArtifactInfo.of(request.provide(target)),
        )
        for target in request.targets
    ]
    ran: list[DeviceRun | None] = []
    try:
        opened = open_device(device.address, name=device.name)
        steps = Steps(device=opened, plan=plan, state=state, folder=folder, progress=progress)
        steps.prepare()
    except UsageError:
        raise
    except InkportError as error:
        records = [_failed(record, _outcome(error), error, device) for record in records]
        finished = False
    else:
        pairs = list(zip(request.targets, records, strict=True))
        both = [_run(target.name, record, steps, device) for target, record in pairs]
        records, ran = [record for record, _ in both], [run for _, run in both]
        finished = all(
            r.parity or t.name not in state.state.runs for t, r in zip(request.targets, records, strict=True)
        )
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
        found = judge_result(steps.plan.kit, open_result(result), record)
    except InkportError as error:
        # A run that answers another kit, or whose result is damaged, must not be taken up again.
        steps.state.forget(target)
        return _failed(record, Outcome.RUN_FAILED, error, device), None
    state = steps.state.run(target)
    if state.before is None or state.after is None:
        return found, None
    waited = round(state.waited_s, 1)
    run = vars(found.section(KitRun))
    return found, DeviceRun(**run, target=found.name, waited_s=waited, before=state.before, after=state.after)


def _failed(record: TargetRecord, outcome: Outcome, error: InkportError, device: NamedDevice) -> TargetRecord:
    return replace(record, outcome=outcome, reason=_reason(error, device))


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


def _reference(kit: Kit, request: Request) -> ReferenceInfo:
    known = kit.manifest.reference
    artifact = request.provide(Target(name="reference", runtime=known.runtime, precision=known.precision))
    return ReferenceInfo(
        runtime=known.runtime,
        runtime_version=known.version,
        device="cpu",
        precision=known.precision,
        note=without_folders(known.note),
        artifact=ArtifactInfo.of(artifact),
    )


def _device(runs: DeviceRuns) -> DeviceReport:
    return DeviceReport(
        name=runs.device.name,
        connection=runs.device.address.scheme,
        description=runs.description,
        runs=runs.runs,
    )
