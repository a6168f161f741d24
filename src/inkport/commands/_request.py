"""What the commands that run targets share: lines, problems that may be skipped, and where artefacts come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

from inkport.core.artifact import Artifact
from inkport.core.bundle import bundled_artifacts
from inkport.core.errors import ArtifactNotFoundError, UsageError
from inkport.core.registry import load_runtime, probe
from inkport.core.target import Target
from inkport.export.calibration import CalibrationSet
from inkport.export.plan import build, lacks_calibration
from inkport.lines.audit import Audit, Problem, audit_lines
from inkport.lines.source import read_lines


def problems_of(skip: str) -> tuple[str, ...]:
    """Return the problems named in ``--skip``, separated by commas.

    Raises:
        UsageError: If one is unknown.
    """
    names = tuple(name.strip() for name in skip.split(",") if name.strip())
    if unknown := sorted(set(names) - set(Problem)):
        raise UsageError(f"--skip {','.join(unknown)}: no such problem", remedy=f"problems: {', '.join(Problem)}")
    return names


def audit_sources(artifact: Artifact, sources: Sequence[Path], skip: Sequence[str]) -> Audit:
    """Read line sets and prepare them for a model.

    Raises:
        LineDataError: If a line has a problem that is not in ``skip``, or a source is no line set.
    """
    spec = artifact.spec
    return audit_lines(
        read_lines(sources),
        charset=spec.charset,
        preprocess=spec.preprocess,
        stride=spec.stride,
        skip=[Problem(name) for name in skip],
    )


def check_calibration(sources: Sequence[Path], calibration: Sequence[Path]) -> None:
    """Refuse to calibrate on the lines that are to prove the result.

    Raises:
        UsageError: If a line set is both.
    """
    verified = {path.resolve() for path in sources}
    if shared := [path for path in calibration if path.resolve() in verified]:
        raise UsageError(
            f"{shared[0]} is both in --lines and in --calibration: an artefact must not be calibrated on its proof",
            remedy="calibrate on lines that the model was trained on",
        )


def sample_lines() -> Path:
    """Return the manifest of the shipped sample lines.

    Raises:
        UsageError: If this build has none.
    """
    manifest = Path(str(files("inkport.benchmarks"))) / "samples" / "lines.tsv"
    if not manifest.is_file():
        raise UsageError("this build of inkport ships no sample lines", remedy="pass line sets with --lines")
    return manifest


def require_calibration(model: Artifact, work: Path, targets: Sequence[Target]) -> None:
    """Refuse targets that can run here and would have to be calibrated, where no lines were given to do it on.

    Args:
        model: What everything descends from.
        work: Folder of the artefacts.
        targets: What is to be proven, the runtimes registered.

    Raises:
        UsageError: If there is one.
    """
    reuse = _shipped_artifacts()
    for target in targets:
        wanted = (load_runtime(target.runtime).formats[0], target.precision)
        if lacks_calibration(model, wanted, work=work, reuse=reuse) and probe(target.runtime).ok:
            raise UsageError(
                f"target {target.name!r}: {' '.join(wanted)} needs lines to calibrate on, none were given",
                remedy="pass --calibration with lines the model was trained on, or --targets without this row",
            )


def _shipped_artifacts() -> tuple[Artifact, ...]:
    try:
        return tuple(bundled_artifacts())
    except ArtifactNotFoundError:
        return ()


def provider(model: Artifact, work: Path, calibration: CalibrationSet | None) -> Callable[[Target], Artifact]:
    """Return a function that gives each target its artefact, exporting it into ``work`` where it is not there yet.

    Args:
        model: What everything descends from; the shipped int8 artefacts are taken where they belong to it.
        work: Folder of the artefacts.
        calibration: What int8 takes its ranges from, if it must be made.
    """
    reuse = _shipped_artifacts()

    def provide(target: Target) -> Artifact:
        return build(
            model,
            format=load_runtime(target.runtime).formats[0],
            precision=target.precision,
            work=work,
            calibration=calibration,
            reuse=reuse,
        )

    return provide
