"""The part of ``inkport verify`` that proves a model on other machines."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.run.progress import Progress
from inkport.benchmarks.run.request import Request
from inkport.commands._options import Seconds
from inkport.core.errors import UsageError
from inkport.lines.line import Line


if TYPE_CHECKING:
    # Loaded where a device is used: a verification here does without.
    from inkport.benchmarks.checks.devices.steps import Cooling


RUNNER = "inkport kit run"
"""What runs a kit on a device unless another command is named."""
LINES = 64
"""Most lines of a kit."""
TIMEOUT_S = 3600.0
"""Seconds that one target may run on a device."""
COOL_TIMEOUT_S = 600.0
"""Seconds to wait for a device to cool."""
COOL_ZONES = "*"
"""Sensors that count for it."""


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
    device_lines: int = LINES
    """Most lines that are read there, chosen so that they have the widths of all."""
    device_timeout: Seconds = TIMEOUT_S
    """Seconds that one target may run there."""
    cool_below: float | None = None
    """Wait before each run until the machine's sensors are below this many degrees Celsius."""
    cool_timeout: Seconds = COOL_TIMEOUT_S
    """Seconds to wait for that."""
    cool_zones: str = COOL_ZONES
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
        from inkport.benchmarks.checks.devices.steps import Cooling

        return Cooling(below_c=self.cool_below, timeout_s=self.cool_timeout, zones=self.cool_zones)


HERE = DeviceOptions()
"""No other machine."""


def verify_on_devices(
    options: DeviceOptions, request: Request, *, progress: Progress
) -> tuple[Report, tuple[Line, ...]]:
    """Make a kit, run it on each device, and report.

    Args:
        options: Which devices, and how.
        request: What `inkport verify` was asked for.
        progress: Called with messages about the progress.

    Returns:
        The report, and the lines that it is about.

    Raises:
        UsageError: If an address is none, or fits several devices.
        InkportError: If the kit cannot be made.
    """
    from inkport.benchmarks.checks.devices.runs import name_devices, provide_kit, verify_on
    from inkport.benchmarks.checks.devices.steps import DevicePlan
    from inkport.benchmarks.checks.kit.make import KitOptions

    devices, cooling, lines = name_devices(options.device), options.cooling, options.device_lines
    wanted = replace(request, options=KitOptions(lines=lines, golden=min(lines, KitOptions.golden)))
    kit = provide_kit(wanted, (request.out or Path()) / "kit", progress=progress)
    plan = DevicePlan(
        kit=kit,
        runner=options.device_runner,
        files=options.device_files,
        threads=request.options.threads,
        timeout_s=options.device_timeout,
        cooling=cooling,
    )
    return verify_on(devices, plan, request, progress=progress), kit.lines
