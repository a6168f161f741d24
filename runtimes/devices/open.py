"""From an address to a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from inkport.runtimes.devices.adb import AdbDevice
from inkport.runtimes.devices.address import Address
from inkport.runtimes.devices.device import Device
from inkport.runtimes.devices.ssh import SshDevice


SCHEMES: Mapping[str, Callable[..., Device]] = {"ssh": SshDevice, "adb": AdbDevice}
"""What opens an address, by its scheme."""


def open_device(address: Address, *, name: str = "") -> Device:
    """Return the device at an address.

    Args:
        address: Where it is.
        name: What messages call it; the address itself if empty.

    Raises:
        UsageError: If the address fits several devices.
        DeviceUnavailableError: If adb knows of no such device. Over ssh, the first script tells.
    """
    return SCHEMES[address.scheme](address, name=name)
