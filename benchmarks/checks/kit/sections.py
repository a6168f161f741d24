"""The judgement of a result, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inkport.benchmarks.checks.kit.check import JudgedKit
from inkport.benchmarks.measure.parity import Parity
from inkport.benchmarks.measure.quantiles import Percentiles
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.junit import RESULTS, Case, Result
from inkport.benchmarks.report.presentation import Conclusion, Presentation, Section, Sign
from inkport.benchmarks.report.rows import NONE, between, summary
from inkport.benchmarks.report.sections import LABELS, SIGNS, text_reason
from inkport.benchmarks.run.device_record import KitRun
from inkport.benchmarks.run.kit.judge import Finding, State
from inkport.benchmarks.run.record import Outcome, TargetRecord
from inkport.core.tables import Table


def present(report: Report) -> Presentation:
    """Return what ran, a row per stage, the text, and what follows."""
    kit, (target,) = report.section(JudgedKit), report.targets
    run, runner, parity = target.section(KitRun), target.section(KitRun).runner, _parity(target)
    threads = f", {runner.threads} threads" if runner.threads and runner.threads > 1 else ""
    device, about = runner.device or "an unnamed device", target.artifact.sha256[:12] if target.artifact else NONE
    return Presentation(
        title="inkport kit check",
        about=target.name,
        subject=(
            f"kit {kit.kit[:12]}, target {target.name} (artifact {about})",
            kit.signature.sentence(),
            f"run by {runner.engine} {runner.version} on {device}{threads} ({runner.evidence})",
            report.note,
        ),
        conclusions=(_conclude(target),),
        sections=(
            Section(
                name="Stages",
                tables=(Table(("stage", "state", "lines", "wrong"), tuple(map(_row, run.stages)), 2),),
                sentences=tuple(_stages(target)),
            ),
            Section(name="Targets", tables=(summary(report),)),
            Section(name="Text", sentences=(_text(parity), *([_times(run.times)] if run.times else []))),
        ),
        signs={State.WRONG: Sign.BAD, State.RIGHT: Sign.GOOD} | {str(word): sign for word, sign in SIGNS.items()},
        cases=tuple(_cases(target)),
        created=report.created,
        verdict=f"outcome: {target.outcome}",
    )


def _parity(target: TargetRecord) -> Parity:
    assert target.parity is not None  # noqa: S101 - what a result shows is always compared
    return target.parity


def _conclude(target: TargetRecord) -> Conclusion:
    sign, wrong = SIGNS[target.outcome], target.section(KitRun).first_wrong
    why = text_reason(target.outcome, target.reason, _parity(target), target.budget, "the kit")
    if wrong and target.outcome is Outcome.DIVERGED:
        why = f"the stage {wrong.stage} is wrong, although the text keeps its budget"
    return Conclusion(names=(target.name,), sign=sign, label=LABELS[sign], why=why)


def _cases(target: TargetRecord) -> Iterator[Case]:
    suite, results = target.name, {State.RIGHT: Result.PASSED, State.WRONG: Result.FAILURE}
    for found in target.section(KitRun).stages:
        yield Case(suite=suite, name=found.stage, result=results.get(found.state, Result.SKIPPED), message=found.fault)
    yield Case(suite=suite, name="outcome", result=RESULTS[target.outcome], message=target.reason)


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
        f"times by the runner's own clock, one run per line: p50 {times.p50_ms:.3g} ms, p90 {times.p90_ms:.3g}, "
        f"p99 {times.p99_ms:.3g}"
    )


def _stages(target: TargetRecord) -> Iterator[str]:
    stages, first = target.section(KitRun).stages, target.section(KitRun).first_wrong
    for finding in stages:
        if finding.state is State.WRONG:
            start = f"first wrong stage: {finding.stage}." if finding is first else f"{finding.stage} is wrong, too."
            hidden = _hidden(stages, finding) if finding is first else ""
            yield f"{start} On {finding.line} it {finding.fault}.{hidden}"
    if first is None:
        judged = any(finding.state is State.RIGHT for finding in stages)
        yield "no stage is wrong" if judged else "no stage could be judged; only the text was compared"
        if target.reason:
            yield target.reason


def _hidden(stages: Sequence[Finding], wrong: Finding) -> str:
    """Say which stages before the first wrong one may be to blame instead."""
    hidden = [finding.stage for finding in stages[: stages.index(wrong)] if finding.state is State.NOT_SHOWN]
    return f" The runner does not show {' and '.join(hidden)}, which may be to blame." if hidden else ""
