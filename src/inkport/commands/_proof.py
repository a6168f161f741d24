"""What the commands that prove, measure or tune refuse: lines that made what is looked at, in this run or before."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from inkport.commands._request import shipped_artifacts
from inkport.core.artifact import Artifact
from inkport.core.bundle import find_lm
from inkport.core.errors import ExportError, TargetError
from inkport.core.lm.files import lm_digests
from inkport.core.registry import load_runtime
from inkport.core.target import Target
from inkport.export.plan import find_made
from inkport.export.quantize.calibration import CalibrationSet
from inkport.lines.line import Line
from inkport.lines.roles import LEARNT, Role, recorded, refuse_recorded


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
