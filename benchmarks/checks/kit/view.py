"""The judgement of a result for a terminal."""

from __future__ import annotations

from inkport.benchmarks.checks.kit.check import KitCheck
from inkport.benchmarks.report.rows import between
from inkport.benchmarks.report.text import aligned, wrap
from inkport.benchmarks.run.kit.judge import Finding, State
from inkport.benchmarks.run.outcome import Outcome
from inkport.core.tables import Table


def render_check(check: KitCheck) -> str:
    """Return what ran, a row per stage, the text, and what follows."""
    stages = Table(("stage", "state", "lines", "wrong"), tuple(map(_row, check.stages)), 2)
    blocks = [_headline(check), aligned(stages), _text(check), _verdict(check)]
    return "\n\n".join(blocks) + "\n"


def _headline(check: KitCheck) -> str:
    runner = check.runner
    device = runner.device or "an unnamed device"
    threads = f", {runner.threads} threads" if runner.threads and runner.threads > 1 else ""
    return (
        f"kit {check.kit[:12]}, target {check.target.name} (artefact {check.artifact[:12]})\n"
        f"{check.signature.sentence()}\n"
        f"run by {runner.engine} {runner.version} on {device}{threads} ({runner.evidence})"
    )


def _row(finding: Finding) -> tuple[str, ...]:
    judged = finding.state in (State.RIGHT, State.WRONG)
    counts = (str(finding.lines), str(finding.wrong_lines)) if judged else ("-", "-")
    return (finding.stage, finding.state, *counts)


def _text(check: KitCheck) -> str:
    p = check.parity
    sentences = [
        wrap(
            f"CER {100 * p.cer:.2f} %, the reference's {100 * p.cer_reference:.2f} %: {100 * p.delta:+.2f} points "
            f"(95 % interval {between(p.interval)}), {p.flipped_lines} of {p.lines} lines read "
            f"differently, {p.equivalence.verdict} at {100 * p.equivalence.margin:g} points"
        )
    ]
    if t := check.times:
        times = f"p50 {t.p50_ms:.3g} ms, p90 {t.p90_ms:.3g}, p99 {t.p99_ms:.3g}"
        sentences.append(wrap(f"times of the runner's own, one run per line: {times}"))
    return "\n".join(sentences)


def _verdict(check: KitCheck) -> str:
    sentences = []
    for finding in check.stages:
        if finding.state is State.WRONG:
            first = finding.stage is check.first_wrong
            start = f"first wrong stage: {finding.stage}." if first else f"{finding.stage} is wrong, too."
            sentences.append(f"{start} On {finding.line} it {finding.fault}.{_hidden(check, finding) if first else ''}")
    if check.first_wrong is None:
        sentences.append("no stage is wrong" if _judged(check) else "no stage could be judged; the text alone speaks")
    sentences.append(f"outcome: {check.outcome}" + (f". {check.reason}" if check.outcome is not Outcome.PASS else ""))
    return "\n".join(map(wrap, sentences))


def _hidden(check: KitCheck, wrong: Finding) -> str:
    """Say which stages before the first wrong one may be to blame instead."""
    before = check.stages[: check.stages.index(wrong)]
    hidden = [finding.stage for finding in before if finding.state is State.NOT_SHOWN]
    return f" The runner does not show {' and '.join(hidden)}, which may be to blame." if hidden else ""


def _judged(check: KitCheck) -> bool:
    return any(finding.state is State.RIGHT for finding in check.stages)
