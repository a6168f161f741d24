"""From what came of the devices to one report, in which each of their targets has a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inkport.benchmarks.checks.devices.run import DeviceRuns, TargetRun
from inkport.benchmarks.checks.kit.check import KitCheck
from inkport.benchmarks.checks.kit.make import KitRequest
from inkport.benchmarks.report.describe import describe_data, describe_model
from inkport.benchmarks.report.envelope import ReferenceInfo, Report, Together
from inkport.benchmarks.run.device_record import DeviceReport, DeviceRun
from inkport.benchmarks.run.environment import read_environment, without_folders
from inkport.benchmarks.run.kit.open import Kit
from inkport.benchmarks.run.options import VerifyOptions
from inkport.benchmarks.run.record import ArtifactInfo, Proof, TargetRecord
from inkport.core.target import Target


def report_devices(
    found: Sequence[DeviceRuns], *, kit: Kit, made: KitRequest, sources: Sequence[str], options: VerifyOptions
) -> Report:
    """Return the report of all devices.

    Args:
        found: What came of each.
        kit: The kit that they ran.
        made: What it was made of.
        sources: Names of the line sets.
        options: As asked for; the environment of the report is this machine's, where the reference read.
    """
    targets = {target.name: target for target in made.targets}
    data = replace(describe_data(made.audit, sources), sha256=kit.manifest.data_sha256, lines=len(kit.manifest.lines))
    return Report(
        model=describe_model(made.model),
        data=data,
        reference=_reference(kit, made),
        options=options,
        # The threads compute on the devices, whatever processors this machine has.
        environment=replace(read_environment(threads=options.threads), processors=None),
        targets=tuple(_row(run, targets[run.target], runs, made) for runs in found for run in runs.runs),
        sections=(Together(devices=tuple(_device(runs) for runs in found)),),
    )


def _reference(kit: Kit, made: KitRequest) -> ReferenceInfo:
    known = kit.manifest.reference
    artifact = made.provide(Target(name="reference", runtime=known.runtime, precision=known.precision))
    return ReferenceInfo(
        runtime=known.runtime,
        runtime_version=known.version,
        device="cpu",
        precision=known.precision,
        note=without_folders(known.note),
        artifact=ArtifactInfo.of(artifact),
    )


def _row(run: TargetRun, target: Target, runs: DeviceRuns, made: KitRequest) -> TargetRecord:
    check = run.check
    record = replace(
        TargetRecord.of(target),
        name=row_name(run.target, runs),
        artifact=ArtifactInfo.of(made.provide(target)),
        machine=runs.device.name,
    )
    if check is None:
        assert run.failure is not None  # noqa: S101 - a run has a judgement or a failure
        return replace(record, outcome=run.failure[0], reason=run.failure[1])
    return replace(
        record,
        runtime=check.runner.engine,
        runtime_version=check.runner.version,
        device=check.runner.device or target.device,
        outcome=check.outcome,
        reason=_explained(check),
        evidence=check.runner.evidence,
        sections=(Proof(parity=check.parity),),
    )


def row_name(target: str, runs: DeviceRuns) -> str:
    """Return the name of a target's row."""
    return f"{target} on {runs.device.name}"


def _explained(check: KitCheck) -> str:
    """Return the reason, and the first stage that is wrong: it does not decide, but tells where to look."""
    wrong = next((finding for finding in check.stages if finding.stage is check.first_wrong), None)
    if wrong is None:
        return check.reason
    where = f"{wrong.wrong_lines} of {wrong.lines} lines, first {wrong.line}"
    stage = f"The first stage off its golden values is {wrong.stage}: {wrong.fault} ({where})."
    return f"{check.reason} {stage}".strip()


def _device(runs: DeviceRuns) -> DeviceReport:
    return DeviceReport(
        name=runs.device.name,
        connection=runs.device.address.scheme,
        description=runs.description,
        runs=tuple(found for run in runs.runs if (found := _device_run(run, runs))),
    )


def _device_run(run: TargetRun, runs: DeviceRuns) -> DeviceRun | None:
    check, state = run.check, run.run
    if check is None or state is None or state.before is None or state.after is None:
        return None
    return DeviceRun(
        target=row_name(run.target, runs),
        runner=check.runner,
        environment=check.environment,
        waited_s=round(state.waited_s, 1),
        before=state.before,
        after=state.after,
        stages=check.stages,
        times=check.times,
    )
