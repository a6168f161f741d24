"""The part of ``inkport verify`` that proves a model on other machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.benchmarks.checks.devices.cool import Cooling
from inkport.benchmarks.checks.devices.kit import provide_kit
from inkport.benchmarks.checks.devices.report import report_devices
from inkport.benchmarks.checks.devices.run import name_devices, run_on
from inkport.benchmarks.checks.devices.steps import RUNNER, RemoteRequest
from inkport.benchmarks.checks.kit.make import KitRequest
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.run.options import VerifyOptions
from inkport.benchmarks.run.progress import Progress
from inkport.benchmarks.run.reference import Provide
from inkport.commands._options import Seconds
from inkport.core.artifact import Artifact
from inkport.core.errors import UsageError
from inkport.core.target import Target
from inkport.lines.audit import Audit
from inkport.lines.line import Line


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """What to do on other machines.

    Raises:
        UsageError: If a number is out of range, an option lacks the one that it belongs to, or a file is not there.
    """

    device: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = ()
    """Prove the targets on these machines instead of this one: [NAME=]ssh://[user@]host[:port][/folder] or
    [NAME=]adb://[serial][/folder]; reports call them by NAME."""
    device_runner: str = RUNNER
    """Command that runs a kit there; {kit}, {target}, {threads}, {out} and {files} are filled in, or appended."""
    device_files: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = ()
    """Files that the command needs there, such as the runner itself; {files} is the folder that they are put in."""
    device_lines: int = KitRequest.lines
    """Most lines that are read there, chosen so that they have the widths of all."""
    device_timeout: Seconds = RemoteRequest.timeout_s
    """Seconds that one target may run there."""
    cool_below: float | None = None
    """Wait before each run until the machine's sensors are below this many degrees Celsius."""
    cool_timeout: Seconds = Cooling.timeout_s
    """Seconds to wait for that."""
    cool_zones: str = Cooling.zones
    """Sensors that count for it: patterns of names, separated by commas."""

    def __post_init__(self) -> None:
        if self.device_lines < 1 or self.device_timeout < 1:
            raise UsageError(
                f"--device-lines {self.device_lines} --device-timeout {self.device_timeout:g}: both must be at least 1"
            )
        if lost := [file for file in self.device_files if not file.is_file()]:
            raise UsageError(f"--device-files {lost[0]}: no such file")
        given = [f.name for f in fields(self) if f.name != "device" and getattr(self, f.name) != f.default]
        if given and not self.device:
            raise UsageError(f"--{given[0].replace('_', '-')} is for devices", remedy="name one with --device")

    @property
    def cooling(self) -> Cooling | None:
        """How cool a device must be."""
        if self.cool_below is None:
            return None
        return Cooling(below_c=self.cool_below, timeout_s=self.cool_timeout, zones=self.cool_zones)


HERE = DeviceOptions()
"""No other machine."""


def kit_request(
    options: DeviceOptions, model: Artifact, targets: Sequence[Target], audit: Audit, provide: Provide
) -> KitRequest:
    """Return what a kit for these devices is made of."""
    lines = options.device_lines
    golden = min(lines, KitRequest.golden)
    return KitRequest(model=model, targets=targets, audit=audit, provide=provide, lines=lines, golden=golden)


def verify_on_devices(
    options: DeviceOptions,
    made: KitRequest,
    *,
    sources: Sequence[str],
    settings: VerifyOptions,
    out: Path,
    progress: Progress,
) -> tuple[Report, tuple[Line, ...]]:
    """Make a kit, run it on each device, and report.

    Args:
        options: Which devices, and how.
        made: What the kit is made of.
        sources: Names of the line sets.
        settings: Settings of the run.
        out: Folder of the run.
        progress: Called with messages about the progress.

    Returns:
        The report, and the lines that it is about.

    Raises:
        UsageError: If an address is none, or fits several devices.
        InkportError: If the kit cannot be made.
    """
    devices, cooling = name_devices(options.device), options.cooling
    kit = provide_kit(made, out / "kit", progress=progress)
    request = RemoteRequest(
        kit=kit,
        runner=options.device_runner,
        files=options.device_files,
        threads=settings.threads,
        timeout_s=options.device_timeout,
        cooling=cooling,
    )
    found = [run_on(device, request, made.targets, out=out, progress=progress) for device in devices]
    return report_devices(found, kit=kit, made=made, sources=sources, options=settings), kit.lines
