"""What is wrong with the lines of a set, before anything is spent on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from inkport.core.charset import Charset, normalise_text
from inkport.core.ctc import frames_needed
from inkport.core.errors import ImageError, LineDataError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.lines.line import Line


class Problem(StrEnum):
    """Why a line cannot be used."""

    BAD_IMAGE = "bad-image"
    """Damaged, too small, or wider than the recogniser takes."""
    EMPTY_TEXT = "empty-text"
    """No transcription, or only white space."""
    UNKNOWN_SYMBOL = "unknown-symbol"
    """The text has a symbol outside the charset."""
    TOO_FEW_FRAMES = "too-few-frames"
    """CTC has no path: the image gives fewer frames than the text needs."""


@dataclass(frozen=True)
class Finding:
    """One unusable line."""

    id: str
    """The line's id."""
    problem: Problem
    """What is wrong."""
    detail: str
    """The sentence that says so."""


@dataclass
class Audit:
    """The usable lines of a set and the findings on the others."""

    lines: list[Line] = field(default_factory=list)
    """Usable lines, in order."""
    inputs: list[npt.NDArray[np.float32]] = field(default_factory=list)
    """The prepared image of each usable line, float32 (1, 1, h, w), read-only: every target reads the same ones."""
    findings: list[Finding] = field(default_factory=list)
    """The unusable ones, in order."""

    def pick(self, indices: Sequence[int]) -> Audit:
        """Return some of the usable lines, without the findings."""
        return Audit(lines=[self.lines[i] for i in indices], inputs=[self.inputs[i] for i in indices])

    def summary(self) -> str:
        """Return one sentence: how many lines are usable, how many are not and why."""
        counts = Counter(str(f.problem) for f in self.findings)
        reasons = ", ".join(f"{count} {problem}" for problem, count in sorted(counts.items()))
        return f"{len(self.lines)} usable lines, {len(self.findings)} unusable" + (f" ({reasons})" if reasons else "")


def check_line(
    line: Line, *, charset: Charset, preprocess: PreprocessSpec, stride: int
) -> npt.NDArray[np.float32] | Finding:
    """Return the prepared image of a usable line, float32 (1, 1, h, w), read-only, or the finding on it."""
    text = normalise_text(line.text)
    if not text:
        return Finding(line.id, Problem.EMPTY_TEXT, "the transcription is empty")
    if unknown := charset.unknown(text):
        return Finding(line.id, Problem.UNKNOWN_SYMBOL, f"the charset lacks {list(unknown)}")
    try:
        prepared = prepare(line.gray(), preprocess)
    except ImageError as error:
        return Finding(line.id, Problem.BAD_IMAGE, error.message)
    needed, frames = frames_needed(charset.encode(text)), prepared.shape[3] // stride
    if frames < needed:
        return Finding(line.id, Problem.TOO_FEW_FRAMES, f"{frames} frames for a text that needs {needed}")
    prepared.setflags(write=False)
    return prepared


def audit_lines(
    lines: Iterable[Line],
    *,
    charset: Charset,
    preprocess: PreprocessSpec,
    stride: int,
    skip: Collection[Problem] = (),
) -> Audit:
    """Sort ``lines`` into usable and unusable ones.

    Args:
        lines: The line set.
        charset: The recogniser's charset.
        preprocess: The recogniser's preprocessing.
        stride: Input columns per frame.
        skip: Problems to leave out silently here and count in the audit; any other problem is refused.

    Raises:
        LineDataError: If a line has a problem not in ``skip``; all such lines are counted, the first ten named.
    """
    audit = Audit()
    for line in lines:
        checked = check_line(line, charset=charset, preprocess=preprocess, stride=stride)
        if isinstance(checked, Finding):
            audit.findings.append(checked)
        else:
            audit.lines.append(line)
            audit.inputs.append(checked)
    refused = [f for f in audit.findings if f.problem not in skip]
    if refused:
        named = "\n".join(f"  {f.id}: {f.problem}: {f.detail}" for f in refused[:10])
        rest = f"\n  and {len(refused) - 10} more" if len(refused) > 10 else ""
        names = sorted({str(f.problem) for f in refused})
        raise LineDataError(
            f"{len(refused)} unusable lines; {audit.summary()}:\n{named}{rest}",
            remedy=f"mend them, or leave them out with --skip {','.join(names)}",
        )
    return audit
