"""A kit that was changed in any way is refused, and says what is wrong with it; signatures are OpenSSL's."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile

import pytest

from inkport.benchmarks.checks.kit.make import make_kit
from inkport.benchmarks.run.kit.archive import Archive, write_archive
from inkport.benchmarks.run.kit.open import open_kit
from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError, RuntimeUnavailableError, UsageError


pytest.importorskip("cryptography", reason="signatures need it")
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def pem(key, path):
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path.with_suffix(".pem").write_bytes(private)
    path.with_suffix(".pub").write_bytes(public)
    return path.with_suffix(".pem"), path.with_suffix(".pub")


@pytest.fixture
def keys(tmp_path):
    return pem(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), tmp_path / "ours")


@pytest.fixture
def signed(request_kit, keys, tmp_path):
    return make_kit(request_kit(), tmp_path / "signed.zip", key=keys[0])


def test_a_kit_opens_again(kit, reopen):
    again = reopen()
    assert (again.digest, again.spec, again.manifest) == (kit.digest, kit.spec, kit.manifest)


def first_line(members):
    members["lines/0000.png"] += b"x"


def same_size(members):
    data = members["golden/" + next(n for n in members if n.startswith("golden/")).partition("/")[2]]
    name = next(n for n in members if n.startswith("golden/"))
    members[name] = data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (first_line, r"lines/0000\.png was changed or damaged"),
        (same_size, r"golden/\S+ was changed or damaged"),
        (lambda members: members.pop("lines/0001.png"), r"lines/0001\.png is missing"),
        (lambda members: members.update({"extra": b"1"}), "holds extra, which its manifest does not name"),
    ],
)
def test_members_that_are_not_the_manifests_are_refused(tamper, change, message):
    with pytest.raises(ArtifactCorruptError, match=message):
        open_kit(tamper(change))


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (lambda d: d.update(schema=2), "schema 2, this inkport reads 1"),
        (lambda d: d.pop("schema"), "no schema version"),
        (lambda d: d.update(more=1), "unknown key 'more'"),
        (lambda d: d.pop("lines"), "'lines' is missing"),
        (lambda d: d.update(lines=[]), "at least one target and one line"),
        (lambda d: d["lines"].append(d["lines"][0]), "a line appears twice"),
        (lambda d: d["targets"][0].update(artifact="artifacts/x"), "an artifact that is not in the kit"),
        (lambda d: d["lines"][0].update(image="lines/9.png"), "lines/9.png is named, but no file of the kit"),
        (lambda d: d["spec"].update(stride=5), "stride 5 does not divide"),
        (lambda d: d["spec"]["charset"].update(digest="0"), "charset not as inkport"),
        (lambda d: d["targets"][0]["budget"].update(cer_margin=-1.0), "must not be negative"),
    ],
)
def test_manifests_that_cannot_be_are_refused(tamper, manifest, message):
    with pytest.raises(ArtifactCorruptError, match=message):
        open_kit(tamper(manifest=manifest))


def test_an_artefact_that_is_not_the_manifests_is_refused(tamper, tmp_path):
    def other_weights(members):
        members["artifacts/fake-fp32/weights.fake"] = b"54321"

    changed = open_kit(tamper(other_weights, listed=True))
    with pytest.raises(ArtifactCorruptError, match=r"weights.fake: SHA-256"):
        changed.extract_artifact(changed.target(), tmp_path / "a")
    renamed = open_kit(tamper(manifest=lambda d: d["artifacts"][0].update(sha256="0" * 64)))
    with pytest.raises(ArtifactCorruptError, match=r"kit\.json says 000000000000"):
        renamed.extract_artifact(renamed.target(), tmp_path / "b")


def test_what_is_no_kit_is_refused(tmp_path, answer):
    with pytest.raises(ArtifactNotFoundError):
        open_kit(tmp_path / "nosuch.zip")
    with pytest.raises(ArtifactCorruptError, match=r"no kit\.json in it, so no kit"):
        open_kit(answer().path)


def test_a_signature_changes_nothing_but_itself(signed, kit, keys, request_kit, tmp_path):
    assert signed.digest == kit.digest
    assert open_kit(signed.path, public_key=keys[1]).digest == kit.digest
    again = make_kit(request_kit(), tmp_path / "again.zip", key=keys[0])
    assert again.path.read_bytes() == signed.path.read_bytes()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="asks OpenSSL")
def test_openssl_makes_the_keys_and_takes_the_signature(request_kit, tmp_path):
    def openssl(*arguments):
        return subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)

    made = openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
    assert made.returncode == 0, made.stderr
    openssl("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    kit = make_kit(request_kit(), tmp_path / "a.zip", key=tmp_path / "key.pem")
    open_kit(kit.path, public_key=tmp_path / "public.pem")
    (tmp_path / "kit.json").write_bytes(kit.members["kit.json"])
    (tmp_path / "kit.json.sig").write_bytes(kit.members["kit.json.sig"])
    files = ["-in", "kit.json", "-sigfile", "kit.json.sig"]
    checked = openssl("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", *files)
    assert "Verified Successfully" in checked.stdout, checked.stderr


def test_other_signatures_are_refused(signed, kit, keys, tamper, tmp_path):
    _, stranger = pem(Ed25519PrivateKey.generate(), tmp_path / "stranger")
    with pytest.raises(ArtifactCorruptError, match=r"not by the key stranger\.pub"):
        open_kit(signed.path, public_key=stranger)
    with pytest.raises(ArtifactCorruptError, match="not signed"):
        open_kit(kit.path, public_key=keys[1])
    forged = tamper(
        lambda members: members.update({"kit.json.sig": signed.members["kit.json.sig"]}),
        manifest=lambda d: d["targets"][0]["budget"].update(cer_margin=0.9),
    )
    assert open_kit(forged).manifest.targets[0].budget.cer_margin == 0.9
    with pytest.raises(ArtifactCorruptError, match=r"not by the key ours\.pub"):
        open_kit(forged, public_key=keys[1])


@pytest.mark.parametrize("length", [0, 5, 63, 65, 128])
@pytest.mark.parametrize("asked", [True, False])
def test_a_signature_of_another_length_is_none(signed, keys, tamper, length, asked):
    members = {"kit.json.sig": b"s" * length, "kit.json.pub": signed.members["kit.json.pub"]}
    path = tamper(lambda found: found.update(members))
    with pytest.raises(ArtifactCorruptError, match=f"its signature has {length} bytes, an Ed25519 signature has 64"):
        open_kit(path, public_key=keys[1] if asked else None)


def test_what_is_known_of_the_signature_is_said(signed, kit, keys, tamper):
    fingerprint = hashlib.sha256(
        serialization.load_pem_public_key(keys[1].read_bytes()).public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).hexdigest()
    said = {
        "not signed": open_kit(kit.path).signature,
        f"signed by {fingerprint[:16]}, not checked": open_kit(signed.path).signature,
        f"signed by {fingerprint[:16]}": open_kit(signed.path, public_key=keys[1]).signature,
    }
    assert {found.sentence(): found for found in said.values()} == said
    assert [found.fingerprint for found in said.values()] == [None, fingerprint, fingerprint]
    # Kits of before this was written bring no key along.
    old = tamper(lambda members: members.update({"kit.json.sig": signed.members["kit.json.sig"]}))
    assert open_kit(old).signature.sentence() == "signed by an unnamed key, not checked"


def test_a_signature_that_is_not_by_the_key_that_it_names_is_refused(signed, tamper, tmp_path):
    _, stranger = pem(Ed25519PrivateKey.generate(), tmp_path / "stranger")
    _, curve = pem(generate_private_key(SECP256R1()), tmp_path / "curve")
    own = {name: signed.members[name] for name in ("kit.json.sig", "kit.json.pub")}
    for change in (
        {"kit.json.sig": bytes(64)},
        {"kit.json.pub": stranger.read_bytes()},
        {"kit.json.pub": curve.read_bytes()},
        {"kit.json.pub": b"junk"},
        {"kit.json.pub": b""},
    ):
        path = tamper(lambda members, change=change: members.update(own | change))
        with pytest.raises(ArtifactCorruptError, match="not by the key that it brings along"):
            open_kit(path)


@pytest.mark.parametrize(
    "change",
    [
        {"kit.json.sig": b"short"},
        {"kit.json.pub": bytes(2000)},
        {"kit.json": b"{}"},
        {"bomb": bytes(10_000_000)},
        {"lines/0000.png": bytes(10_000_000)},
        {"golden/0000.gray.npy": b""},
    ],
    ids=lambda change: next(iter(change)),
)
def test_nothing_is_unpacked_before_manifest_and_directory_are_right(tamper, monkeypatch, change):
    path, unpacked = tamper(lambda members: members.update(change)), []
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | change
    write_archive(path, members)
    watch(monkeypatch, unpacked)
    with pytest.raises(ArtifactCorruptError):
        open_kit(path)
    assert set(unpacked) <= {"kit.json", "kit.json.sig", "kit.json.pub"}


def test_nothing_is_unpacked_before_the_signature_is_right(signed, tmp_path, monkeypatch):
    _, stranger = pem(Ed25519PrivateKey.generate(), tmp_path / "stranger")
    unpacked = []
    watch(monkeypatch, unpacked)
    with pytest.raises(ArtifactCorruptError, match="not by the key"):
        open_kit(signed.path, public_key=stranger)
    assert set(unpacked) == {"kit.json", "kit.json.sig", "kit.json.pub"}


def watch(monkeypatch, unpacked):
    read = Archive.read
    monkeypatch.setattr(Archive, "read", lambda self, name, **most: unpacked.append(name) or read(self, name, **most))


def test_other_keys_are_refused(kit, keys, request_kit, tmp_path):
    curve_private, curve_public = pem(generate_private_key(SECP256R1()), tmp_path / "curve")
    (tmp_path / "junk").write_text("junk")
    for key in (curve_private, keys[1], tmp_path / "junk", tmp_path / "nosuch", tmp_path):
        with pytest.raises(UsageError, match=r"no Ed25519 private key|cannot be read"):
            make_kit(request_kit(), tmp_path / "a.zip", key=key)
    for key in (curve_public, keys[0], tmp_path / "junk"):
        with pytest.raises(UsageError, match="no Ed25519 public key"):
            open_kit(kit.path, public_key=key)


def test_without_cryptography_the_remedy_is_named(kit, keys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(RuntimeUnavailableError, match=r"inkport\[sign\]"):
        open_kit(kit.path, public_key=keys[1])
