"""What inkport asks of a device: run a shell script, send a file, fetch a file; and addresses that name one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from inkport.core.errors import DeviceError, UsageError


FORMS = "ssh://[user@]host[:port][/folder] or adb://[serial][/folder]"
"""What an address looks like, for errors."""
FOLDERS = {"ssh": ".inkport-device", "adb": "/data/local/tmp/inkport"}
"""Folder that inkport works in where the address names none; a relative one lies in the folder of the login."""
NAME = re.compile(r"[A-Za-z0-9_.:][A-Za-z0-9_.%:\-]*")
"""What a host, user or serial is made of; none may begin with a hyphen, which programs would take for an option."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a device is."""

    scheme: str
    """``ssh`` or ``adb``."""
    host: str
    """Name or number of the host; the serial over adb, empty for the only device."""
    folder: str
    """Folder on the device that inkport works in, without a slash at its end."""
    user: str = ""
    """Who logs in; empty for what the ssh configuration says."""
    port: int | None = None
    """Port; None for what the ssh configuration says."""


def parse_address(text: str) -> Address:
    """Read an address; after the host, ``/folder`` is absolute and ``/~/folder`` lies in the folder of the login.

    Raises:
        UsageError: If it is none, or holds a password.
    """
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in FOLDERS:
        raise UsageError(f"{text!r} is not an address of a device", remedy=f"addresses are {FORMS}")
    return _ssh(text) if scheme == "ssh" else _adb(rest, text)


def _ssh(text: str) -> Address:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{text!r}: {error}", remedy=f"addresses are {FORMS}") from error
    if parts.password is not None:
        raise UsageError(
            f"the address of {parts.hostname} holds a password, which inkport does not use",
            remedy="give the device your public key (ssh-copy-id) and leave the password out",
        )
    host, user = parts.hostname or "", unquote(parts.username or "")
    _check(host, text)
    if user:
        _check(user, text)
    if parts.query or parts.fragment:
        raise UsageError(f"{text!r}: nothing may follow the folder", remedy=f"addresses are {FORMS}")
    return Address(scheme="ssh", host=host, folder=_folder("ssh", parts.path, text), user=user, port=port)


def _adb(rest: str, text: str) -> Address:
    serial, slash, path = rest.partition("/")
    if serial:
        _check(serial, text)
    return Address(scheme="adb", host=serial, folder=_folder("adb", slash + path, text))


def _check(name: str, text: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(f"{text!r}: {name!r} is not a name of a host, user or device", remedy=f"addresses are {FORMS}")


def _folder(scheme: str, path: str, text: str) -> str:
    folder = unquote(path).rstrip("/").removeprefix("/~/")
    if folder == "/~" or ".." in folder.split("/") or not folder.isprintable():
        raise UsageError(f"{text!r}: {folder!r} is not a folder to work in", remedy="name one that may be filled")
    return folder or FOLDERS[scheme]


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
