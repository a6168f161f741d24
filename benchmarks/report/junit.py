"""JUnit XML, which every continuous integration shows as test results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from xml.etree import ElementTree as ET

from inkport.benchmarks.measure.equivalence import Equivalence, Verdict
from inkport.benchmarks.measure.parity import DatasetScore
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.rows import between, percent, points
from inkport.benchmarks.run.record import Outcome, TargetRecord


FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped; readings may."""


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
    Outcome.INCONCLUSIVE: Result.SKIPPED,
    Outcome.UNAVAILABLE: Result.SKIPPED,
    Outcome.EXPORT_FAILED: Result.ERROR,
    Outcome.LOAD_FAILED: Result.ERROR,
    Outcome.RUN_FAILED: Result.ERROR,
    Outcome.VIOLATED: Result.FAILURE,
    Outcome.TEXT_DIFFERS: Result.FAILURE,
    Outcome.LATENCY_OVER_BUDGET: Result.FAILURE,
    Outcome.FELL_BACK: Result.FAILURE,
}
"""What each outcome is in JUnit's words; a required target that is unavailable is an error."""


def cases(report: Report) -> list[Case]:
    """Return the cases of `inkport verify`: a suite per target, a case for its outcome and one for each data set."""
    return [case for target in report.targets for case in _cases(target)]


def junit_xml(name: str, cases: Sequence[Case], *, timestamp: str) -> str:
    """Return cases as JUnit XML, grouped into their suites.

    Args:
        name: Name of the whole.
        cases: The cases, in order.
        timestamp: When they were looked at (ISO 8601).

    Source:
        The form that Jenkins, GitLab and the actions for GitHub read: https://github.com/testmoapp/junitxml
    """
    root = ET.Element("testsuites", {"name": _clean(name), **_counts(cases)})
    for suite in dict.fromkeys(case.suite for case in cases):
        part = [case for case in cases if case.suite == suite]
        # Without the offset, which is UTC's: the type in JUnit's schemas has none.
        stamp = timestamp.removesuffix("+00:00")
        attributes = {"name": _clean(suite), "timestamp": stamp, **_counts(part), "skipped": _skipped(part)}
        element = ET.SubElement(root, "testsuite", attributes)
        for case in part:
            _add(element, case)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add(suite: ET.Element, case: Case) -> None:
    attributes = {"classname": _clean(case.suite), "name": _clean(case.name)}
    element = ET.SubElement(suite, "testcase", attributes)
    if case.result is not Result.PASSED:
        kind = {} if case.result is Result.SKIPPED else {"type": str(case.result)}
        ET.SubElement(element, case.result, {"message": _clean(case.message), **kind}).text = _clean(case.message)
    if case.output:
        ET.SubElement(element, "system-out").text = _clean(case.output)


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


def _cases(target: TargetRecord) -> list[Case]:
    broken = target.outcome is Outcome.UNAVAILABLE and target.required
    whole = Case(
        suite=target.name,
        name="outcome",
        result=Result.ERROR if broken else RESULTS[target.outcome],
        message=f"{target.outcome}: {target.reason}" if target.reason else "",
        output=_speed(target),
    )
    return [whole, *(_dataset_case(target.name, row) for row in (target.parity.datasets if target.parity else ()))]


def _speed(target: TargetRecord) -> str:
    latency = target.latency
    return f"p50 {latency.p50_ms:.3f} ms, p90 {latency.p90_ms:.3f} ms, p99 {latency.p99_ms:.3f} ms" if latency else ""


def _dataset_case(target: str, row: DatasetScore) -> Case:
    found = row.equivalence
    figures = (
        f"CER {percent(row.cer)} %, reference {percent(row.cer_reference)} %, difference {points(row.delta)} points, "
        f"95 % interval {between(row.interval)}, margin {100 * found.margin:g}, "
        f"{row.flipped_lines} of {row.lines} lines flipped"
    )
    result = dataset_result(found)
    writers = " (seen writers)" if row.seen_writer else ""
    message = "" if result is Result.PASSED else f"{found.verdict}: {figures}"
    return Case(
        suite=target, name=(row.dataset or "all lines") + writers, result=result, message=message, output=figures
    )


def dataset_result(found: Equivalence) -> Result:
    """Return what a verdict is in JUnit's words: what is not settled is skipped."""
    if found.verdict is Verdict.EQUIVALENT:
        return Result.PASSED
    return Result.SKIPPED if found.verdict is Verdict.INCONCLUSIVE else Result.FAILURE


def _clean(text: str) -> str:
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
