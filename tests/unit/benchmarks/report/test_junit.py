from __future__ import annotations

import re
from dataclasses import replace

import junitparser
import pytest

from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.report.junit import RESULTS, Case, Result, junit_xml
from inkport.benchmarks.report.sections import cases
from inkport.benchmarks.run.record import Outcome, Proof


def render(report):
    return junit_xml("inkport verify", cases(report), timestamp=report.created)


def suites(text):
    return {suite.name: suite for suite in junitparser.JUnitXml.fromstring(text.encode())}


def test_a_case_for_each_outcome_and_each_data_set(report):
    found = suites(render(report))
    assert {name: [case.name for case in suite] for name, suite in found.items()} == {
        "good port": ["outcome", "left", "right"],
        "bad port": ["outcome", "left", "right"],
        "absent port": ["outcome"],
    }
    counts = {name: (suite.tests, suite.failures, suite.errors, suite.skipped) for name, suite in found.items()}
    # Three writers may settle a data set of the bad one or not; a required runtime that is not there is an error.
    settled = sum(row.equivalence.verdict is not Verdict.INCONCLUSIVE for row in report.targets[1].parity.datasets)
    bad = (3, 1 + settled, 0, 2 - settled)
    assert counts == {"good port": (3, 0, 0, 0), "bad port": bad, "absent port": (1, 0, 1, 0)}


def test_failures_lead_to_the_reason(report):
    found = suites(render(report))
    (failure,) = next(iter(found["bad port"])).result
    assert report.targets[1].reason in failure.message
    assert failure.text == failure.message
    (error,) = next(iter(found["absent port"])).result
    assert "no SDK (fix: buy one)" in error.message
    (skipped,) = list(found["bad port"])[1].result
    assert re.match(r"INCONCLUSIVE: CER .* of 6 lines flipped", skipped.message)


def test_an_optional_runtime_that_is_not_there_is_skipped(report):
    optional = replace(report.targets[2], required=False)
    (case,) = suites(render(replace(report, targets=(optional,))))["absent port"]
    assert case.is_skipped


@pytest.mark.parametrize(
    ("verdict", "result"),
    [
        (Verdict.EQUIVALENT, []),
        (Verdict.INCONCLUSIVE, [junitparser.Skipped]),
        (Verdict.WORSE, [junitparser.Failure]),
        (Verdict.BETTER, [junitparser.Failure]),
    ],
)
def test_verdicts_of_data_sets(report, verdict, result):
    target = report.targets[0]
    rows = tuple(replace(r, equivalence=replace(r.equivalence, verdict=verdict)) for r in target.parity.datasets)
    changed = target.having(Proof(parity=replace(target.parity, datasets=rows), latency=target.latency))
    _, left, _ = suites(render(replace(report, targets=(changed,))))["good port"]
    assert [type(part) for part in left.result] == result


def test_every_outcome_has_a_result():
    assert set(RESULTS) == set(Outcome)
    assert [outcome for outcome, result in RESULTS.items() if result is Result.PASSED] == [Outcome.PASS]


def test_what_xml_cannot_hold_is_replaced():
    nasty = "<a & 'b' \"c\"> \x00\x08\ud800\uffff\u20ac"
    text = junit_xml(nasty, [Case(suite=nasty, name=nasty, result=Result.FAILURE, message=nasty)], timestamp="t")
    (suite,) = junitparser.JUnitXml.fromstring(text.encode())
    (case,) = suite
    assert case.name == "<a & 'b' \"c\"> \ufffd\ufffd\ufffd\ufffd\u20ac"
    assert case.result[0].message == case.name
