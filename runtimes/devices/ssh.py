"""A device over ssh: the system's OpenSSH client, with the user's configuration and keys.

Files go through ``cat`` on the device, which is there even where no sftp server is, and which lets a copy that was
cut off go on where it stopped.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from inkport.core.errors import DeviceUnavailableError
from inkport.runtimes.devices.address import Address
from inkport.runtimes.devices.device import SCRIPT_S, Ran, check, last_lines, quote, size_of, transfer_s
from inkport.runtimes.devices.process import run_bounded


PROGRAM = "INKPORT_SSH"
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

REMEDIES: Mapping[str, str] = {
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
        self._command = [*shlex.split(os.environ.get(PROGRAM, "ssh")), *OPTIONS, *login, *port, "--", address.host]

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
            install=f"install OpenSSH's client, or name another in ${PROGRAM}",
            stdin=stdin,
            stdout=stdout,
        )
        if ran.code != FAILED and ran.code >= 0:
            return ran
        remedy = next((remedy for phrase, remedy in REMEDIES.items() if re.search(phrase, ran.err)), LOST)
        raise DeviceUnavailableError(
            f"{self.name}: ssh gave up{last_lines(ran.err)}", remedy=remedy.format(host=self._host)
        )
