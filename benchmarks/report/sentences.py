"""What every view says in words: what was compared, how to read the table, and where it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from inkport.benchmarks.measure import CONFIDENCE
from inkport.benchmarks.measure.equivalence import LEVEL
from inkport.benchmarks.measure.units import counted
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.rows import NONE, percent
from inkport.benchmarks.run.environment import threads_on
from inkport.core.target import LineChoice


def headline(report: Report) -> str:
    """Return the sentence above the table: what was compared on how many lines."""
    model, data = report.model, report.data
    return (
        f"{model.name} {model.version} ({model.artifact.sha256[:12]}) on {data.lines} lines "
        f"of {', '.join(data.sources)} ({data.sha256[:12]}), {threads_on(report.environment, report.options.threads)}"
    )


def reference_line(report: Report) -> str:
    """Return what the targets were compared with, and why it is not torch, if it is not."""
    if (r := report.reference) is None:
        return f"no reference: {report.note or NONE}"
    score = next((target.parity for target in report.targets if target.parity), None)
    rate = f", CER {percent(score.cer_reference)} %" if score else ""
    note = f"; {r.note}" if r.note else ""
    return f"reference: {r.runtime} {r.runtime_version} {r.precision} on {r.device}{rate}{note}"


def notes(report: Report) -> list[str]:
    """Return the sentences below the table: how to read it, and which lines were left out."""
    sentences = [
        "delta: points of CER above the reference; flips: lines whose text differs from the reference's",
    ]
    score = next((target.parity for target in report.targets if target.parity), None)
    if score:
        units = counted(score.clusters, score.interval_unit)
        sentences.append(f"interval: {CONFIDENCE:.0%} over {units}, by what differs between them, all lines together")
        sentences.append(guarantee(report))
    if fragile := [t.name for t in report.targets if t.sample_choice is LineChoice.FRAGILE and t.parity]:
        sentences.append(
            f"{', '.join(fragile)}: read the lines closest to changing, which are no sample: their flips count, their "
            "CER is not that of all lines"
        )
    if report.lm:
        lm = report.lm
        sentences.append(
            f"decoder: beam of {lm.beam} with language model {lm.lm_sha256[:12]}, alpha {lm.alpha:g}, "
            f"beta {lm.beta:g}, for the reference and every target"
        )
    if report.host:
        host = report.host
        sentences.append(
            f"per line, not in the times: preparing {host.prepare_p50_ms:.2f} ms, decoding {host.decode_p50_ms:.2f} ms"
            + (f" (greedy), {host.beam_p50_ms:.2f} ms (beam)" if host.beam_p50_ms is not None else "")
        )
    if report.baseline:
        sentences.append(f"speed: how many times faster than {report.baseline}, median over the lines")
    if skipped := report.data.skipped:
        counts = Counter(line.problem for line in skipped)
        kinds = ", ".join(f"{count} {problem}" for problem, count in sorted(counts.items()))
        sentences.append(f"skipped: {len(skipped)} lines ({kinds})")
    if seen := report.data.trained_on:
        sentences.append(f"the model was trained on {seen} of the lines, and reads them more surely than others")
    return sentences


def guarantee(report: Report) -> str:
    """Return what the verdict EQUIVALENT promises, and what it takes for granted."""
    parities = [target.parity for target in report.targets if target.parity]
    losses = sorted({100 * found.equivalence.largest_writer_loss for found in parities})
    points = " or ".join(f"{loss:g}" for loss in losses)
    taken = {found.interval_unit for found in parities} - {"writer"}
    granted = f"; each {' and '.join(sorted(taken))} is taken to be of another hand" if taken else ""
    return (
        f"EQUIVALENT: wrong in at most {LEVEL:.0%} of such samples, as long as no single writer loses more than "
        f"{points} points{granted}"
    )


def facts(report: Report) -> Mapping[str, str]:
    """Return the environment as names and values."""
    e = report.environment
    return {
        "made": report.created,
        "CPU": f"{e.cpu}, {e.cores} cores, {e.machine}",
        "CPU features": " ".join(e.isa) or NONE,
        "system": f"{e.os}, Python {e.python}",
        "packages": ", ".join(f"{name} {version}" for name, version in e.packages.items()),
        "threads per target": threads_on(e, e.threads),
        "frequency governor": e.governor or NONE,
        "load before the run": NONE if e.load_1min is None else f"{e.load_1min:g}",
        "model": report.model.artifact.sha256,
        "data": report.data.sha256,
        "reference artifact": report.reference.artifact.sha256 if report.reference else NONE,
    }
