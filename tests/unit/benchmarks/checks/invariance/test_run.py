"""The whole run on registered runtimes: report, schema, table, examples and exit code."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

from inkport.benchmarks.checks.invariance.relations import InvarianceOptions, Relations, check_relations
from inkport.benchmarks.checks.invariance.sections import present, write_checks
from inkport.benchmarks.report.junit import Result
from inkport.benchmarks.report.schema import schema_of
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.request import Request
from inkport.core.errors import LineDataError, UnknownRuntimeError
from inkport.core.runtime import Availability
from inkport.core.target import Precision, Target
from inkport.lines.audit import Audit, audit_lines
from inkport.runtimes.relations.relations import RELATIONS


NAMES = tuple(relation.name for relation in RELATIONS)


@pytest.fixture
def run(install, fake_runtime, fake_artifact, fake_lines):
    """Check these runtimes, one target each, against a faithful reference."""

    def check(*runtimes, relations=NAMES, lines=fake_lines, sample=6, reference=None, rows=None):
        install(*(reference or [fake_runtime("torch")]), *runtimes)
        spec = fake_artifact.spec
        audit = audit_lines(lines, charset=spec.charset, preprocess=spec.preprocess, stride=spec.stride)
        targets = [Target(name=f"{r.name} row", runtime=r.name, precision=Precision.FP32) for r in runtimes]
        return check_relations(
            Request(
                model=fake_artifact,
                targets=rows or targets,
                audit=audit,
                sources=["fake.tsv"],
                provide=lambda _: fake_artifact,
                options=InvarianceOptions(sample=sample, relations=relations),
            )
        )

    return check


@pytest.fixture
def leaky(faithful):
    """Logits whose lines see the first line of their batch."""

    def logits(images):
        found = faithful(images)
        found[1:] = np.roll(found[1:], 1 + int(images[0].mean() * 50) % 3, axis=2)
        return found

    return logits


def test_one_right_and_one_wrong_target(run, fake_runtime, leaky, tmp_path):
    checked = run(fake_runtime("right"), fake_runtime("leaky", leaky))
    right, wrong = checked.report.targets
    assert (right.outcome, wrong.outcome, checked.report.exit_code) == ("pass", "violated", 1)
    assert [r.relation for r in right.section(Relations).relations] == list(NAMES)
    broken = {r.relation: r for r in wrong.section(Relations).relations if r.status == "violated"}
    assert set(broken) >= {"batch"}
    example = broken["batch"].example
    assert (len(example.lines), example.line) == (2, 1)
    assert example.expected_text != example.found_text
    write_checks(checked, present(checked.report), tmp_path)
    report = json.loads((tmp_path / "invariance.json").read_text(encoding="utf-8"))
    schema = schema_of("invariance")
    jsonschema.validate(report, schema)
    with np.load(tmp_path / example.file) as arrays:
        rerun, expected = leaky(arrays["images"])[example.line], arrays["expected"]
        assert np.array_equal(rerun, arrays["found"])
        assert not np.array_equal(rerun, expected)
        assert np.array_equal(leaky(arrays["images"][1:])[0], expected)


def test_the_table_and_the_sentences_lead_to_the_fault(run, fake_runtime, leaky, page):
    shown = present(run(fake_runtime("right"), fake_runtime("leaky", leaky)).report)
    text = " ".join(render_text(shown).split())
    assert "leaky row violated ok ok ok VIOLATED" in text
    assert "right row pass ok ok ok ok ok ok ok ok ok" in text
    assert "leaky row, batch: A line in a batch reads like the line alone" in text
    assert "as line 2 of a batch of 2, compared with the line alone: reads" in text
    assert "violated: 1 of 2 targets; holds: 1" in text
    assert [item["class"] for item in page(shown).all("li") if "class" in item] == ["bad", "good"]
    results = {case.suite: case.result for case in shown.cases if case.name == "batch"}
    assert results == {"leaky row": Result.FAILURE, "right row": Result.PASSED}


def test_a_session_that_keeps_state_is_to_be_mended_first(run, fake_runtime, faithful):
    class Counting:
        calls = 0

        def __call__(self, images):
            self.calls += 1
            return np.roll(faithful(images), self.calls % 5, axis=2)

    text = " ".join(render_text(present(run(fake_runtime("state", Counting())).report)).split())
    assert "state row: fix repeat first; the others take it for granted." in text


def test_what_is_not_there_says_why_and_stops_no_other(run, fake_runtime):
    absent = Availability(ok=False, reason="no SDK", remedy="buy one")

    def corrupt():
        raise OSError("bad magic")

    report = run(
        fake_runtime("absent", availability=absent), fake_runtime("corrupt", on_open=corrupt), fake_runtime("right")
    ).report
    assert [target.outcome for target in report.targets] == ["unavailable", "load-failed", "pass"]
    assert report.targets[0].reason == "no SDK (fix: buy one)."
    assert "bad magic" in report.targets[1].reason
    assert (report.exit_code, [len(t.section(Relations).relations) for t in report.targets]) == (1, [0, 0, len(NAMES)])


def test_without_a_reference_padding_is_not_judged(run, fake_runtime):
    absent = Availability(ok=False, reason="torch is not installed")
    reference = [fake_runtime(name, availability=absent) for name in ("torch", "onnxruntime")]
    report = run(fake_runtime("right"), reference=reference).report
    (target,) = report.targets
    notes = {relation.relation: relation.note for relation in target.section(Relations).relations}
    assert (report.reference, "torch is not installed" in report.note) == (None, True)
    assert "not judged" in notes["padding"]
    assert "only the shapes" in notes["width"]


def test_every_session_is_closed_and_the_sample_is_kept_small(run, fake_runtime):
    port = fake_runtime("right")
    rows = [Target(name="few", runtime="right", precision=Precision.FP32, lines=2)]
    (target,) = run(port, rows=rows).report.targets
    assert target.section(Relations).lines == 2
    assert port.opened == port.closed >= len(NAMES)
    assert port.threads == {1, 2, 4}


def test_requests_that_cannot_be_met(run, fake_runtime):
    with pytest.raises(LineDataError, match="no usable line"):
        run(fake_runtime("right"), lines=[])
    with pytest.raises(UnknownRuntimeError):
        run(fake_runtime("right"), rows=[Target(name="x", runtime="tensrrt", precision=Precision.FP32)])
    assert Audit().lines == []
