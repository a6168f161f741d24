"""Devices over ssh, with the system's OpenSSH and the user's settings, and over adb, with Android's platform-tools.

Over ssh, files go through ``cat`` on the device, which is there even where no sftp server is, and which lets a copy
that was cut off go on where it stopped. The part for adb was written after adb's documentation and source; it has been
tried on recorded conversations only, never on a phone.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from inkport.core.children import Process, start_tied
from inkport.core.errors import DeviceError, DeviceTimeoutError, DeviceUnavailableError, UsageError
from inkport.runtimes.devices.device import (
    SCRIPT_S,
    Address,
    Device,
    Ran,
    check,
    last_lines,
    quote,
    size_of,
    transfer_s,
)


KEPT_BYTES = 1 << 20
"""How much of what a program writes is kept."""


def run_bounded(
    command: Sequence[str],
    *,
    timeout_s: float,
    label: str,
    install: str,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> Ran:
    """Run a program and return how it ended.

    Args:
        command: Program and arguments.
        timeout_s: When it is killed, in seconds.
        label: Names the device in errors.
        install: How to get the program, for the error where it is not there.
        stdin: What it reads; nothing if None.
        stdout: Where its standard output goes; into the result if None.

    Raises:
        DeviceUnavailableError: If the program cannot be started.
        DeviceTimeoutError: If it did not end in time.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            # A session of its own: nothing that it starts can ask at our terminal, and all of it can be killed.
            process = start_tied(
                command, stdin=stdin or subprocess.DEVNULL, stdout=stdout or out, stderr=err, start_new_session=True
            )
        except OSError as error:
            raise DeviceUnavailableError(
                f"{label}: {command[0]} does not start: {error.strerror}", remedy=install
            ) from error
        try:
            code = process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise DeviceTimeoutError(
                f"{label}: {command[0]} did not end within {timeout_s:g} s",
                remedy="see whether the device is busy or asleep; a second run goes on where this one stopped",
            ) from None
        finally:
            _end(process)
        return Ran(code=code, out=_read(out), err=_read(err))


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(KEPT_BYTES).decode("utf-8", errors="replace").replace("\r\n", "\n")


def _end(process: Process) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            return
    process.wait()


SSH_PROGRAM = "INKPORT_SSH"
"""Environment variable with the command to use in place of ``ssh``, as GIT_SSH_COMMAND is for git."""
CONNECT_S = 15
"""How long opening the connection may take, in seconds."""
OPTIONS = (
    *("-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S}"),
    # A connection that has died shows within half a minute.
    *("-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"),
)
"""Nothing asks at the terminal, and nothing waits for ever."""
FAILED = 255
"""Exit code of ssh where ssh itself failed."""

SSH_REMEDIES: Mapping[str, str] = {
    r"IDENTIFICATION HAS CHANGED": "if the device was reinstalled, ssh-keygen -R {host} and connect once by hand "
    "(ssh {host}); if not, something else answers at its address",
    r"Host key verification failed": "connect once by hand (ssh {host}) and compare the fingerprint that it shows",
    r"Permission denied": "give the device your public key (ssh-copy-id {host}), or load your key (ssh-add): "
    "inkport asks for no password",
    r"Connection refused": "start an ssh server on the device, or name its port: ssh://{host}:PORT",
    r"Could not resolve hostname": "check the name, or use the device's number",
    r"timed out|No route to host|unreachable": "see whether the device is on and in the same network",
    r"Too many authentication failures": "name the device's key in ~/.ssh/config (IdentityFile, IdentitiesOnly)",
}
"""What to do, by what ssh says."""
LOST = "see whether the device is still on; a second run goes on where this one stopped"
"""What to do where ssh says anything else."""


class SshDevice:
    """A device over ssh.

    Args:
        address: Where it is.
        name: What messages call it; the address itself if empty.
    """

    def __init__(self, address: Address, *, name: str = "") -> None:
        self.name = name or f"ssh://{address.host}" + (f":{address.port}" if address.port else "")
        self.folder = address.folder
        login = ["-l", address.user] if address.user else []
        port = ["-p", str(address.port)] if address.port else []
        self._host = address.host
        self._command = [*shlex.split(os.environ.get(SSH_PROGRAM, "ssh")), *OPTIONS, *login, *port, "--", address.host]

    def run(self, script: str, *, timeout_s: float = SCRIPT_S) -> Ran:
        """Run a POSIX shell script; see ``Device``."""
        return self._ssh(script, timeout_s=timeout_s)

    def send(self, local: Path, remote: str) -> None:
        """Append to ``remote`` what it lacks of ``local``; see ``Device``."""
        size = local.stat().st_size
        there = check(self, self.run(f"wc -c < {quote(remote)} 2>/dev/null || echo 0"), "looking for the file").out
        start = int(there) if there.strip().isdecimal() and int(there) <= size else 0
        with local.open("rb", buffering=0) as file:
            file.seek(start)
            append = f"cat {'>>' if start else '>'} {quote(remote)}"
            ran = self._ssh(append, timeout_s=transfer_s(size - start), stdin=file)
        check(self, ran, f"writing {remote}")

    def fetch(self, remote: str, local: Path) -> None:
        """Copy a file from the device; see ``Device``."""
        size = size_of(self, remote)
        with local.open("wb", buffering=0) as file:
            ran = self._ssh(f"cat {quote(remote)}", timeout_s=transfer_s(size), stdout=file)
        check(self, ran, f"reading {remote}")

    def _ssh(
        self, script: str, *, timeout_s: float, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> Ran:
        # ssh ends with 255 where ssh failed, so nothing on the device may.
        guarded = f"( {script}\n); s=$?; [ $s -ne {FAILED} ] || s={FAILED - 1}; exit $s"
        ran = run_bounded(
            [*self._command, f"sh -c {quote(guarded)}"],
            timeout_s=timeout_s,
            label=self.name,
            install=f"install OpenSSH's client, or name another in ${SSH_PROGRAM}",
            stdin=stdin,
            stdout=stdout,
        )
        if ran.code != FAILED and ran.code >= 0:
            return ran
        remedy = next((remedy for phrase, remedy in SSH_REMEDIES.items() if re.search(phrase, ran.err)), LOST)
        raise DeviceUnavailableError(
            f"{self.name}: ssh gave up{last_lines(ran.err)}", remedy=remedy.format(host=self._host)
        )


ADB_PROGRAM = "INKPORT_ADB"
"""Environment variable with the command to use in place of ``adb``."""
MARK = "inkport-exit"
"""Begins the line with the script's exit code: adb's own failures end with 1 as well, and old devices always with 0."""

ADB_REMEDIES: Mapping[str, str] = {
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
        self._adb = shlex.split(os.environ.get(ADB_PROGRAM, "adb"))
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
        remedy = next((remedy for state, remedy in ADB_REMEDIES.items() if state in said), "")
        return DeviceUnavailableError(
            f"{self.name}: adb lost the device ({what}){last_lines(said)}",
            remedy=remedy or "see whether it is still attached; a second run goes on where this one stopped",
        )

    def _call(self, *arguments: str, timeout_s: float) -> Ran:
        return run_bounded(
            [*self._adb, *arguments],
            timeout_s=timeout_s,
            label=self.name,
            install=f"install Android's platform-tools, or name its adb in ${ADB_PROGRAM}",
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
            remedy=ADB_REMEDIES.get(states[serial], "see what `adb devices -l` says"),
        )
    return serial


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
