"""``inkport kit`` from the request to the verdict, with a runtime made of numpy."""

from __future__ import annotations

import json

import pytest

from inkport.benchmarks.checks.kit import runner
from inkport.benchmarks.run import request as reference
from inkport.benchmarks.run.kit.manifest import tensor_stage
from inkport.benchmarks.run.kit.open import open_result


TARGET = '[[target]]\nname = "{name}"\nruntime = "onnxruntime"\nprecision = "int8"\nbudget = {{ cer_margin = 9.0 }}\n'


@pytest.fixture
def files(onnx_artifact, tmp_path, lines_folder, register, monkeypatch):
    """A model that is its own reference, a targets file, lines, and the names of what is written."""
    register(("onnxruntime", {}))
    row = reference.CANDIDATES[1]
    monkeypatch.setattr(reference, "CANDIDATES", (type(row)(**vars(row) | {"precision": onnx_artifact.precision}),))
    (tmp_path / "targets.toml").write_text(TARGET.format(name="row"), encoding="utf-8")
    return {
        "model": onnx_artifact.path,
        "--targets": tmp_path / "targets.toml",
        "--lines": lines_folder,
        "--out": tmp_path / "a.inkport-kit.zip",
    }


@pytest.fixture
def made(inkport, files):
    options = [word for name, value in files.items() if name != "model" for word in (name, value)]

    def make(*arguments):
        counts = [] if "--most-lines" in arguments else ["--most-lines", 4, "--golden", 2]
        return inkport("kit", "make", files["model"], *options, *counts, *arguments)

    return make


def test_make_run_and_check(inkport, made, files, tmp_path):
    kit, result = files["--out"], tmp_path / "r.zip"
    code, out, err = made()
    assert (code, err) == (0, "")
    name, size, unit, digest = out.split()
    assert (name, unit, len(digest)) == (str(kit), "MB", 64)
    assert float(size) == round(kit.stat().st_size / 1e6, 1)
    code, out, err = inkport("kit", "run", kit, "--out", result)
    assert (code, out) == (0, f"{result}  row  4 lines  gray, tensor, logits, text\n")
    assert f"kit {digest[:12]}: not signed\n" in err
    code, out, _ = inkport("kit", "check", kit, result)
    assert code == 0
    assert f"kit {digest[:12]}, target row" in out
    assert "no stage is wrong" in out
    assert "\nnot signed\n" in out
    code, out, err = inkport("kit", "check", kit, result, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["kit"] == digest
    unsigned = {"state": "not-signed", "fingerprint": None}
    document = json.loads(out)
    assert document["signature"] == document["targets"][0]["environment"]["kit_signature"] == unsigned
    assert made().out.split()[-1] == digest


def test_wrong_stages_are_exit_code_1_and_strangers_2(inkport, made, files, tmp_path, monkeypatch):
    kit, result = files["--out"], tmp_path / "r.zip"
    made()
    with monkeypatch.context() as patched:
        patched.setattr(runner, "tensor_stage", lambda gray, spec: 255 - tensor_stage(gray, spec))
        assert inkport("kit", "run", kit, "--out", result).code == 0
    code, out, _ = inkport("kit", "check", kit, result)
    assert code == 1
    assert "first wrong stage: tensor" in out
    other = tmp_path / "other.inkport-kit.zip"
    other.write_bytes(kit.read_bytes())
    made("--most-lines", 3, "--golden", 2)
    code, out, err = inkport("kit", "check", kit, result)
    assert (code, out) == (2, "")
    assert "answers the kit" in err
    result.write_bytes(result.read_bytes()[:-100])
    assert inkport("kit", "check", other, result).code == 2
    assert inkport("kit", "check", other, tmp_path / "nosuch.zip").code == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--runtime", "nosuch"], (2, "not registered")),
        (["--runner", ""], (2, "--runner is empty")),
        (["--runner", "'open"], (2, "not a command")),
        (["--runner", "/no/such/program"], (3, "does not start")),
        (["--target", "nosuch"], (2, "its targets: row")),
        (["--threads", "0"], (2, "threads must be at least 1")),
        (["--public-key", "nosuch.pem"], (2, "cannot be read")),
    ],
)
def test_runs_that_cannot_be_say_why(inkport, made, files, arguments, expected):
    made()
    out = files["--out"].with_name("r.zip")
    ran = inkport("kit", "run", files["--out"], *arguments, "--out", out)
    assert (ran.code, ran.out) == (expected[0], "")
    assert expected[1] in ran.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--most-lines", "4", "--golden", "5"], "1 to 4 golden ones"),
        (["--skip", "typo"], "no such problem"),
        (["--sign", "nosuch.pem"], "cannot be read"),
        (["--lines", "nosuch.tsv"], "no such file"),
    ],
)
def test_kits_that_cannot_be_made_say_why(made, files, arguments, words):
    ran = made(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert not files["--out"].exists()


def test_a_signed_kit_is_run_and_checked_with_its_key(inkport, made, files, tmp_path):
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization", reason="signatures need it")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    kit, result = files["--out"], tmp_path / "r.zip"
    made()
    unsigned = inkport("kit", "run", kit, "--public-key", tmp_path / "public.pem", "--out", result)
    assert unsigned.code == 2
    assert "not signed" in unsigned.err
    assert made("--sign", tmp_path / "key.pem").code == 0
    assert inkport("kit", "run", kit, "--public-key", tmp_path / "public.pem", "--out", result).code == 0
    assert open_result(result).document.target == "row"
    assert inkport("kit", "check", kit, result, "--public-key", tmp_path / "public.pem").code == 0
