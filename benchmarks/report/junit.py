"""JUnit XML, which every continuous integration shows as test results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from xml.etree import ElementTree as ET

from inkport.benchmarks.run.record import Outcome
from inkport.core.xml_text import xml_text


class Result(StrEnum):
    """How a case ended; the names are those of JUnit's elements."""

    PASSED = "passed"
    """It holds."""
    SKIPPED = "skipped"
    """It could not be decided."""
    FAILURE = "failure"
    """It does not hold."""
    ERROR = "error"
    """Something broke before it could be looked at."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test case."""

    suite: str
    """Name of its suite: the target."""
    name: str
    """What is looked at."""
    result: Result
    """How it ended."""
    message: str = ""
    """Why, in a sentence; empty if it passed."""
    output: str = ""
    """Figures, shown whatever the result."""


RESULTS = {
    Outcome.PASS: Result.PASSED,
    Outcome.REFERENCE: Result.SKIPPED,
    Outcome.INCONCLUSIVE: Result.SKIPPED,
    Outcome.NOT_JUDGED: Result.SKIPPED,
    Outcome.UNAVAILABLE: Result.SKIPPED,
    Outcome.EXPORT_FAILED: Result.ERROR,
    Outcome.LOAD_FAILED: Result.ERROR,
    Outcome.RUN_FAILED: Result.ERROR,
    Outcome.VIOLATED: Result.FAILURE,
    Outcome.TEXT_DIFFERS: Result.FAILURE,
    Outcome.DIVERGED: Result.FAILURE,
    Outcome.LATENCY_OVER_BUDGET: Result.FAILURE,
    Outcome.FELL_BACK: Result.FAILURE,
}
"""What each outcome is in JUnit's words; a required target that is unavailable is an error."""


def junit_xml(name: str, cases: Sequence[Case], *, timestamp: str) -> str:
    """Return cases as JUnit XML, grouped into their suites.

    Args:
        name: Name of the whole.
        cases: The cases, in order.
        timestamp: When they were looked at (ISO 8601).

    Source:
        The form that Jenkins, GitLab and the actions for GitHub read: https://github.com/testmoapp/junitxml
    """
    root = ET.Element("testsuites", {"name": xml_text(name), **_counts(cases)})
    for suite in dict.fromkeys(case.suite for case in cases):
        part = [case for case in cases if case.suite == suite]
        # Without the offset, which is UTC's: the type in JUnit's schemas has none.
        stamp = timestamp.removesuffix("+00:00")
        attributes = {"name": xml_text(suite), "timestamp": stamp, **_counts(part), "skipped": _skipped(part)}
        element = ET.SubElement(root, "testsuite", attributes)
        for case in part:
            _add(element, case)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add(suite: ET.Element, case: Case) -> None:
    attributes = {"classname": xml_text(case.suite), "name": xml_text(case.name)}
    element = ET.SubElement(suite, "testcase", attributes)
    if case.result is not Result.PASSED:
        kind = {} if case.result is Result.SKIPPED else {"type": str(case.result)}
        ET.SubElement(element, case.result, {"message": xml_text(case.message), **kind}).text = xml_text(case.message)
    if case.output:
        ET.SubElement(element, "system-out").text = xml_text(case.output)


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    results = [case.result for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(results.count(Result.FAILURE)),
        "errors": str(results.count(Result.ERROR)),
    }


def _skipped(cases: Sequence[Case]) -> str:
    # Only of suites: Jenkins' schema has no such attribute for all of them together.
    return str([case.result for case in cases].count(Result.SKIPPED))
