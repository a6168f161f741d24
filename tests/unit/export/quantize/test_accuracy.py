"""NNCF's accuracy control, driven by the CER, on the reader whose head int8 ruins."""

from __future__ import annotations

import pytest

from inkport.core.ctc import greedy
from inkport.core.errors import ExportError
from inkport.core.metrics import cer
from inkport.core.registry import open_session
from inkport.export.quantize.openvino_int8 import (
    AccuracyControl,
    OpenVinoInt8Options,
    ValidationSet,
    int8_openvino_from_onnx,
)


@pytest.fixture(scope="module")
def make(source, calibration, audit, tmp_path_factory):
    validation = ValidationSet.of(audit.pick(range(12)))

    def run(name, **settings):
        control = AccuracyControl(**settings) if settings else None
        return int8_openvino_from_onnx(
            source,
            tmp_path_factory.mktemp("openvino") / name,
            calibration=calibration,
            options=OpenVinoInt8Options(keep_fp32=(), accuracy=control),
            validation=validation if settings else None,
        )

    return run


def rate(artifact, audit):
    with open_session(artifact, runtime="openvino") as session:
        texts = [greedy(session.run(image)[0], artifact.spec.charset).text for image in audit.inputs]
    return cer([line.text for line in audit.lines], texts).rate


def test_the_operator_that_does_harm_goes_back_to_fp32(make, audit, calibration):
    few = audit.pick(range(12))
    plain = make("plain")
    assert rate(plain, few) > 0.05, "int8 ruins the head"
    assert "accuracy" not in plain.provenance.options
    held = make("held", max_drop=2.0, ranking_lines=6)
    assert rate(held, few) <= 0.02
    record = held.provenance.options["accuracy"]
    assert record["cer"] == pytest.approx(rate(held, few), abs=1e-3)
    assert record["cer_fp32"] == 0
    assert record["returned"] == ["head"]
    assert record["max_drop"] == 2.0
    assert record["validation"]["ids"] == [line.id for line in few.lines]
    assert held.provenance.calibration == calibration.record


def test_where_the_drop_is_allowed_nothing_goes_back(make, audit):
    loose = make("loose", max_drop=100.0)
    assert rate(loose, audit) == pytest.approx(rate(make("plain"), audit), abs=1e-3)
    assert loose.provenance.options["accuracy"]["returned"] == []


def test_the_same_lines_give_the_same_bytes(make):
    first, second = make("first", max_drop=2.0), make("second", max_drop=2.0)
    assert first.files == second.files
    assert first.provenance == second.provenance


def test_accuracy_control_needs_validation_lines_and_sound_numbers(source, calibration, tmp_path):
    options = OpenVinoInt8Options(accuracy=AccuracyControl())
    with pytest.raises(ExportError, match="no validation lines"):
        int8_openvino_from_onnx(source, tmp_path / "out", calibration=calibration, options=options)
    with pytest.raises(ExportError, match="max_drop"):
        AccuracyControl(max_drop=-0.1)


def test_a_rise_that_remains_is_refused(make, monkeypatch):
    from inkport.export.quantize.openvino_int8 import Drop

    monkeypatch.setattr(Drop, "measure", classmethod(lambda cls, *_: cls(cer_fp32=0.10, cer=0.14, returned=("head",))))
    with pytest.raises(ExportError, match=r"rose by 4.00 points, 2.00 are allowed"):
        make("refused", max_drop=2.0)
