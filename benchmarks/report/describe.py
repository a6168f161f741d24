"""What a report says about the model, the lines and the reference, whatever the report is about."""

from __future__ import annotations

from collections.abc import Sequence

from inkport.benchmarks.report.envelope import DataInfo, ModelInfo, ReferenceInfo, SkippedLine
from inkport.benchmarks.run.environment import without_folders
from inkport.benchmarks.run.record import ArtifactInfo
from inkport.benchmarks.run.request import Reference
from inkport.core.artifact import Artifact
from inkport.core.registry import probe
from inkport.lines.audit import Audit
from inkport.lines.roles import LEARNT, Role, recorded
from inkport.lines.source import digest_lines


def describe_model(model: Artifact) -> ModelInfo:
    """Describe the model as it was handed in."""
    return ModelInfo(
        name=model.spec.name,
        version=model.spec.version,
        charset_sha256=model.spec.charset.digest,
        height=model.spec.preprocess.height,
        stride=model.spec.stride,
        artifact=ArtifactInfo.of(model),
    )


def describe_reference(reference: Reference) -> ReferenceInfo:
    """Describe what targets were compared with."""
    return ReferenceInfo(
        runtime=reference.target.runtime,
        runtime_version=probe(reference.target.runtime).version,
        device=reference.target.device,
        precision=reference.target.precision,
        note=without_folders(reference.note),
        artifact=ArtifactInfo.of(reference.artifact),
    )


def describe_data(audit: Audit, sources: Sequence[str], model: Artifact | None = None) -> DataInfo:
    """Describe the lines.

    Args:
        audit: The lines.
        sources: Names of their sets, without folders.
        model: Whose provenance says whether it was trained on them.
    """
    record = model.provenance.line_digests if model else {}
    learnt = recorded(record, audit.lines, LEARNT)
    return DataInfo(
        sha256=digest_lines(audit.lines),
        sources=tuple(sources),
        lines=len(audit.lines),
        skipped=tuple(
            SkippedLine(id=f.id, problem=str(f.problem), detail=without_folders(f.detail)) for f in audit.findings
        ),
        trained_on=len({id(line) for some in learnt.values() for line in some}) if Role.TRAIN in record else None,
    )
