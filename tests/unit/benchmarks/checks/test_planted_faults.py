"""Ports with each kind of fault that users of other tools complain of: all are caught, and the message leads there.

``docs/faults.md`` has a row per plant, and its rows are held to what happens here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from inkport import benchmarks
from inkport.benchmarks.checks.invariance.relations import InvarianceOptions, Relations, check_relations
from inkport.benchmarks.checks.invariance.sections import describe
from inkport.benchmarks.checks.verify import verify
from inkport.benchmarks.run.fresh import measure_ready
from inkport.benchmarks.run.kit.judge import name_tensor_fault
from inkport.benchmarks.run.request import Request, VerifyOptions
from inkport.commands._request import check_calibration
from inkport.core.artifact import bundled_artifacts
from inkport.core.errors import LineDataError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.core.target import Budget, Precision, Target
from inkport.export.quantize.qdq import saturation_warning
from inkport.lines.audit import audit_lines
from inkport.runtimes.relations.relations import RELATIONS


DOCUMENT = Path(__file__).parents[4] / "docs" / "faults.md"
PLANTS = {}
"""The plants by their name in the document; each gets ``bench`` and returns what the tool says."""


def plant(name):
    def register(function):
        PLANTS[name] = function
        return function

    return register


class Workbench:
    """Verifies and checks fake ports, with a faithful reference unless told otherwise."""

    def __init__(self, *, install, runtime, artifact, lines, faithful, folder):
        self.install, self.runtime, self.artifact = install, runtime, artifact
        self.faithful, self.folder = faithful, folder
        spec = artifact.spec
        self.audit = audit_lines(lines, charset=spec.charset, preprocess=spec.preprocess, stride=spec.stride)

    def _targets(self, port, reference):
        self.install(reference or self.runtime("torch"), port)
        budget = Budget(cer_margin=0.1)
        return [Target(name="port", runtime=port.name, precision=Precision.FP32, budget=budget)]

    def verify(self, logits, *, reference=None):
        targets = self._targets(self.runtime("port", logits), reference and self.runtime("torch", reference))
        request = Request(
            model=self.artifact,
            targets=targets,
            audit=self.audit,
            sources=["fake.tsv"],
            provide=lambda _: self.artifact,
            options=VerifyOptions(latency_lines=0, resamples=200),
        )
        return verify(request).targets[0]

    def relation(self, name, logits):
        """Return what the metamorphic suite says of one relation."""
        targets = self._targets(self.runtime("port", logits), None)
        request = Request(
            model=self.artifact,
            targets=targets,
            audit=self.audit,
            sources=["fake.tsv"],
            provide=lambda _: self.artifact,
            options=InvarianceOptions(sample=6, relations=tuple(r.name for r in RELATIONS)),
        )
        target = check_relations(request).report.targets[0]
        return describe(target, next(r for r in target.section(Relations).relations if r.relation == name))


@pytest.fixture
def bench(install, fake_runtime, fake_artifact, fake_lines, request):
    return Workbench(
        install=install,
        runtime=fake_runtime,
        artifact=fake_artifact,
        lines=fake_lines,
        faithful=request.getfixturevalue("faithful"),
        folder=request.getfixturevalue("tmp_path"),
    )


@plant("C1 a weight damaged by the export")
def damaged_weights(bench):
    def logits(images):
        found = bench.faithful(images)
        found[..., [2, 5]] = found[..., [5, 2]]
        return found

    return bench.verify(logits).reason


@plant("C2 logits far off, text the same")
def far_off(bench):
    target = bench.verify(lambda images: 40 * bench.faithful(images) + 7)
    return f"{target.outcome}, {target.parity.flipped_lines} lines flipped"


@plant("C2 logits within 0.01, text another")
def close_by(bench):
    def small(images):
        return np.float32(1e-3) * bench.faithful(images)

    def port(images):
        found = small(images)
        assert np.abs(np.roll(found, 1, axis=2) - found).max() < 0.01
        return np.roll(found, 1, axis=2)

    return bench.verify(port, reference=small).reason


@plant("C3 a port that reads better than its reference")
def better(bench):
    return bench.verify(bench.faithful, reference=lambda images: np.roll(bench.faithful(images), 1, axis=2)).reason


@plant("C4 a fixed width that crops longer lines")
def cropped(bench):
    def logits(images):
        seen = images.copy()
        seen[..., 128:] = 1
        return bench.faithful(seen)

    return bench.relation("width", logits)


@plant("C5 text that depends on the neighbours in the batch")
def neighbours(bench):
    def logits(images):
        seen = images.copy()
        seen[..., -32:] = np.roll(images, 1, axis=0)[..., -32:]
        return bench.faithful(seen)

    return bench.relation("neighbours", logits)


@plant("C6 preprocessing without antialiasing")
def aliased(_):
    spec = PreprocessSpec()
    gray = np.random.default_rng(3).random((130, 700), dtype=np.float32)
    expected = prepare(gray, spec)
    content = spec.content_width(*gray.shape)
    rows = (np.arange(spec.height) + 0.5) * 130 / spec.height - 0.5
    columns = (np.arange(content) + 0.5) * 700 / content - 0.5
    found = expected.copy()
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = (rows - top)[:, None], columns - left
    padded = np.pad(gray, 1, mode="edge")[1:, 1:]
    upper = padded[top][:, left] * (1 - right) + padded[top][:, left + 1] * right
    lower = padded[top + 1][:, left] * (1 - right) + padded[top + 1][:, left + 1] * right
    found[0, 0, :, :content] = upper * (1 - down) + lower * down
    return name_tensor_fault(found, expected, 0.5, gray=gray, spec=spec)


@plant("C6 preprocessing that scales to -1..1")
def rescaled(_):
    spec = PreprocessSpec()
    gray = np.random.default_rng(3).random((64, 700), dtype=np.float32)
    return name_tensor_fault(prepare(gray, spec) * 2 - 1, prepare(gray, spec), 0.5, gray=gray, spec=spec)


@plant("C7 int8 that saturates without VNNI")
def saturated(_):
    pytest.importorskip("onnx", reason="the lint reads ONNX files")
    return saturation_warning(bundled_artifacts()[0])


@plant("C8 calibration on the lines that are to prove it")
def calibrated(_):
    proof = Path(benchmarks.__file__).parent / "samples" / "lines.tsv"
    with pytest.raises(LineDataError) as caught:
        check_calibration([proof], [proof])
    return str(caught.value)


@plant("C9 a recurrent state kept from line to line")
def state(bench):
    kept = np.zeros(1)

    def logits(images):
        found = np.roll(bench.faithful(images), int(kept[0]), axis=2)
        kept[0] = int(images.mean() * 50) % 3
        return found

    return bench.relation("order", logits)


@plant("C10 a first call that takes thirty seconds")
def cold(bench):
    """Each width compiles for 30 s at its first call; the clock is the test's."""
    now, seen = [0], set()

    def logits(images):
        now[0] += 1_000_000 if images.shape[3] in seen else 30_000_000_000
        seen.add(images.shape[3])
        return bench.faithful(images)

    bench.install(bench.runtime("port", logits))
    request = {"artifact": str(bench.artifact.path), "runtime": "port", "device": "cpu", "threads": 1, "extra": {}}
    (bench.folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    for index, width in enumerate((64, 96)):
        np.save(bench.folder / f"{index}.npy", np.ones((1, 1, 48, width), np.float32))
    found = measure_ready(bench.folder, clock=lambda: now[0])
    return f"first {found.first_ms['96']:g} ms, later {found.later_ms['96']:g} ms"


def rows():
    """Return plant, check and what it says, per row of the document's table."""
    text = DOCUMENT.read_text(encoding="utf-8")
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.match(r"C\d+ ", cells[0]):
            found[cells[0]] = cells[1:]
    return found


def test_the_document_has_a_row_for_every_plant_and_each_complaint_is_planted():
    assert list(rows()) == list(PLANTS)
    assert {name.split()[0] for name in PLANTS} == {f"C{number}" for number in range(1, 11)}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_fault_is_caught_and_the_message_leads_to_it(name, bench):
    said = PLANTS[name](bench)
    assert said is not None, "not caught"
    _, quoted = rows()[name]
    for part in re.findall(r"`([^`]+)`", quoted):
        assert part in said, said


@pytest.mark.parametrize("relation", ["width", "neighbours", "order"])
def test_a_faithful_port_is_not_accused(relation, bench):
    assert "VIOLATED" not in bench.relation(relation, bench.faithful)
    assert bench.verify(bench.faithful).parity.flipped_lines == 0
