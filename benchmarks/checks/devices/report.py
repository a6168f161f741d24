"""From what came of the devices to one report, in which each of their targets has a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inkport.benchmarks.checks.devices.run import DeviceRuns
from inkport.benchmarks.checks.kit.make import KitRequest
from inkport.benchmarks.report.envelope import Report, Together
from inkport.benchmarks.run.device_record import DeviceReport
from inkport.benchmarks.run.environment import read_environment, without_folders
from inkport.benchmarks.run.kit.open import Kit
from inkport.benchmarks.run.record import ArtifactInfo
from inkport.benchmarks.run.request import ReferenceInfo, VerifyOptions, describe_data, describe_model
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
    artifacts = [ArtifactInfo.of(made.provide(target)) for target in made.targets]
    data = replace(describe_data(made.audit, sources), sha256=kit.manifest.data_sha256, lines=len(kit.manifest.lines))
    return Report(
        model=describe_model(made.model),
        data=data,
        reference=_reference(kit, made),
        options=options,
        # The threads compute on the devices, whatever processors this machine has.
        environment=replace(read_environment(threads=options.threads), processors=None),
        targets=tuple(
            replace(record, artifact=artifact)
            for runs in found
            for record, artifact in zip(runs.records, artifacts, strict=True)
        ),
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


def _device(runs: DeviceRuns) -> DeviceReport:
    return DeviceReport(
        name=runs.device.name,
        connection=runs.device.address.scheme,
        description=runs.description,
        runs=runs.runs,
    )
