"""The first half of the commands that examine targets on lines: what is examined, and where artefacts come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from inkport.benchmarks.checks.verify import check_targets
from inkport.benchmarks.report.describe import describe_data
from inkport.benchmarks.report.envelope import DataInfo
from inkport.commands._model import resolve_model
from inkport.commands._proof import check_proof
from inkport.commands._request import (
    audit_sources,
    calibrate,
    check_calibration,
    provider,
    require_calibration,
    sample_lines,
)
from inkport.core.artifact import Artifact
from inkport.core.target import Target, load_targets
from inkport.lines.audit import Audit
from inkport.lines.source import source_name


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a request is made of."""

    model: Artifact
    """The model as handed in."""
    targets: Sequence[Target]
    """The targets, their runtimes registered."""
    audit: Audit
    """The usable lines, prepared for the model."""
    data: DataInfo
    """What they are."""
    provide: Callable[[Target], Artifact]
    """Returns the artefact of a target."""


def prepare_request(
    model: str | None,
    *,
    targets: Path | None,
    lines: Sequence[Path],
    calibration: Sequence[Path],
    skip: Sequence[str],
    out: Path,
) -> Prepared:
    """Open, read and check what the options name; arguments are those of `inkport verify`.

    Raises:
        InkportError: If one of them cannot be used.
    """
    wanted = load_targets(targets or Path(str(files("inkport.benchmarks"))) / "targets.toml")
    check_targets(wanted)
    work = out / "artifacts"
    artifact = resolve_model(model, work=work)
    sources = lines or (sample_lines(),)
    check_calibration(sources, calibration)
    if not calibration:
        require_calibration(artifact, work, wanted)
    audit = audit_sources(artifact, sources, skip)
    chosen = calibrate(artifact, calibration, skip)
    check_proof(audit.lines, artifact, wanted, work=work, calibration=chosen)
    return Prepared(
        model=artifact,
        targets=wanted,
        audit=audit,
        data=describe_data(audit, [source_name(path) for path in sources], artifact),
        provide=provider(artifact, work, chosen),
    )
