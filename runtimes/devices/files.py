"""Files to and from a device, checked by their digests."""

from __future__ import annotations

import posixpath
from pathlib import Path

from inkport.core.errors import DeviceError
from inkport.core.files import sha256_file
from inkport.runtimes.devices.device import SCRIPT_S, Device, check, quote, size_of, transfer_s


ATTEMPTS = 2
"""How often a file is copied before a wrong digest is an error."""
ABSENT = "absent"
"""What the script says where there is no file."""
DIGEST = f"""
[ -f "$f" ] || {{ echo {ABSENT}; exit 0; }}
if command -v sha256sum >/dev/null 2>&1; then sha256sum < "$f"
elif command -v shasum >/dev/null 2>&1; then shasum -a 256 < "$f"
elif command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r < "$f"
else echo "sha256sum, shasum or openssl: none is there" >&2; exit 127; fi
"""
"""Prints the SHA-256 of the file in ``$f``, and more after a space."""


def digest_of(device: Device, remote: str, *, timeout_s: float = SCRIPT_S) -> str | None:
    """Return the SHA-256 (hex) of a file on the device, computed there; None if there is no such file.

    Raises:
        DeviceError: If the device has no program for it, or cannot read the file.
    """
    ran = device.run(f"f={quote(remote)}{DIGEST}", timeout_s=timeout_s)
    check(device, ran, f"digesting {remote}", remedy="install sha256sum (coreutils) on the device")
    found = ran.out.partition(" ")[0].strip().lower()
    return None if found == ABSENT else found


def push(device: Device, local: Path, remote: str) -> bool:
    """Bring a file to the device under a temporary name, and rename it once its digest there is right.

    A copy that was cut off goes on where it stopped, if the connection can do that.

    Args:
        device: Where to.
        local: The file.
        remote: Its name there; folders are made.

    Returns:
        Whether it was sent; False if the device has it already.

    Raises:
        DeviceError: If the device refuses, or the content arrives damaged twice.
    """
    digest, limit_s = sha256_file(local), transfer_s(local.stat().st_size)
    if digest_of(device, remote, timeout_s=limit_s) == digest:
        return False
    # The digest in the name: what is there under it is the beginning of this content and of no other.
    part = f"{remote}.{digest[:16]}.part"
    folder = posixpath.dirname(remote) or "."
    check(device, device.run(f"mkdir -p {quote(folder)}"), f"making the folder {folder}")
    found: str | None = None
    for _ in range(ATTEMPTS):
        device.send(local, part)
        found = digest_of(device, part, timeout_s=limit_s)
        if found == digest:
            check(device, device.run(f"mv -f {quote(part)} {quote(remote)}"), f"renaming {remote}")
            return True
        check(device, device.run(f"rm -f {quote(part)}"), f"removing {part}")
    raise DeviceError(
        f"{device.name}: {local.name} arrives damaged: its digest there is {found}, expected {digest}",
        remedy="see whether the device's storage is sound",
    )


def pull(device: Device, remote: str, local: Path) -> None:
    """Fetch a file from the device; ``local`` is replaced in one step once its digest is the one that it has there.

    Raises:
        DeviceError: If it is not there, the device refuses, or it arrives damaged.
    """
    expected = digest_of(device, remote, timeout_s=transfer_s(size_of(device, remote)))
    local.parent.mkdir(parents=True, exist_ok=True)
    draft = local.with_name(f".{local.name}.part")
    try:
        device.fetch(remote, draft)
        if (found := sha256_file(draft)) != expected:
            raise DeviceError(f"{device.name}: {remote} arrives damaged: digest {found}, expected {expected}")
        draft.replace(local)
    finally:
        draft.unlink(missing_ok=True)
