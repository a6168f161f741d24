"""The judgement of a result, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Iterator

from inkport.benchmarks.checks.kit.check import KitCheck
from inkport.benchmarks.measure.parity import Parity
from inkport.benchmarks.measure.quantiles import Percentiles
from inkport.benchmarks.report.conclusion import LABELS, SIGNS, text_reason
from inkport.benchmarks.report.junit import RESULTS, Case, Result
from inkport.benchmarks.report.presentation import Conclusion, Presentation, Section, Sign
from inkport.benchmarks.report.rows import between
from inkport.benchmarks.run.kit.judge import Finding, State
from inkport.core.tables import Table


def present(check: KitCheck) -> Presentation:
    """Return what ran, a row per stage, the text, and what follows."""
    runner, times = check.runner, check.times
    device = runner.device or "an unnamed device"
    threads = f", {runner.threads} threads" if runner.threads and runner.threads > 1 else ""
    text = [_text(check.parity)]
    if times:
        text.append(_times(times))
    return Presentation(
        title="inkport kit check",
        about=check.target.name,
        subject=(
            f"kit {check.kit[:12]}, target {check.target.name} (artifact {check.artifact[:12]})",
            check.signature.sentence(),
            f"run by {runner.engine} {runner.version} on {device}{threads} ({runner.evidence})",
        ),
        conclusions=(_conclude(check),),
        sections=(
            Section(
                name="Stages",
                tables=(Table(("stage", "state", "lines", "wrong"), tuple(map(_row, check.stages)), 2),),
                sentences=tuple(_stages(check)),
            ),
            Section(name="Text", sentences=tuple(text)),
        ),
        signs={State.WRONG: Sign.BAD, State.RIGHT: Sign.GOOD},
        cases=tuple(_cases(check)),
        verdict=f"outcome: {check.outcome}",
    )


def _conclude(check: KitCheck) -> Conclusion:
    sign = Sign.BAD if check.first_wrong else SIGNS[check.outcome]
    why = text_reason(check.outcome, check.reason, check.parity, check.target.budget, "the kit")
    return Conclusion(names=(check.target.name,), sign=sign, label=LABELS[sign], why=why)


def _cases(check: KitCheck) -> Iterator[Case]:
    suite = check.target.name
    results = {State.RIGHT: Result.PASSED, State.WRONG: Result.FAILURE}
    for found in check.stages:
        yield Case(suite=suite, name=found.stage, result=results.get(found.state, Result.SKIPPED), message=found.fault)
    yield Case(suite=suite, name="outcome", result=RESULTS[check.outcome], message=check.reason)


def _row(finding: Finding) -> tuple[str, ...]:
    judged = finding.state in (State.RIGHT, State.WRONG)
    counts = (str(finding.lines), str(finding.wrong_lines)) if judged else ("-", "-")
    return (finding.stage, finding.state, *counts)


def _text(p: Parity) -> str:
    return (
        f"CER {100 * p.cer:.2f} %, the reference's {100 * p.cer_reference:.2f} %: {100 * p.delta:+.2f} points "
        f"(95 % interval {between(p.interval)}), {p.flipped_lines} of {p.lines} lines read "
        f"differently, {p.equivalence.verdict} at {100 * p.equivalence.margin:g} points"
    )


def _times(times: Percentiles) -> str:
    return (
        f"times of the runner's own, one run per line: p50 {times.p50_ms:.3g} ms, p90 {times.p90_ms:.3g}, "
        f"p99 {times.p99_ms:.3g}"
    )


def _stages(check: KitCheck) -> Iterator[str]:
    for finding in check.stages:
        if finding.state is State.WRONG:
            first = finding.stage is check.first_wrong
            start = f"first wrong stage: {finding.stage}." if first else f"{finding.stage} is wrong, too."
            yield f"{start} On {finding.line} it {finding.fault}.{_hidden(check, finding) if first else ''}"
    if check.first_wrong is None:
        yield "no stage is wrong" if _judged(check) else "no stage could be judged; the text alone speaks"
    if check.reason:
        yield check.reason


def _hidden(check: KitCheck, wrong: Finding) -> str:
    """Say which stages before the first wrong one may be to blame instead."""
    before = check.stages[: check.stages.index(wrong)]
    hidden = [finding.stage for finding in before if finding.state is State.NOT_SHOWN]
    return f" The runner does not show {' and '.join(hidden)}, which may be to blame." if hidden else ""


def _judged(check: KitCheck) -> bool:
    return any(finding.state is State.RIGHT for finding in check.stages)
