"""The checks as they are read: a table of relations, and a sentence for each one that does not hold."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from inkport.benchmarks.checks.invariance.relations import (
    Checked,
    ExampleInfo,
    RelationReport,
    Relations,
    Status,
)
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.files import write_views
from inkport.benchmarks.report.junit import RESULTS, Case, Result
from inkport.benchmarks.report.presentation import Conclusion, Presentation, Section, Sign, grouped
from inkport.benchmarks.report.rows import NONE
from inkport.benchmarks.report.sections import SIGNS, sign_of
from inkport.benchmarks.run.record import Outcome, TargetRecord
from inkport.core.files import write_atomically
from inkport.core.tables import Table
from inkport.runtimes.relations.findings import Kind
from inkport.runtimes.relations.relations import RELATIONS
from inkport.runtimes.relations.shrink import Example


CELLS = {Status.HOLDS: "ok", Status.ROUNDING: "rounding", Status.VIOLATED: "VIOLATED"}
"""How a status is shown in the table."""
FOUNDATIONS = ("repeat", "order")
"""Relations that the others take for granted."""


def present(report: Report) -> Presentation:
    """Return the checks as they are read: the table, and every violation with its smallest example."""
    model, data = report.model, report.data
    lines = max((target.section(Relations).lines for target in report.targets), default=0)
    head = (
        f"{model.name} {model.version} ({model.artifact.sha256[:12]}) on {lines} of {data.lines} lines "
        f"of {', '.join(data.sources)} ({data.sha256[:12]})"
    )
    sections = [Section(name="Targets", tables=(_table(report),))]
    if found := [sentence for target in report.targets for sentence in _violations(target)]:
        sections.append(Section(name="Violations", sentences=tuple(found)))
    return Presentation(
        title="inkport diagnose invariance",
        about=model.name,
        subject=(head, *([f"no reference: {report.note}"] if report.note else [])),
        conclusions=grouped([_conclude(target) for target in report.targets]),
        sections=tuple(sections),
        signs={str(word): sign for word, sign in SIGNS.items()} | {CELLS[Status.VIOLATED]: Sign.BAD},
        cases=tuple(case for target in report.targets for case in _cases(target)),
        created=report.created,
    )


def _conclude(target: TargetRecord) -> Conclusion:
    broken = [found.relation for found in target.section(Relations).relations if found.status is Status.VIOLATED]
    label = "holds" if target.outcome is Outcome.PASS else str(target.outcome)
    why = target.reason or ", ".join(broken)
    return Conclusion(names=(target.name,), sign=sign_of(target), label=label, why=why)


def _cases(target: TargetRecord) -> list[Case]:
    if not (found := target.section(Relations).relations):
        message = f"{target.outcome}: {target.reason}"
        return [Case(suite=target.name, name="outcome", result=RESULTS[target.outcome], message=message)]
    return [
        Case(
            suite=target.name,
            name=relation.relation,
            result=Result.FAILURE if relation.status is Status.VIOLATED else Result.PASSED,
            message=describe(target, relation) if relation.status is Status.VIOLATED else "",
        )
        for relation in found
    ]


def _table(report: Report) -> Table:
    names = report.options.relations
    rows = []
    for target in report.targets:
        found = {relation.relation: CELLS[relation.status] for relation in target.section(Relations).relations}
        rows.append((target.name, str(target.outcome), *(found.get(name, NONE) for name in names)))
    return Table(("target", "outcome", *names), tuple(rows), 2 + len(names))


def _violations(target: TargetRecord) -> list[str]:
    broken = [relation for relation in target.section(Relations).relations if relation.status is not Status.HOLDS]
    sentences = [describe(target, relation) for relation in broken]
    first = next((r.relation for r in broken if r.relation in FOUNDATIONS and r.status is Status.VIOLATED), None)
    if first is not None and target.outcome is Outcome.VIOLATED and len(broken) > 1:
        sentences.append(f"{target.name}: fix {first} first; the others take it for granted.")
    return sentences


def describe(target: TargetRecord, relation: RelationReport) -> str:
    """Return what is wrong with a relation, its smallest example included, as sentences."""
    claim = next(r.claim for r in RELATIONS if r.name == relation.relation)
    kinds = ", ".join(f"{count} {kind}" for kind, count in relation.broken_lines.items())
    lines = target.section(Relations).lines
    sentences = [f"{target.name}, {relation.relation}: {claim} {CELLS[relation.status]} on {lines} lines: {kinds}."]
    if relation.note:
        sentences.append(f"{relation.note[0].upper()}{relation.note[1:]}.")
    if relation.example is not None:
        sentences.append(_smallest(relation.example))
    return " ".join(sentences)


def _smallest(example: ExampleInfo) -> str:
    lines = ", ".join(f"{line.id} ({line.width} px)" for line in example.lines)
    culprit = example.lines[example.line].id
    text = f"Smallest example: {lines}. {culprit} {example.case}:"
    if example.kind is Kind.CONTRACT:
        return f"{text} {example.fault}."
    text += f" reads {example.found_text!r}, expected {example.expected_text!r}; the logits differ by "
    text += f"{example.difference:.3g}, {example.allowed:.3g} is allowed"
    return f"{text} ({example.fault})." if example.fault else f"{text}."


def write_checks(checked: Checked, shown: Presentation, folder: Path) -> None:
    """Write the examples and, last, ``invariance.json`` and its views into ``folder``, each in one step.

    An example holds ``images`` float32 (n, 1, h, w), as they were run, and ``expected`` and ``found`` float32 (t, k),
    the logits of the line that differs; these two are left out where the run failed.
    """
    for name, example in checked.examples.items():
        write_atomically(folder / name, _npz(example))
    write_views(shown, folder, stem="invariance", json=checked.report.to_json())


def _npz(example: Example) -> bytes:
    worst = example.violation
    arrays: dict[str, Any] = {"images": worst.image, "expected": worst.expected, "found": worst.found}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array for name, array in arrays.items() if array is not None})
    return buffer.getvalue()
