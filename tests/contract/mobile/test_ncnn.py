"""ncnn: full precision weights, and what happens when the converter fails."""

from __future__ import annotations

import sys

import pytest


pytest.importorskip("pnnx", reason="ncnn files are made by pnnx")
pytest.importorskip("ncnn", reason="and run by ncnn")

import inkport.export.from_torch.ncnn_net as exporter
from inkport.core.errors import ExportError
from inkport.core.registry import open_session
from inkport.core.target import Precision


@pytest.fixture(scope="module")
def network(export_toy):
    return export_toy("ncnn", Precision.FP32)


def test_converting_again_gives_the_same_bytes(toy_artifact, network, tmp_path):
    assert exporter.ncnn_from_safetensors(toy_artifact, tmp_path / "again").files == network.files


def test_weights_and_computation_stay_in_32_bits(toy_artifact, network):
    with open_session(network, runtime="ncnn") as session:
        options = session.session._net.opt
        assert not any(getattr(options, name) for name in dir(options) if name.startswith(("use_fp16", "use_bf16"))), (
            "pnnx and ncnn halve the precision by default"
        )
    from safetensors.numpy import load_file

    tensors = load_file(toy_artifact.file(".safetensors"))
    products = sum(t.size for name, t in tensors.items() if name.endswith("weight") and t.ndim > 1)
    assert network.file(".bin").stat().st_size >= 4 * products


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import sys; print('reading'); print('no such op', file=sys.stderr); sys.exit(3)", "ended with 3: no such op"),
        ("pass", "ended with 0: it printed nothing"),
        ("import time; time.sleep(60)", "did not end within 1 s"),
    ],
)
def test_a_converter_that_fails_is_an_error_with_its_last_word(toy_artifact, tmp_path, monkeypatch, script, reason):
    import pnnx

    program = tmp_path / "pnnx"
    program.write_text(f"#!{sys.executable}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(pnnx, "EXEC_PATH", str(program))
    monkeypatch.setattr("inkport.export.pnnx.TIMEOUT_S", 1 if "sleep" in script else 120)
    with pytest.raises(ExportError, match=reason):
        exporter.ncnn_from_safetensors(toy_artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()
