"""The adapter for macOS against a strict fake: what it asks of coremltools, and what it makes of the answers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest


pytest.importorskip("torch", reason="the toy and its golden logits need torch")

from coremltools import ComputeUnit

from inkport.core.errors import (
    ArtifactCorruptError,
    RuntimeUnavailableError,
    SpecMismatchError,
    UnsupportedFormatError,
)
from inkport.core.registry import open_session
from inkport.core.runtime import Placed, SessionOptions
from inkport.runtimes.conformance import RuntimeConformance
from inkport.runtimes.coreml import CoreMl
from inkport.runtimes.logits import sample_images


OPTIONS = SessionOptions()


class OnMac(RuntimeConformance):
    runtime = "coreml"
    # Core ML decides by itself.
    thread_counts = ()

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def machine(cls, mac):
        return mac

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls, toy_golden):
        return toy_golden


class TestCpu(OnMac):
    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls, package):
        return package()


class TestNeuralEngine(OnMac):
    device = "ane"

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls, enumerated):
        return enumerated


@pytest.mark.usefixtures("mac")
class TestCalls:
    @pytest.mark.parametrize(
        ("device", "unit"),
        [("cpu", ComputeUnit.CPU_ONLY), ("gpu", ComputeUnit.CPU_AND_GPU), ("ane", ComputeUnit.CPU_AND_NE)],
    )
    def test_each_device_has_its_compute_unit(self, mac, enumerated, device, unit):
        session = CoreMl().open(enumerated, device=device, options=OPTIONS)
        assert mac.loaded[-1].unit is unit
        assert isinstance(session, Placed)
        session.placement()
        assert mac.plans[-1] is unit

    def test_placement_counts_what_runs_and_names_where(self, mac, enumerated, monkeypatch):
        monkeypatch.setattr(mac, "places", ["ane", None, "ane", "cpu", "ane", "gpu", None])
        placement = CoreMl().open(enumerated, device="ane", options=OPTIONS).placement()
        assert placement.wanted == "ane"
        assert placement.operators == {"ane": 3, "cpu": 1, "gpu": 1}
        assert placement.elsewhere == 2

    def test_the_neural_engine_needs_enumerated_widths(self, package):
        with pytest.raises(UnsupportedFormatError, match=r"range \(widths 32\.\.2048\) at one width") as caught:
            CoreMl().open(package(), device="ane", options=OPTIONS)
        assert "enumerated widths" in caught.value.remedy

    def test_a_width_in_between_is_padded_with_background(self, mac, enumerated, toy_artifact, monkeypatch):
        session = CoreMl().open(enumerated, device="cpu", options=OPTIONS)
        seen = []
        predict = type(mac.loaded[-1]).predict
        monkeypatch.setattr(
            type(mac.loaded[-1]), "predict", lambda self, data: seen.append(data["images"]) or predict(self, data)
        )
        images = sample_images(toy_artifact.spec.preprocess, 64, lines=2)
        logits = session.run(images)
        assert [line.shape for line in seen] == [(1, 1, 48, 112)] * 2
        assert all(np.array_equal(line[..., :64], image[None]) for line, image in zip(seen, images, strict=True))
        assert all((line[..., 64:] == 1).all() for line in seen)
        assert logits.shape == (2, 16, toy_artifact.spec.charset.size)

    def test_a_width_that_is_not_taken_is_refused_with_those_that_are(self, package, enumerated, toy_artifact):
        pre = toy_artifact.spec.preprocess
        session = CoreMl().open(enumerated, device="cpu", options=OPTIONS)
        with pytest.raises(SpecMismatchError, match=r"1040 does not fit.*32, 112, 352, 1024"):
            session.run(sample_images(pre, 1040))
        ranged = CoreMl().open(package(), device="cpu", options=OPTIONS)
        for width in (24, 40, 2064):
            with pytest.raises(SpecMismatchError, match=rf"{width} does not fit.*32\.\.2048, in multiples of 16"):
                ranged.run(np.ones((1, 1, pre.height, width), dtype=np.float32))

    def test_a_package_that_core_ml_refuses_is_an_error_with_its_reason(self, mac, package, monkeypatch):
        monkeypatch.setattr(mac, "refusal", "compiler error 17")
        with pytest.raises(ArtifactCorruptError, match="compiler error 17"):
            CoreMl().open(package(), device="cpu", options=OPTIONS)

    def test_a_mac_without_apple_silicon_has_no_neural_engine(self, enumerated, monkeypatch):
        intel = SimpleNamespace(
            system=lambda: "Darwin", machine=lambda: "x86_64", mac_ver=lambda: ("14.4", ("", "", ""), "")
        )
        monkeypatch.setattr("inkport.runtimes.coreml.platform", intel)
        assert CoreMl().probe().devices == ("cpu", "gpu")
        with pytest.raises(RuntimeUnavailableError, match="no device 'ane'") as caught:
            CoreMl().open(enumerated, device="ane", options=OPTIONS)
        assert "cpu, gpu" in caught.value.remedy

    def test_a_macos_that_cannot_tell_where_operators_run_is_too_old(self, monkeypatch):
        old = SimpleNamespace(
            system=lambda: "Darwin", machine=lambda: "arm64", mac_ver=lambda: ("14.3.1", ("", "", ""), "")
        )
        monkeypatch.setattr("inkport.runtimes.coreml.platform", old)
        found = CoreMl().probe()
        assert (found.ok, found.reason, found.remedy) == (False, "this is macOS 14.3.1", "use macOS 14.4 or newer")


def test_elsewhere_it_is_unavailable_and_points_to_the_reference_evaluator(package):
    found = CoreMl().probe()
    assert not found.ok
    assert "Core ML runs on macOS" in found.reason
    assert "coreml-mil" in found.remedy
    with pytest.raises(RuntimeUnavailableError, match="Core ML runs on macOS"):
        open_session(package(), runtime="coreml")


@pytest.mark.usefixtures("mac")
def test_without_coremltools_both_runtimes_name_the_extra(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    from inkport.core.runtime import Evidence
    from inkport.runtimes.mil.runtime import MilReference

    assert MilReference().probe().evidence is Evidence.REFERENCE

    def absent(name):
        raise PackageNotFoundError(name)

    for module, runtime in (("inkport.runtimes.coreml", CoreMl), ("inkport.runtimes.mil.runtime", MilReference)):
        monkeypatch.setattr(f"{module}.version", absent)
        found = runtime().probe()
        assert not found.ok
        assert (found.reason, found.remedy) == ("coremltools is not installed", "pip install 'inkport[coreml]'")


@pytest.mark.usefixtures("mac")
def test_the_fake_refuses_what_coremltools_would(package):
    """The fake is only worth something if a wrong call fails."""
    from coremltools.models import MLModel

    path = str(package().path / "model.mlpackage")
    misuse = pytest.raises(AssertionError)
    for arguments, keywords in (((), {}), ((path,), {"units": "ALL"}), ((path,), {"compute_units": "CPU_ONLY"})):
        with misuse:
            MLModel(*arguments, **keywords)
    model = MLModel(path, compute_units=ComputeUnit.CPU_ONLY)
    good = np.ones((1, 1, 48, 64), dtype=np.float32)
    wrong = ({"image": good}, {"images": good.astype(np.float64)}, {"images": good[..., ::2]}, {"images": good[:, 0]})
    for data in (*wrong, {"images": np.ones((2, 1, 48, 64), dtype=np.float32)}, {"images": good, "x": good}):
        with misuse:
            model.predict(data)
    with misuse:
        model.predict(inputs={"images": good})
    assert model.predict({"images": good})["logits"].shape[:2] == (1, 16)
