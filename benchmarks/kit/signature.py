"""Ed25519 signatures of kits, by the package ``cryptography``; keys are PEM files as OpenSSL makes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError, UsageError


if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def sign(data: bytes, key: Path) -> bytes:
    """Return the signature of ``data``, 64 bytes; the same key and data give the same bytes.

    Args:
        data: What is signed.
        key: Private key, PEM (PKCS 8), not encrypted: ``openssl genpkey -algorithm ed25519``.

    Raises:
        UsageError: If the file is no such key.
        RuntimeUnavailableError: If ``cryptography`` is not installed.

    Source:
        RFC 8032, *Edwards-Curve Digital Signature Algorithm*.
    """
    return _private_key(key).sign(data)


def verify(data: bytes, signature: bytes | None, key: Path, *, where: str) -> None:
    """Check a signature.

    Args:
        data: What was signed.
        signature: The signature; None if there is none.
        key: Public key, PEM: ``openssl pkey -pubout``.
        where: Names the archive in errors.

    Raises:
        ArtifactCorruptError: If there is no signature, or it is not by this key over this data.
        UsageError: If the file is no such key.
        RuntimeUnavailableError: If ``cryptography`` is not installed.
    """
    public = _public_key(key)
    from cryptography.exceptions import InvalidSignature

    if signature is None:
        raise ArtifactCorruptError(f"{where}: not signed", remedy="make it with --sign, or leave out --public-key")
    try:
        public.verify(signature, data)
    except InvalidSignature as error:
        raise ArtifactCorruptError(
            f"{where}: its signature is not by the key {key.name} over this content",
            remedy="get the kit from its maker again, and the key by another way",
        ) from error


def _private_key(path: Path) -> Ed25519PrivateKey:
    _require()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError) as error:
        raise _no_key(path, "private") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path, "private")
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    _require()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, TypeError) as error:
        raise _no_key(path, "public") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, "public")
    return key


def _require() -> None:
    try:
        import cryptography  # noqa: F401 - only to see whether it is there
    except ModuleNotFoundError as error:
        raise RuntimeUnavailableError(
            "signatures need the package cryptography, which is not installed", remedy="pip install 'inkport[sign]'"
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})", remedy="check the path of the key") from error


def _no_key(path: Path, kind: str) -> UsageError:
    return UsageError(
        f"{path}: no Ed25519 {kind} key in PEM without a password",
        remedy="openssl genpkey -algorithm ed25519 -out key.pem; openssl pkey -in key.pem -pubout -out public.pem",
    )
