"""The checks for a terminal: a table of relations, and a paragraph for each one that does not hold."""

from __future__ import annotations

from inkport.benchmarks.checks.invariance.report import (
    ExampleInfo,
    RelationReport,
    Relations,
    Status,
)
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.rows import NONE
from inkport.benchmarks.report.text import aligned, wrap
from inkport.benchmarks.run.outcome import Outcome
from inkport.benchmarks.run.record import TargetRecord
from inkport.core.tables import Table
from inkport.runtimes.relations.findings import Kind
from inkport.runtimes.relations.relations import RELATIONS


CELLS = {Status.HOLDS: "ok", Status.ROUNDING: "rounding", Status.VIOLATED: "VIOLATED"}
"""How a status is shown in the table."""
FOUNDATIONS = ("repeat", "order")
"""Relations that the others take for granted."""


def render_checks(report: Report) -> str:
    """Return the table, the reasons of what did not run, and every violation with its smallest example."""
    model, data = report.model, report.data
    lines = max((target.section(Relations).lines for target in report.targets), default=0)
    head = (
        f"{model.name} {model.version} ({model.artifact.sha256[:12]}) on {lines} of {data.lines} lines "
        f"of {', '.join(data.sources)} ({data.sha256[:12]})"
    )
    blocks = [wrap(head) + (f"\n{wrap(f'no reference: {report.note}')}" if report.note else "")]
    blocks.append(aligned(_table(report)))
    blocks += [wrap(f"{target.name}: {target.reason}") for target in report.targets if target.reason]
    blocks += [text for target in report.targets if (text := _paragraphs(target))]
    return "\n\n".join(blocks) + "\n"


def _table(report: Report) -> Table:
    names = report.options.relations
    rows = []
    for target in report.targets:
        found = {relation.relation: CELLS[relation.status] for relation in target.section(Relations).relations}
        rows.append((target.name, str(target.outcome), *(found.get(name, NONE) for name in names)))
    return Table(("target", "outcome", *names), tuple(rows), 2 + len(names))


def _paragraphs(target: TargetRecord) -> str:
    broken = [relation for relation in target.section(Relations).relations if relation.status is not Status.HOLDS]
    lines = [wrap(describe(target, relation)) for relation in broken]
    first = next((r.relation for r in broken if r.relation in FOUNDATIONS and r.status is Status.VIOLATED), None)
    if first is not None and target.outcome is Outcome.VIOLATED and len(broken) > 1:
        lines.append(wrap(f"{target.name}: fix {first} first; the others take it for granted."))
    return "\n".join(lines)


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
