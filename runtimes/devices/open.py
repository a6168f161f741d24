"""From an address to a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from inkport.runtimes.devices.adb import AdbDevice
from inkport.runtimes.devices.address import Address, parse_address
from inkport.runtimes.devices.device import Device
from inkport.runtimes.devices.ssh import SshDevice


SCHEMES: Mapping[str, Callable[[Address], Device]] = {"ssh": SshDevice, "adb": AdbDevice}
"""What opens an address, by its scheme."""


def open_device(address: str) -> Device:
    """Return the device at an address.

    Raises:
        UsageError: If the address is none, or fits several devices.
        DeviceUnavailableError: If adb knows of no such device. Over ssh, the first script tells.
    """
    parsed = parse_address(address)
    return SCHEMES[parsed.scheme](parsed)
