"""What inkport asks of a device: run a shell script, send a file, fetch a file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inkport.core.errors import DeviceError


SCRIPT_S = 60.0
"""How long a script on the device may take unless its caller says otherwise."""
SLOWEST_BYTES_PER_S = 200_000
"""Speed below which a transfer counts as stuck: a tenth of what Bluetooth tethering gives."""
SHOWN_LINES = 5
"""How many of its last lines an error shows of what a device said."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a script on a device ended."""

    code: int
    """Exit code."""
    out: str
    """What it wrote on standard output."""
    err: str
    """What it wrote on standard error."""


class Device(Protocol):
    """A machine at the other end of a connection; each call opens a new connection and is bounded in time."""

    @property
    def name(self) -> str:
        """What to call it in messages."""
        ...

    @property
    def folder(self) -> str:
        """Where inkport works on it; relative to the folder of the login unless it begins with a slash."""
        ...

    def run(self, script: str, *, timeout_s: float = SCRIPT_S) -> Ran:
        """Run a POSIX shell script, whatever its exit code.

        Raises:
            DeviceUnavailableError: If the device cannot be reached, or the connection is lost.
            DeviceTimeoutError: If the script does not end in time.
        """
        ...

    def send(self, local: Path, remote: str) -> None:
        """Copy a file to the device; where the connection allows it, what is at ``remote`` is taken for its beginning.

        Raises:
            DeviceUnavailableError: If the device cannot be reached, or the connection is lost.
            DeviceError: If the device refuses, or the copy takes too long.
        """
        ...

    def fetch(self, remote: str, local: Path) -> None:
        """Copy a file from the device.

        Raises:
            DeviceUnavailableError: If the device cannot be reached, or the connection is lost.
            DeviceError: If the device refuses, or the copy takes too long.
        """
        ...


def quote(text: str) -> str:
    """Return ``text`` as one word of a shell script."""
    return shlex.quote(text)


def transfer_s(size: int) -> float:
    """Return how long copying ``size`` bytes may take, in seconds."""
    return SCRIPT_S + size / SLOWEST_BYTES_PER_S


def size_of(device: Device, remote: str) -> int:
    """Return the size of a file on the device, in bytes.

    Raises:
        DeviceError: If it is not there.
    """
    found = check(device, device.run(f"wc -c < {quote(remote)}"), f"looking for {remote}").out.strip()
    if not found.isdecimal():
        raise DeviceError(f"{device.name}: `wc -c` says {found!r} of {remote}, expected a number of bytes")
    return int(found)


def check(device: Device, ran: Ran, what: str, *, remedy: str = "") -> Ran:
    """Return ``ran`` if it ended well.

    Args:
        device: Where it ran.
        ran: How it ended.
        what: What was being done, for the error: "making the folder".
        remedy: What to do about it unless what the device said tells better.

    Raises:
        DeviceError: If it did not.
    """
    if ran.code == 0:
        return ran
    said = last_lines(ran.err or ran.out)
    raise DeviceError(
        f"{device.name}: {what} failed with exit code {ran.code}{said}", remedy=_remedy(ran, device) or remedy
    )


def last_lines(text: str) -> str:
    """Return the last lines of what a program said, for the end of an error."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return ":\n" + "\n".join(f"  {line[:300]}" for line in lines[-SHOWN_LINES:]) if lines else ""


def fields(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of lines ``name=value``; other lines, empty values and spaces around are left out."""
    for line in text.splitlines():
        name, mark, value = line.partition("=")
        if mark and value.strip():
            yield name.strip(), value.strip()


def _remedy(ran: Ran, device: Device) -> str:
    known = {
        "No space left": f"free space on the device, or name a folder on another disk: .../{device.folder}",
        "Disk quota exceeded": "free space on the device, or name a folder on another disk",
        "Read-only file system": "name a folder that may be written to at the end of the device's address",
        "Permission denied": "name a folder that may be written to at the end of the device's address",
    }
    return next((remedy for phrase, remedy in known.items() if phrase in ran.err), "")
