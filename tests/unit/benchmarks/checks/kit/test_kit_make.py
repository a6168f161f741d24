"""What a kit holds is what the reference made of the lines, and the same request gives the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inkport.benchmarks.checks.kit.make import KitOptions, make_kit
from inkport.benchmarks.run.kit.manifest import KitStage
from inkport.core.errors import LineDataError, RuntimeUnavailableError, UnknownRuntimeError, UsageError
from inkport.core.preprocess import TRIANGLE_V1
from inkport.core.target import Budget, Precision, Target
from inkport.lines.audit import Audit
from inkport.lines.line import digest_lines


def test_the_same_request_gives_the_same_bytes(request_kit, tmp_path):
    first = make_kit(request_kit(), tmp_path / "a.zip")
    second = make_kit(request_kit(), tmp_path / "b.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.digest == second.digest


def test_another_budget_text_or_reference_is_another_kit(request_kit, kit, fake_runtime, install, tmp_path):
    request, faithful = request_kit(), fake_runtime("torch").logits
    tight = [replace(request.targets[0], budget=Budget(cer_margin=0.1))]
    renamed = Audit(lines=[replace(line, text="bad") for line in request.audit.lines], inputs=request.audit.inputs)
    others = [replace(request, targets=tight), replace(request, audit=renamed)]
    digests = {make_kit(other, tmp_path / "other.zip").digest for other in others}
    install(fake_runtime("torch", logits=lambda images: faithful(images) * 2), fake_runtime("acme"))
    digests.add(make_kit(request, tmp_path / "other.zip").digest)
    assert len(digests | {kit.digest}) == 4


def test_the_digest_is_that_of_the_manifest_which_holds_all_others(kit):
    with zipfile.ZipFile(kit.path) as archive:
        manifest = archive.read("kit.json")
        assert archive.namelist()[0] == "kit.json"
        document = json.loads(manifest)
        assert document["files"].keys() == set(archive.namelist()) - {"kit.json"}
        for name, info in document["files"].items():
            data = archive.read(name)
            assert (info["size"], info["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert kit.digest == hashlib.sha256(manifest).hexdigest()
    assert document["schema"] == 1


def test_golden_values_are_those_of_each_stage(kit, faithful):
    golden = [(entry, kit.golden(entry)) for entry in kit.manifest.lines if entry.golden]
    assert len(golden) == 4
    for entry, values in golden:
        # Pillow and plain arithmetic instead of our own code: these lines have the network's height already.
        pixels = np.asarray(Image.open(io.BytesIO(kit.members[entry.image])), dtype=np.uint8)
        height, width = pixels.shape
        tensor = np.full((1, 1, height, -(-width // 16) * 16), 255, np.uint8)
        tensor[0, 0, :, :width] = pixels
        for stage, expected in ((KitStage.GRAY, pixels), (KitStage.TENSOR, tensor)):
            assert values[stage].dtype == np.uint8
            np.testing.assert_array_equal(values[stage], expected)
        images = tensor.astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(values[KitStage.LOGITS], faithful(images))
        assert entry.reading == entry.text
    assert [kit.golden(entry) for entry in kit.manifest.lines if not entry.golden] == [{}] * 6


@pytest.mark.parametrize("resampling", [TRIANGLE_V1])
def test_a_recogniser_of_triangle_v1_has_golden_values_in_float32(kit, faithful):
    values = next(kit.golden(entry) for entry in kit.manifest.lines if entry.golden)
    line = next(line for entry, line in zip(kit.manifest.lines, kit.lines, strict=True) if entry.golden)
    np.testing.assert_array_equal(values[KitStage.GRAY], line.gray())
    assert {array.dtype for array in values.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(values[KitStage.LOGITS], faithful(values[KitStage.TENSOR]))
    assert (kit.manifest.tolerances.gray_levels, kit.manifest.tolerances.tensor_levels) == (1.0, 0.5)


def test_it_chooses_lines_of_all_widths_and_keeps_their_order(kit, request_kit):
    request = request_kit()
    ids = [line.id for line in request.audit.lines]
    chosen = [entry.id for entry in kit.manifest.lines]
    assert chosen == [name for name in ids if name in chosen]
    assert len(chosen) == 10
    assert kit.manifest.data_sha256 == digest_lines(kit.lines)
    assert [line.unit for line in kit.lines] == [line.unit for line in request.audit.lines if line.id in chosen]


def test_writers_and_documents_stay_apart(request_kit, tmp_path):
    audit = request_kit().audit
    known = [replace(line, writer="w" if i % 2 else "", document=f"d{i}") for i, line in enumerate(audit.lines)]
    made = make_kit(request_kit(audit=Audit(lines=known, inputs=audit.inputs), lines=4, golden=1), tmp_path / "k.zip")
    units = {line.id: line.unit for line in known}
    assert {line.unit for line in made.lines} <= set(units.values())
    assert [(line.unit, line.document) for line in made.lines] == [
        (units[line.id], next(other.document for other in known if other.id == line.id)) for line in made.lines
    ]


def test_artifacts_come_out_as_they_went_in(kit, fake_artifact, tmp_path):
    artifact = kit.extract_artifact(kit.target(), tmp_path / "out")
    assert (artifact.digest, artifact.provenance) == (fake_artifact.digest, fake_artifact.provenance)
    assert artifact.file(".fake").read_bytes() == b"12345"


def test_targets_of_one_artifact_share_it(request_kit, tmp_path):
    rows = [Target(name=n, runtime="acme", precision=Precision.FP32, options={"a": n}) for n in ("one", "two")]
    kit = make_kit(request_kit(targets=rows), tmp_path / "a.zip")
    assert len(kit.manifest.artifacts) == 1
    assert [kit.target(n).options for n in ("one", "two")] == [{"a": "one"}, {"a": "two"}]
    assert kit.target().name == "one"
    with pytest.raises(UsageError, match=r"no target 'three'.*\nfix: its targets: one, two"):
        kit.target("three")


def test_what_cannot_be_made_says_why_and_leaves_the_old_one(request_kit, install, kit):
    before = kit.path.read_bytes()
    with pytest.raises(LineDataError, match="no usable line"):
        make_kit(request_kit(audit=Audit()), kit.path)
    with pytest.raises(UnknownRuntimeError):
        make_kit(request_kit(targets=[Target(name="x", runtime="nosuch", precision=Precision.FP32)]), kit.path)
    request = request_kit()
    install()
    with pytest.raises(UnknownRuntimeError):
        make_kit(request, kit.path)
    assert kit.path.read_bytes() == before


def test_without_a_reference_there_is_no_kit(request_kit, install, fake_runtime, tmp_path):
    from inkport.core.runtime import Availability

    request = request_kit()
    absent = Availability(ok=False, reason="not here", remedy="none")
    install(*(fake_runtime(name, availability=absent) for name in ("torch", "onnxruntime")), fake_runtime("acme"))
    with pytest.raises(RuntimeUnavailableError, match="no reference"):
        make_kit(request, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize(("lines", "golden"), [(0, 0), (4, 0), (4, 5), (-1, -1)])
def test_impossible_counts_are_refused(request_kit, lines, golden):
    with pytest.raises(UsageError, match="golden ones"):
        request_kit(lines=lines, golden=golden)
    assert KitOptions.lines >= KitOptions.golden
