"""What the commands that run targets share: lines, problems that may be skipped, and where artifacts come from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

from inkport.commands._skip import say_skipped
from inkport.core.artifact import Artifact
from inkport.core.bundle import bundled_artifacts
from inkport.core.errors import ArtifactNotFoundError, TargetError, UsageError
from inkport.core.registry import load_runtime, probe
from inkport.core.target import Target
from inkport.export.plan import build, lacks_calibration
from inkport.export.quantize.calibration import CALIBRATION_LINES, CalibrationSet, choose_calibration
from inkport.lines.audit import Audit, Problem, audit_for
from inkport.lines.roles import name_lines, refuse_shared
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
    """Read line sets, prepare them for a model, and count on stderr what was left out.

    Raises:
        LineDataError: If a line has a problem that is not in ``skip``, or a source is not a line set.
    """
    audit = audit_for(read_lines(sources), artifact.spec, skip=[Problem(name) for name in skip])
    say_skipped(audit.findings)
    return audit


def check_calibration(sources: Sequence[Path], calibration: Sequence[Path]) -> None:
    """Refuse to calibrate on the lines that are to prove the result, by their images.

    Raises:
        LineDataError: If a line is both.
    """
    if calibration:
        refuse_shared(
            {
                "--lines": name_lines(read_lines(sources), by_image=True),
                "--calibration": name_lines(read_lines(calibration), by_image=True),
            },
            because="an artifact must not be calibrated on its proof",
            remedy="calibrate on lines that the model was trained on",
        )


def calibrate(
    model: Artifact, sources: Sequence[Path], skip: Sequence[str], *, count: int = CALIBRATION_LINES
) -> CalibrationSet | None:
    """Choose the lines that int8 takes its ranges from; None if there is no source.

    Raises:
        LineDataError: If there is no usable line, one is a test line, or the image of a chosen one is bad and this is
            not in ``skip``.
    """
    if not sources:
        return None
    chosen = choose_calibration(
        read_lines(sources), model.spec.preprocess, count=count, skip_bad_images=Problem.BAD_IMAGE in skip
    )
    if chosen.skipped:
        sys.stderr.write(f"left out of calibration: {len(chosen.skipped)} bad-image: {', '.join(chosen.skipped)}\n")
    return chosen


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
        work: Folder of the artifacts.
        targets: What is to be proven, the runtimes registered.

    Raises:
        UsageError: If there is one.
    """
    reuse = shipped_artifacts()
    for target in targets:
        try:
            wanted = (load_runtime(target.runtime).formats[0], target.precision)
        except TargetError:
            # An adapter that is broken is one row that is not available; the run says so.
            continue
        if lacks_calibration(model, wanted, work=work, reuse=reuse) and probe(target.runtime).ok:
            raise UsageError(
                f"target {target.name!r}: {' '.join(wanted)} needs lines to calibrate on, none were given",
                remedy="pass --calibration with lines the model was trained on, or --targets without this row",
            )


def provider(model: Artifact, work: Path, calibration: CalibrationSet | None) -> Callable[[Target], Artifact]:
    """Return a function that gives each target its artifact, exporting it into ``work`` where it is not there yet.

    Args:
        model: What everything descends from; the shipped int8 artifacts are taken where they belong to it.
        work: Folder of the artifacts.
        calibration: What int8 takes its ranges from, if it must be made.
    """
    reuse = shipped_artifacts()

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


def shipped_artifacts() -> tuple[Artifact, ...]:
    """Return the int8 artifacts that come with the package; none if this build has none."""
    try:
        return bundled_artifacts()
    except ArtifactNotFoundError:
        return ()
