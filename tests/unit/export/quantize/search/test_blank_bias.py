from __future__ import annotations

import numpy as np
import onnx
import pytest

from inkport.core.errors import ExportError, LineDataError
from inkport.core.metrics import cer
from inkport.export.quantize.onnx_int8 import Int8Options, Part, int8_onnx_from_onnx
from inkport.export.quantize.search.blank_bias import correct_blank_bias, fit_blank_bias, head_bias_onnx_from_onnx


@pytest.fixture(scope="module")
def quantized(source, calibration, tmp_path_factory):
    """In int8 but for the head, which int8 would ruin."""
    out = tmp_path_factory.mktemp("quantized") / "int8"
    return int8_onnx_from_onnx(source, out, calibration=calibration, options=Int8Options(keep_fp32=(Part.HEAD,)))


@pytest.mark.parametrize("planted", [1.5, -1.0])
def test_a_planted_blank_bias_is_taken_back(planted, quantized, meter, tmp_path):
    bent = head_bias_onnx_from_onnx(quantized, tmp_path / "bent", label=0, offset=planted)
    made, found = correct_blank_bias(bent, tmp_path / "made", meter=meter)
    assert found.offset == pytest.approx(-planted, abs=0.4)
    lost, new = found.edits_before.deletions, found.edits_before.insertions
    assert (lost > 20 and new == 0) if planted > 0 else (new > 0)
    assert found.edits.total <= 2
    assert found.cer < found.cer_before / 10
    assert found.cer_held_out < found.cer_before / 5
    before, after = meter.read(quantized), meter.read(made)
    np.testing.assert_allclose(after[0][:, 1:], before[0][:, 1:], atol=1e-5)
    np.testing.assert_allclose(after[0][:, 0] - before[0][:, 0], planted + found.offset, atol=1e-5)
    assert meter.measure(made).cer == found.cer
    record = made.provenance.options["head_bias"]
    assert record["edits_before"]["deletions"] == lost
    assert record["validation"]["sha256"] == meter.record.sha256
    assert made.provenance.calibration == quantized.provenance.calibration


def test_the_chosen_offset_is_the_best_of_all(quantized, meter, tmp_path):
    bent = head_bias_onnx_from_onnx(quantized, tmp_path / "bent", label=0, offset=0.7)
    logits = meter.read(bent)
    found = fit_blank_bias(logits, meter.audit.lines, bent.spec.charset)

    def rate(offset):
        from inkport.core.ctc import greedy

        moved = [rows + np.eye(8, dtype=np.float32)[0] * np.float32(offset) for rows in logits]
        texts = [greedy(rows, bent.spec.charset).text for rows in moved]
        return cer([line.text for line in meter.audit.lines], texts).rate

    assert found.cer == rate(found.offset)
    assert found.cer_before == rate(0.0)
    assert found.cer <= min(rate(offset) for offset in np.arange(-2, 2, 0.1)) + 1e-9


def test_where_nothing_is_to_be_gained_nothing_changes(source, meter, tmp_path):
    made, found = correct_blank_bias(source, tmp_path / "made", meter=meter)
    assert found.offset == 0
    assert found.cer == found.cer_before == 0
    np.testing.assert_array_equal(meter.read(made)[0], meter.read(source)[0])


def test_the_same_lines_give_the_same_bytes(quantized, meter, tmp_path):
    made = [correct_blank_bias(quantized, tmp_path / name, meter=meter)[0] for name in ("first", "second")]
    assert made[0].files == made[1].files
    assert made[0].provenance == made[1].provenance


def test_a_graph_without_a_bias_at_its_end_is_refused(source, tmp_path):
    from inkport.core.artifact import Provenance, load_artifact, new_artifact

    model = onnx.load(source.file(".onnx"))
    model.graph.node[-1].op_type = "Sub"
    provenance = Provenance(stage="test")
    with new_artifact(
        tmp_path / "odd", spec=source.spec, format="onnx", precision=source.precision, provenance=provenance
    ) as folder:
        onnx.save(model, folder / "model.onnx")
    with pytest.raises(ExportError, match="one fp32 bias per label"):
        head_bias_onnx_from_onnx(load_artifact(tmp_path / "odd"), tmp_path / "made", label=0, offset=1.0)
    with pytest.raises(ExportError, match="no label 8"):
        head_bias_onnx_from_onnx(source, tmp_path / "made", label=8, offset=1.0)


def test_two_lines_at_least(meter):
    with pytest.raises(LineDataError, match="at least 2 lines"):
        fit_blank_bias([np.zeros((3, 8), np.float32)], meter.audit.lines[:1], meter.reference.spec.charset)
