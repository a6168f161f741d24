"""What a report says of runs of a kit, and of the devices that they were on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inkport.benchmarks.measure.quantiles import Percentiles
from inkport.benchmarks.run.kit.judge import Finding, State
from inkport.benchmarks.run.kit.manifest import KitStage
from inkport.benchmarks.run.kit.open import RunnerInfo
from inkport.runtimes.devices.describe import Description, Sensors


@dataclass(frozen=True, kw_only=True)
class KitRun:
    """What a kit's runner shows of one target besides the text, which decides."""

    runner: RunnerInfo
    """What ran it."""
    environment: Mapping[str, Any]
    """Where, in the runner's words."""
    start: KitStage
    """The stage whose golden values the runner was given."""
    stages: tuple[Finding, ...]
    """Every stage but the image against its golden values, in order."""
    times: Percentiles | None
    """Of the inference alone, by the runner's own clock; targets take no turns. Absent where the runner does not
    measure them or the device is emulated."""

    @property
    def first_wrong(self) -> Finding | None:
        """The first stage that went wrong."""
        return next((finding for finding in self.stages if finding.state is State.WRONG), None)


@dataclass(frozen=True, kw_only=True)
class DeviceRun(KitRun):
    """One target's run on a device."""

    target: str
    """Name of the target's row in the report."""
    waited_s: float
    """How long it waited for the device to cool, in seconds."""
    before: Sensors
    """Its sensors right before the run."""
    after: Sensors
    """Its sensors right after."""


@dataclass(frozen=True, kw_only=True)
class DeviceReport:
    """A device, by the name that it was given: a report names no machine."""

    name: str
    """Its name."""
    connection: str
    """``ssh`` or ``adb``."""
    description: Description | None
    """What it is; absent if it was never reached."""
    runs: tuple[DeviceRun, ...]
    """The runs that came to an end, in the order of the targets."""
