"""Addresses of devices: ``ssh://[user@]host[:port][/folder]`` and ``adb://[serial][/folder]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from inkport.core.errors import UsageError


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
