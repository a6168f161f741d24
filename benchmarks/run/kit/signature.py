"""Ed25519 signatures of kits, by the package ``cryptography``; keys are PEM files as OpenSSL makes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError, UsageError


if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


SIGNATURE_BYTES = 64
"""Length of an Ed25519 signature."""
KEY_BYTES = 1024
"""Longest public key in PEM that is read; one is 113 bytes."""
SHOWN = 16
"""Digits of a fingerprint that a sentence shows."""


class SignatureState(StrEnum):
    """What is known of a kit's signature."""

    NOT_SIGNED = "not-signed"
    """There is none."""
    NOT_CHECKED = "not-checked"
    """There is one, and nobody said whose it must be: whoever changed the kit could have made it."""
    CHECKED = "checked"
    """It is by the key that was asked for."""


@dataclass(frozen=True, kw_only=True)
class KitSignature:
    """Who signed a kit, as far as that is known."""

    state: SignatureState
    """What is known."""
    fingerprint: str | None = None
    """SHA-256 (hex) of the signer's public key, DER; if not checked, as the kit says. Absent if it does not say."""

    def sentence(self) -> str:
        """Return it in words."""
        if self.state is SignatureState.NOT_SIGNED:
            return "not signed"
        by = f"signed by {self.fingerprint[:SHOWN]}" if self.fingerprint else "signed by an unnamed key"
        return by if self.state is SignatureState.CHECKED else f"{by}, not checked"


def check_signature(
    manifest: bytes, signature: bytes | None, public: bytes | None, key: Path | None, *, where: str
) -> KitSignature:
    """Check a kit's signature as far as that can be done, before anything of the kit is used.

    Args:
        manifest: What was signed.
        signature: The signature; None if there is none.
        public: The public key that the kit brings along, PEM; None if it brings none.
        key: The key that must have signed it, PEM; nobody said if None.
        where: Names the archive in errors.

    Raises:
        ArtifactCorruptError: If it is not a signature, is by no key that it says or must be by, or there is none.
        UsageError: If ``key`` is no such key.
        RuntimeUnavailableError: If ``key`` is given and ``cryptography`` is not installed.
    """
    if signature is not None and len(signature) != SIGNATURE_BYTES:
        raise ArtifactCorruptError(
            f"{where}: its signature has {len(signature)} bytes, an Ed25519 signature has {SIGNATURE_BYTES}",
            remedy="get the kit from its maker again",
        )
    if key is not None:
        verify(manifest, signature, key, where=where)
        return KitSignature(state=SignatureState.CHECKED, fingerprint=_fingerprint(_public_key(key)))
    if signature is None:
        return KitSignature(state=SignatureState.NOT_SIGNED)
    return KitSignature(
        state=SignatureState.NOT_CHECKED, fingerprint=_own_key(manifest, signature, public, where=where)
    )


def _own_key(manifest: bytes, signature: bytes, public: bytes | None, *, where: str) -> str | None:
    """Return the fingerprint of the key that a kit brings along, once its signature is found to be by that key."""
    try:
        _require()
    except RuntimeUnavailableError:
        return None
    if public is None:
        return None
    from cryptography.exceptions import InvalidSignature

    try:
        found = _load_public(public)
        found.verify(signature, manifest)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise ArtifactCorruptError(
            f"{where}: its signature is not by the key that it brings along",
            remedy="get the kit from its maker again",
        ) from error
    return _fingerprint(found)


def public_key_of(key: Path) -> bytes:
    """Return the public key, PEM, that belongs to a private one.

    Raises:
        UsageError: If the file is no such key.
        RuntimeUnavailableError: If ``cryptography`` is not installed.
    """
    private = _private_key(key)
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _fingerprint(key: Ed25519PublicKey) -> str:
    """Return what ``openssl pkey -pubin -in public.pem -outform DER | sha256sum`` prints."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


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
    try:
        return _load_public(_read(path))
    except (ValueError, TypeError) as error:
        raise _no_key(path, "public") from error


def _load_public(pem: bytes) -> Ed25519PublicKey:
    """Load a public key.

    Raises:
        ValueError: If it is none, or another kind of key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("another kind of key")
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
