"""What commands that run targets share: lines, what may be skipped, what is no proof, and where artifacts come from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inkport.benchmarks.run.progress import shown_progress, tracked
from inkport.benchmarks.run.request import Options, Request, check_targets
from inkport.commands._model import WHERE_WEIGHTS, resolve_model
from inkport.commands._options import say_skipped
from inkport.core.artifact import Artifact, bundled_artifacts
from inkport.core.errors import (
    ArtifactNotFoundError,
    ExportError,
    ExporterUnavailableError,
    LineDataError,
    TargetError,
    UsageError,
)
from inkport.core.registry import load_runtime, probe
from inkport.core.target import Target
from inkport.lines.audit import Audit, audit_for
from inkport.lines.line import Line
from inkport.lines.problem import Problem
from inkport.lines.roles import LEARNT, Role, name_lines, recorded, refuse_recorded, refuse_shared
from inkport.lines.samples import sample_lines
from inkport.lines.source import read_lines, source_name


if TYPE_CHECKING:
    from inkport.export.quantize.calibration import CalibrationSet


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
    with shown_progress() as progress:
        lines = tracked(read_lines(sources), "reading lines", progress)
        audit = audit_for(lines, artifact.spec, skip=[Problem(name) for name in skip])
    say_skipped(audit.findings)
    return audit


def first_lines(audit: Audit, most: int) -> Audit:
    """Return the first ``most`` lines of each data set in an audit, all of them if it is 0.

    Raises:
        LineDataError: If there is no line.
    """
    if not audit.lines:
        raise LineDataError("there is no usable line", remedy="pass line sets with --lines")
    if not most:
        return audit
    places: dict[str, list[int]] = {}
    for index, line in enumerate(audit.lines):
        places.setdefault(line.dataset, []).append(index)
    return audit.pick(sorted(index for found in places.values() for index in found[:most]))


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
    model: Artifact, sources: Sequence[Path], skip: Sequence[str], *, count: int | None = None
) -> CalibrationSet | None:
    """Choose the lines that int8 takes its ranges from, ``CALIBRATION_LINES`` or ``count``; None if there is no source.

    Raises:
        LineDataError: If there is no usable line, one is a test line, or the image of a chosen one is bad and this is
            not in ``skip``.
    """
    from inkport.export.quantize.calibration import CALIBRATION_LINES, choose_calibration

    if not sources:
        return None

    chosen = choose_calibration(
        read_lines(sources),
        model.spec.preprocess,
        count=count or CALIBRATION_LINES,
        skip_bad_images=Problem.BAD_IMAGE in skip,
    )
    if chosen.skipped:
        sys.stderr.write(f"left out of calibration: {len(chosen.skipped)} bad-image: {', '.join(chosen.skipped)}\n")
    return chosen


def require_calibration(model: Artifact, work: Path, targets: Sequence[Target]) -> None:
    """Refuse targets that can run here and would have to be calibrated, where no lines were given to do it on.

    Args:
        model: What everything descends from.
        work: Folder of the artifacts.
        targets: What is to be proven, the runtimes registered.

    Raises:
        UsageError: If there is one.
    """
    from inkport.export.plan import lacks_calibration

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
                remedy="pass --calibration with lines the model was trained on, or other targets with --target",
            )


def provider(model: Artifact, work: Path, calibration: CalibrationSet | None) -> Callable[[Target], Artifact]:
    """Return a function that gives each target its artifact, exporting it into ``work`` where it is not there yet.

    Args:
        model: What everything descends from; the shipped artifacts are taken where they belong to it.
        work: Folder of the artifacts.
        calibration: What int8 takes its ranges from, if it must be made.
    """
    from inkport.export.plan import build, needs_weights

    reuse = shipped_artifacts()

    def provide(target: Target) -> Artifact:
        format_ = load_runtime(target.runtime).formats[0]
        if needs_weights(model, (format_, target.precision)):
            raise ExporterUnavailableError(
                f"{format_} {target.precision} is made of trained weights, the model is {model.format} "
                f"{model.precision}",
                remedy=f"pass the weights as the model; {WHERE_WEIGHTS}",
            )
        return build(
            model,
            format=format_,
            precision=target.precision,
            work=work,
            calibration=calibration,
            reuse=reuse,
        )

    return provide


def shipped_artifacts() -> tuple[Artifact, ...]:
    """Return the artifacts that come with the package; none if this build has none."""
    try:
        return bundled_artifacts()
    except ArtifactNotFoundError:
        return ()


NO_PROOF = (Role.CALIBRATION, Role.TUNING)
"""What made a port and its settings does not prove it."""
REMEDY = "prove it on other lines, or make it again from others"


def check_proof(
    lines: Sequence[Line],
    model: Artifact,
    targets: Sequence[Target],
    *,
    work: Path,
    calibration: CalibrationSet | None,
    lm: Path | None = None,
) -> None:
    """Refuse lines that made the model, an artifact of an earlier run, or the language model; say which it has seen.

    Only what provenance records can be told: nothing of what was made before lines were recorded.

    Args:
        lines: The proof.
        model: The model as handed in.
        targets: Targets whose artifacts may be there.
        work: Folder that they are in.
        calibration: What int8 is calibrated on, if it must be made; an artifact of other lines is not taken.
        lm: The language model, if there is one.

    Raises:
        LineDataError: If there is such a line.
        ArtifactError: If a record is malformed, or the language model cannot be read.
    """
    refuse_made_by(lines, [model, *_made_before(model, targets, work, calibration)])
    if lm is not None:
        refuse_lm_lines(lines, lm, model)
    for some in recorded(model.provenance.line_digests, lines, LEARNT).values():
        sys.stderr.write(
            f"warning: {model.spec.name} was trained on {len(some)} of these lines, for example {some[0].id!r}: "
            "it reads them more surely than others, so ports differ less on them than on lines that it has never seen\n"
        )


def refuse_made_by(lines: Iterable[Line], artifacts: Iterable[Artifact]) -> None:
    """Refuse lines that one of the artifacts was calibrated or tuned on.

    Raises:
        LineDataError: If there is one.
    """
    kept = list(lines)
    for artifact in {artifact.digest: artifact for artifact in artifacts}.values():
        refuse_recorded(
            artifact.provenance.line_digests,
            kept,
            NO_PROOF,
            owner=f"{artifact.path} ({artifact.format} {artifact.precision})",
            because="an artifact must not be proven on lines that made it",
            remedy=REMEDY,
        )


def refuse_tuning(lines: Iterable[Line], artifact: Artifact, *, name: str) -> None:
    """Refuse lines that are to choose a setting, if the artifact learned from them: it knows them too well.

    Args:
        lines: The lines to choose by.
        artifact: What the setting is for.
        name: What errors call it.

    Raises:
        LineDataError: If there is one.
    """
    refuse_recorded(
        artifact.provenance.line_digests,
        lines,
        (*LEARNT, Role.CALIBRATION),
        owner=name,
        because="what is chosen by lines that it knows fits no others",
        remedy="choose by validation lines",
    )


def refuse_lm_lines(lines: Iterable[Line], lm: Path, model: Artifact | None = None) -> None:
    """Refuse lines that a language model was built on, or its weights chosen by.

    Args:
        lines: Lines to measure with it, or to choose its weights by.
        lm: Its file, or the name of one that comes with inkport.
        model: The recogniser whose weights count; none if left out.

    Raises:
        LineDataError: If there is one.
        ArtifactError: If the language model cannot be read.
    """
    from inkport.core.artifact import find_lm
    from inkport.core.lm.files import lm_digests

    refuse_recorded(
        lm_digests(find_lm(lm), root=model.root if model else ""),
        lines,
        (Role.TEXT, Role.TUNING),
        owner=f"the language model {lm}",
        because="it knows their texts, and what it gains on them says nothing of others",
        remedy="take lines that it has not seen",
    )


def _made_before(
    model: Artifact, targets: Sequence[Target], work: Path, calibration: CalibrationSet | None
) -> list[Artifact]:
    from inkport.export.plan import find_made

    found = []
    for target in targets:
        # What is no target here, or cannot be made, is for the run to say.
        with suppress(TargetError, ExportError):
            format_ = load_runtime(target.runtime).formats[0]
            found.append(
                find_made(
                    model,
                    format=format_,
                    precision=target.precision,
                    work=work,
                    calibration=calibration,
                    reuse=shipped_artifacts(),
                )
            )
    return found


def prepare_request(
    model: str | None,
    *,
    targets: Sequence[Target],
    lines: Sequence[Path],
    calibration: Sequence[Path],
    options: Options,
    out: Path,
    lm: Path | None = None,
    elsewhere: bool = False,
) -> Request:
    """Open, read and check what the options name.

    Args:
        model: As in `inkport verify`.
        targets: What is to be run.
        lines: As in `inkport verify`.
        calibration: As in `inkport verify`.
        options: Settings of the check.
        out: Folder of its files, artifacts among them.
        lm: As in `inkport verify`.
        elsewhere: Whether other machines run the targets, and what this one lacks is no matter.

    Raises:
        InkportError: If one of them cannot be used.
    """
    wanted = tuple(targets)
    check_targets(wanted)
    work = out / "artifacts"
    artifact = resolve_model(model, work=work)
    sources = lines or (sample_lines(),)
    check_calibration(sources, calibration)
    if not calibration and not elsewhere:
        require_calibration(artifact, work, wanted)
    audit = audit_sources(artifact, sources, options.skip)
    chosen = calibrate(artifact, calibration, options.skip)
    # A language model that can do nothing proves nothing either.
    lm = None if artifact.spec.no_frames else lm
    check_proof(audit.lines, artifact, wanted, work=work, calibration=chosen, lm=lm)
    return Request(
        model=artifact,
        targets=wanted,
        audit=audit,
        sources=tuple(source_name(path) for path in sources),
        provide=provider(artifact, work, chosen),
        options=options,
        out=out,
    )


def decoding_with(request: Request, lm: Path | None) -> Request:
    """Return a request whose logits are decoded with a language model, if there is one.

    Args:
        request: The request.
        lm: The language model's file or name. Of a recogniser that returns text, the request's note says instead that
            it is not judged.

    Raises:
        ArtifactError: If it cannot be read.
        SpecMismatchError: If it belongs to another charset, or its weights to another recogniser.
    """
    if lm is None:
        return request
    from inkport.core.beam import lm_not_judged, load_beam

    if reason := lm_not_judged(lm, request.model):
        return replace(request, note=reason)
    return replace(request, beam=load_beam(lm, request.model))
