"""The first half of the commands that examine targets on lines: what is examined, and where artifacts come from."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from inkport.benchmarks.run.options import Options
from inkport.benchmarks.run.request import Request, check_targets
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
from inkport.core.target import load_targets
from inkport.lines.source import source_name


def prepare_request(
    model: str | None,
    *,
    targets: Path | None,
    lines: Sequence[Path],
    calibration: Sequence[Path],
    options: Options,
    out: Path,
) -> Request:
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
    audit = audit_sources(artifact, sources, options.skip)
    chosen = calibrate(artifact, calibration, options.skip)
    check_proof(audit.lines, artifact, wanted, work=work, calibration=chosen)
    return Request(
        model=artifact,
        targets=wanted,
        audit=audit,
        sources=[source_name(path) for path in sources],
        provide=provider(artifact, work, chosen),
        options=options,
        out=out,
    )
