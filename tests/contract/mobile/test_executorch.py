"""ExecuTorch: which operators run where, and its one thread pool."""

from __future__ import annotations

import numpy as np
import pytest


pytest.importorskip("torch", reason="ExecuTorch's runtime links to torch")
pytest.importorskip("executorch.extension", reason="programs are made and run by executorch")

import inkport.export.from_torch.et as exporter
from inkport.core.errors import ExportError, RuntimeUnavailableError
from inkport.core.registry import open_session
from inkport.core.runtime import SessionOptions
from inkport.core.target import Precision


@pytest.fixture(scope="module")
def program(export_toy):
    return export_toy("executorch", Precision.FP32)


def test_converting_again_gives_the_same_bytes_and_names_what_runs_outside_the_delegate(
    toy_artifact, program, tmp_path
):
    again = exporter.executorch_from_safetensors(toy_artifact, tmp_path / "again")
    assert again.files == program.files
    portable = program.provenance.options["portable_operators"]
    assert portable  # an upsampling concatenation at the least
    assert not [name for name in portable if any(part in name for part in exporter.PRODUCTS)]


def test_a_product_outside_the_delegate_is_an_error(toy_artifact, tmp_path, monkeypatch):
    monkeypatch.setattr(exporter, "PRODUCTS", ("cat",))  # as if concatenation were one
    with pytest.raises(ExportError, match="XNNPACK does not take aten"):
        exporter.executorch_from_safetensors(toy_artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_second_session_with_other_threads_is_refused_and_the_first_goes_on(program, rng):
    images = rng.random((1, 1, 48, 96), dtype=np.float32)
    with open_session(program, runtime="executorch", options=SessionOptions(threads=1)) as session:
        before = session.run(images)
        with pytest.raises(RuntimeUnavailableError, match="one thread pool per process"):
            open_session(program, runtime="executorch", options=SessionOptions(threads=2))
        with open_session(program, runtime="executorch", options=SessionOptions(threads=1)) as same:
            np.testing.assert_array_equal(same.run(images), before)
        np.testing.assert_array_equal(session.run(images), before)
    with open_session(program, runtime="executorch", options=SessionOptions(threads=2)) as session:
        np.testing.assert_allclose(session.run(images), before, atol=1e-6)
