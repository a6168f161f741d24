"""What a report says of the devices that its targets ran on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inkport.benchmarks.measure.quantiles import Percentiles
from inkport.benchmarks.run.kit.judge import Finding
from inkport.benchmarks.run.kit.open import RunnerInfo
from inkport.runtimes.devices.describe import Description
from inkport.runtimes.devices.sensors import Sensors


@dataclass(frozen=True, kw_only=True)
class DeviceRun:
    """One target's run on a device."""

    target: str
    """Name of the target's row in the report."""
    runner: RunnerInfo
    """What ran it."""
    environment: Mapping[str, Any]
    """Where, in the runner's words."""
    waited_s: float
    """How long it waited for the device to cool, in seconds."""
    before: Sensors
    """Its sensors right before the run."""
    after: Sensors
    """Its sensors right after."""
    stages: tuple[Finding, ...]
    """Each stage of the kit against its golden values: they explain, the text decides."""
    times: Percentiles | None
    """Of the inference alone, by the runner's own clock; targets take no turns. Absent where the runner does not
    measure them or the device is emulated."""


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
