"""A device over adb, with the ``adb`` of Android's platform-tools.

Written after adb's documentation and source; it has been tried on recorded conversations only, never on a phone.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from inkport.core.errors import DeviceError, DeviceUnavailableError, UsageError
from inkport.runtimes.devices.address import Address
from inkport.runtimes.devices.device import SCRIPT_S, Ran, last_lines, size_of, transfer_s
from inkport.runtimes.devices.process import run_bounded


PROGRAM = "INKPORT_ADB"
"""Environment variable with the command to use in place of ``adb``."""
MARK = "inkport-exit"
"""Begins the line with the script's exit code: adb's own failures end with 1 as well, and old devices always with 0."""

REMEDIES: Mapping[str, str] = {
    "unauthorized": "unlock the device and allow USB debugging from this computer",
    "authorizing": "unlock the device and allow USB debugging from this computer",
    "offline": "plug the device in again, or adb reconnect; see whether it is still starting",
    "no permissions": "give your user the right to use the device's USB port "
    "(udev rules: https://developer.android.com/studio/run/device)",
    "recovery": "start the device's system: adb reboot",
    "sideload": "start the device's system: adb reboot",
}
"""What to do, by the state that adb tells."""


class AdbDevice:
    """A device over adb.

    Args:
        address: Where it is; without a serial, the only device attached.
        name: What messages call it; the address itself if empty.

    Raises:
        DeviceUnavailableError: If there is no adb, or the device is not there or not ready.
        UsageError: If no serial is named and several devices are attached.
    """

    def __init__(self, address: Address, *, name: str = "") -> None:
        self.folder = address.folder
        self.name = name or f"adb://{address.host}"
        self._adb = shlex.split(os.environ.get(PROGRAM, "adb"))
        listing = self._call("devices", "-l", timeout_s=SCRIPT_S)
        if listing.code != 0:
            raise DeviceUnavailableError(
                f"`adb devices` failed{last_lines(listing.err)}", remedy="adb kill-server, and try `adb devices` again"
            )
        serial = _choose(listing.out, address.host)
        self.name = name or f"adb://{serial}"
        self._device = ("-s", serial)

    def run(self, script: str, *, timeout_s: float = SCRIPT_S) -> Ran:
        """Run a POSIX shell script; see ``Device``."""
        ran = self._call(*self._device, "shell", f"( {script}\n); echo; echo {MARK} $?", timeout_s=timeout_s)
        out, mark, code = ran.out.rpartition(f"\n{MARK} ")
        if not mark or not code.strip().isdecimal():
            raise self._lost("shell", ran)
        return Ran(code=int(code), out=out, err=ran.err)

    def send(self, local: Path, remote: str) -> None:
        """Copy a file to the device; see ``Device``. What is at ``remote`` is overwritten."""
        ran = self._call(*self._device, "push", str(local), remote, timeout_s=transfer_s(local.stat().st_size))
        self._transferred(ran, f"writing {remote}")

    def fetch(self, remote: str, local: Path) -> None:
        """Copy a file from the device; see ``Device``."""
        size = size_of(self, remote)
        ran = self._call(*self._device, "pull", remote, str(local), timeout_s=transfer_s(size))
        self._transferred(ran, f"reading {remote}")

    def _transferred(self, ran: Ran, what: str) -> None:
        if ran.code == 0:
            return
        said = ran.err + ran.out
        if re.search(r"device '.*' not found|device (offline|unauthorized)|no devices|closed|protocol fault", said):
            raise self._lost(what, ran)
        remedy = "free space on the device, or name another folder: adb://SERIAL/FOLDER"
        raise DeviceError(
            f"{self.name}: {what} failed{last_lines(said)}",
            remedy=remedy if re.search("No space|Permission denied|Read-only", said) else "",
        )

    def _lost(self, what: str, ran: Ran) -> DeviceUnavailableError:
        said = ran.err.strip() or ran.out
        remedy = next((remedy for state, remedy in REMEDIES.items() if state in said), "")
        return DeviceUnavailableError(
            f"{self.name}: adb lost the device ({what}){last_lines(said)}",
            remedy=remedy or "see whether it is still attached; a second run goes on where this one stopped",
        )

    def _call(self, *arguments: str, timeout_s: float) -> Ran:
        return run_bounded(
            [*self._adb, *arguments],
            timeout_s=timeout_s,
            label=self.name,
            install=f"install Android's platform-tools, or name its adb in ${PROGRAM}",
        )


def _choose(listing: str, serial: str) -> str:
    """Return the serial of the device to use, given what ``adb devices -l`` printed.

    Raises:
        DeviceUnavailableError: If it is not attached, or not ready.
        UsageError: If ``serial`` is empty and several devices are attached.
    """
    # adb may announce its server before the list.
    listed = listing.partition("List of devices attached\n")[2]
    rows = (re.match(r"(\S+)\s+(no permissions|\S+)", line) for line in listed.splitlines())
    states = {row[1]: row[2] for row in rows if row}
    if not serial and len(states) > 1:
        raise UsageError(
            f"{len(states)} devices are attached to adb: {', '.join(f'{s} ({state})' for s, state in states.items())}",
            remedy=f"name one: --device adb://{next(iter(states))}",
        )
    serial = serial or next(iter(states), "")
    if serial not in states:
        attached = ", ".join(states) or "none"
        raise DeviceUnavailableError(
            f"adb://{serial}: not attached to adb (attached: {attached})" if serial else "no device is attached to adb",
            remedy="plug it in and allow USB debugging on it, or adb connect HOST:PORT",
        )
    if states[serial] != "device":
        raise DeviceUnavailableError(
            f"adb://{serial}: adb calls it {states[serial]!r}, expected 'device'",
            remedy=REMEDIES.get(states[serial], "see what `adb devices -l` says"),
        )
    return serial
