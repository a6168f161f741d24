"""Waiting until a device is cool: a hot one is slower, and by an amount that nobody chose."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from inkport.benchmarks.run.progress import Progress
from inkport.core.errors import DeviceUnavailableError, UsageError
from inkport.runtimes.devices.describe import Sensors, read_sensors
from inkport.runtimes.devices.device import Device


POLL_S = 10.0
"""Seconds between two looks at the sensors."""


@dataclass(frozen=True, kw_only=True)
class Cooling:
    """How cool a device must be before a run.

    Raises:
        UsageError: If ``below_c`` or ``timeout_s`` is not above 0.
    """

    below_c: float
    """Degrees Celsius that every sensor must be below."""
    timeout_s: float = 600.0
    """How long to wait for that, in seconds."""
    zones: str = "*"
    """Which sensors count: patterns separated by commas, as of file names."""

    def __post_init__(self) -> None:
        if not (self.below_c > 0 and self.timeout_s > 0):
            raise UsageError(f"cooling needs degrees and a time above 0, found {self.below_c:g} and {self.timeout_s:g}")


def wait_until_cool(
    device: Device,
    cooling: Cooling,
    *,
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[float, Sensors]:
    """Wait until the sensors of a device are below a temperature.

    Args:
        device: The device.
        cooling: How cool, and how long.
        progress: Told how hot it is.
        clock: Seconds that only grow.
        sleep: Waits that many seconds.

    Returns:
        How long it took, in seconds, and the last reading.

    Raises:
        DeviceUnavailableError: If the device stays hot, or tells no temperature.
    """
    start = clock()
    while True:
        sensors, waited = read_sensors(device), clock() - start
        name, degrees = _hottest(device, sensors, cooling)
        if degrees < cooling.below_c:
            return waited, sensors
        if waited + POLL_S > cooling.timeout_s:
            raise DeviceUnavailableError(
                f"{device.name}: stays hot: {name} is at {degrees:.1f} °C after {waited:.0f} s, "
                f"below {cooling.below_c:g} was asked for",
                remedy="unplug and cool it, or choose --cool-below, --cool-timeout or --cool-zones otherwise",
            )
        progress(f"{device.name}: {degrees:.1f} °C, waiting for less than {cooling.below_c:g}")
        sleep(POLL_S)


def _hottest(device: Device, sensors: Sensors, cooling: Cooling) -> tuple[str, float]:
    there = sensors.temperatures_c or {}
    patterns = [pattern.strip() for pattern in cooling.zones.split(",")]
    counted = {name: c for name, c in there.items() if any(fnmatchcase(name, pattern) for pattern in patterns)}
    if not counted:
        raise DeviceUnavailableError(
            f"{device.name}: tells no temperature that counts ({cooling.zones!r} of {', '.join(there) or 'none'})",
            remedy="leave --cool-below out, or choose --cool-zones otherwise",
        )
    return max(counted.items(), key=lambda item: item[1])
