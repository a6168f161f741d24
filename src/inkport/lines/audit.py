"""What is wrong with the lines of a set, before anything is spent on them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from inkport.core.charset import Charset, normalise_text
from inkport.core.ctc import frames_needed
from inkport.core.errors import ImageError, LineDataError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.core.spec import Decoder, RecogniserSpec
from inkport.lines.line import Line
from inkport.lines.problem import Finding, Problem, summarise


RIGHT_TO_LEFT_CLASSES = frozenset({"R", "AL", "RLE", "RLO", "RLI"})
"""Bidirectional classes (Unicode Standard Annex 9, table 4) of Hebrew, N'Ko and others; of Arabic, Syriac and Thaana;
and of the marks that turn letters round."""


@dataclass
class Audit:
    """The usable lines of a set and the findings on the others."""

    lines: list[Line] = field(default_factory=list)
    """Usable lines, in order."""
    inputs: list[npt.NDArray[Any]] = field(default_factory=list)
    """The prepared image of each usable line, (1, c, h, w), read-only: every target reads the same ones. float32, or
    uint8 where images are handed over as they are."""
    findings: list[Finding] = field(default_factory=list)
    """The unusable ones, in order."""

    @property
    def widths(self) -> list[int]:
        """Padded width of each prepared image, in pixels."""
        return [image.shape[3] for image in self.inputs]

    def pick(self, indices: Sequence[int]) -> Audit:
        """Return some of the usable lines, without the findings."""
        return Audit(lines=[self.lines[i] for i in indices], inputs=[self.inputs[i] for i in indices])

    def summary(self) -> str:
        """Return one sentence: how many lines are usable, how many are not and why."""
        reasons = f" ({summarise(self.findings)})" if self.findings else ""
        return f"{len(self.lines)} usable lines, {len(self.findings)} unusable{reasons}"


def runs_right_to_left(text: str) -> str:
    """Return the first letter of ``text`` that is written from right to left, or mark that turns others; else nothing.

    Frames run from left to right. A transcription is in logical order, the order of reading: of such a text, even of
    one such word, that is the other way round, so no training could align it, and no CER of it would mean anything.
    Nothing is put in visual order here: it depends on the paragraph (Unicode Standard Annex 9) and cannot be undone.
    Digits of any script run from left to right and are no such letters.
    """
    return next((symbol for symbol in text if unicodedata.bidirectional(symbol) in RIGHT_TO_LEFT_CLASSES), "")


def find_right_to_left(line: Line) -> Finding | None:
    """Return the finding on a line whose text does not run from left to right throughout."""
    if not (symbol := runs_right_to_left(line.text)):
        return None
    return Finding(
        line.id,
        Problem.RIGHT_TO_LEFT,
        f"{symbol!r} (U+{ord(symbol):04X}) is written from right to left, frames run from left to right, and texts are "
        "not reordered",
    )


def check_line(
    line: Line, *, charset: Charset, preprocess: PreprocessSpec, frames: Callable[[int], int] | None
) -> npt.NDArray[Any] | Finding:
    """Return the prepared image of a usable line, (1, c, h, w), read-only, or the finding on it.

    ``frames`` returns how many frames an input of so many columns has; None for a recogniser without frames.
    """
    text = normalise_text(line.text)
    if not text:
        return Finding(line.id, Problem.EMPTY_TEXT, "the transcription is empty")
    if frames is not None and (finding := find_right_to_left(line)):
        return finding
    if unknown := charset.unknown(text):
        return Finding(line.id, Problem.UNKNOWN_SYMBOL, f"the charset lacks {list(unknown)}")
    try:
        prepared = prepare(line.pixels(preprocess), preprocess)
    except ImageError as error:
        return Finding(line.id, Problem.BAD_IMAGE, error.message)
    if frames is not None and (given := frames(prepared.shape[3])) < (needed := frames_needed(charset.encode(text))):
        return Finding(line.id, Problem.TOO_FEW_FRAMES, f"{given} frames for a text that needs {needed}")
    prepared.setflags(write=False)
    return prepared


def audit_lines(
    lines: Iterable[Line],
    *,
    charset: Charset,
    preprocess: PreprocessSpec,
    stride: int = 1,
    frames: Callable[[int], int] | None = None,
    framed: bool = True,
    skip: Collection[Problem] = (),
) -> Audit:
    """Sort ``lines`` into usable and unusable ones.

    Args:
        lines: The line set.
        charset: The recogniser's charset.
        preprocess: The recogniser's preprocessing.
        stride: Input columns per frame.
        frames: In its place, returns how many frames an input of so many columns has.
        framed: Whether it reads by frames from left to right, and not text by itself.
        skip: Problems to leave out silently here and count in the audit; any other problem is refused.

    Raises:
        LineDataError: If a line has a problem not in ``skip``; all such lines are counted, the first ten named.
    """
    audit = Audit()
    for line in lines:
        count = (frames or (lambda width: width // stride)) if framed else None
        checked = check_line(line, charset=charset, preprocess=preprocess, frames=count)
        if isinstance(checked, Finding):
            audit.findings.append(checked)
        else:
            audit.lines.append(line)
            audit.inputs.append(checked)
    refuse(audit.findings, skip=skip, found=audit.summary())
    return audit


def audit_for(lines: Iterable[Line], spec: RecogniserSpec, *, skip: Collection[Problem] = ()) -> Audit:
    """Check lines as ``audit_lines`` does, and prepare them for a recogniser."""
    framed = spec.decoder is Decoder.CTC
    return audit_lines(
        lines, charset=spec.charset, preprocess=spec.preprocess, frames=spec.frames, framed=framed, skip=skip
    )


def sized_lines(
    lines: Iterable[Line], findings: list[Finding], *, skip: Collection[str] = ()
) -> Iterator[tuple[Line, tuple[int, int]]]:
    """Yield each line with the height and width of its image, in pixels; for what needs nothing else.

    Args:
        lines: The line set.
        findings: Gets those whose image cannot be decoded.
        skip: Problems to leave out; only bad images can be found.

    Raises:
        LineDataError: After the last line, if an image cannot be decoded and this is not in ``skip``.
    """
    count = 0
    for line in lines:
        try:
            height, width = line.gray().shape
        except ImageError as error:
            findings.append(Finding(line.id, Problem.BAD_IMAGE, error.message))
            continue
        count += 1
        yield line, (height, width)
    refuse(findings, skip=skip, found=f"{count} lines can be read")


def refuse(findings: Iterable[Finding], *, skip: Collection[str], found: str) -> None:
    """Refuse what is not to be left out: all such lines are counted, the first ten named.

    Raises:
        LineDataError: If a finding's problem is not in ``skip``; ``found`` says what else there is.
    """
    refused = [f for f in findings if f.problem not in skip]
    if not refused:
        return
    named = "\n".join(f"  {f.id}: {f.problem}: {f.detail}" for f in refused[:10])
    rest = f"\n  and {len(refused) - 10} more" if len(refused) > 10 else ""
    names = sorted({str(f.problem) for f in refused})
    raise LineDataError(
        f"{len(refused)} unusable lines; {found}:\n{named}{rest}",
        remedy=f"fix them, or leave them out with --skip {','.join(names)}",
    )
