"""Telling lines: sample lines whose text changes if a port decodes or resizes them wrongly."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from inkport.core.child import ChildSession
from inkport.core.ctc import greedy
from inkport.core.errors import ImageError, InkportError
from inkport.core.preprocess import PreprocessSpec, normalise, prepare_bytes, to_bytes
from inkport.core.runtime import CheckedSession, Session
from inkport.core.spec import RecogniserSpec
from inkport.core.tensor_files import write_tensor
from inkport.lines.audit import Audit, audit_for
from inkport.lines.line import Line
from inkport.lines.problem import Problem
from inkport.lines.source import read_lines


TELLING = "telling"
"""Name of their data set; error rates leave it out."""
FOLDER = Path(str(files("inkport.benchmarks"))) / "samples" / "telling"
"""Where they are; what made them is scripts/telling_lines.py of inkport's repository."""
NAMED = 3
"""How many lines a sentence names."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What became of the telling lines where a program prepares images itself."""

    lines: int
    """Lines that were prepared."""
    wrong: tuple[str, ...]
    """Ids of those that came out otherwise."""

    def sentence(self) -> str:
        """Say how many are right, and which are not."""
        right = f"{self.lines - len(self.wrong)} of {self.lines} telling lines are right"
        if not self.wrong:
            return right
        more = f" and {len(self.wrong) - NAMED} more" if len(self.wrong) > NAMED else ""
        return f"{right}, wrong are {', '.join(self.wrong[:NAMED])}{more}"


@cache
def telling_lines() -> tuple[Line, ...]:
    """Return the telling lines, in the order of their manifest; none if this build has none."""
    manifest = FOLDER / "lines.tsv"
    return tuple(read_lines([manifest])) if manifest.is_file() else ()


def telling_audit(spec: RecogniserSpec) -> Audit:
    """Return the telling lines that a recogniser can read, prepared for it: of those that all decoders see alike.

    Decoders of JPEG differ by a level of gray, and a kit's gray has to be equal.
    """
    exact = [line for line in telling_lines() if Path(str(line.image)).suffix == ".png"]
    return audit_for(exact, spec, skip=tuple(Problem))


def digests(line: Line) -> tuple[str, str]:
    """Return SHA-256 (hex) of a line's gray and of its tensor for a network of our own, which are the same everywhere.

    Raises:
        ImageError: If the image cannot be read.
    """
    tensor = prepare_bytes(to_bytes(line.pixels()), PreprocessSpec())
    return line.picture, hashlib.sha256(tensor.tobytes()).hexdigest()


def prepared_here() -> Preparation | None:
    """Decode and prepare the telling lines in this process; None if this build has none.

    What is not as recorded reads other texts than elsewhere: a system's Pillow with another JPEG decoder, say.
    """
    if not (lines := telling_lines()):
        return None
    recorded = _recorded(FOLDER / "lines.tsv")
    return Preparation(lines=len(lines), wrong=tuple(line.id for line in lines if not _is_as(line, recorded[line.id])))


def prepared_by(session: Session, spec: RecogniserSpec) -> Preparation | None:
    """Have a program that reads files by its own code read the telling lines.

    Right is the text that the same engine gives where inkport prepares, so that engines do not matter.

    Args:
        session: An open session.
        spec: Its recogniser.

    Returns:
        What came out; None if the session is of no such program, or images are not prepared in bytes.

    Raises:
        InkportError: If the engine itself fails.
    """
    inner = session.session if isinstance(session, CheckedSession) else session
    if not isinstance(inner, ChildSession) or not _reads(inner) or spec.schema > 1 or not spec.preprocess.in_bytes:
        return None
    wrong, count = [], 0
    for line in telling_lines():
        gray = to_bytes(line.pixels())
        try:
            tensor = prepare_bytes(gray, spec.preprocess)
        except ImageError:
            # Too long for this network.
            continue
        count += 1
        expected = greedy(session.run(normalise(tensor, spec.preprocess))[0], spec.charset).text
        if _text_of(inner, line) != expected:
            wrong.append(line.id)
    return Preparation(lines=count, wrong=tuple(wrong)) if count else None


def _recorded(manifest: Path) -> Mapping[str, tuple[str, str]]:
    head, *rows = (row.split("\t") for row in manifest.read_text(encoding="utf-8").splitlines())
    cells = [dict(zip(head, row, strict=True)) for row in rows]
    return {cell["id"]: (cell["picture"], cell["tensor"]) for cell in cells}


def _is_as(line: Line, recorded: tuple[str, str]) -> bool:
    try:
        return digests(line) == recorded
    except ImageError:
        return False


def _reads(session: ChildSession) -> bool:
    shows = session.hello.get("shows")
    return session.hello.get("start") in {"image", "gray"} and isinstance(shows, list) and "text" in shows


def _text_of(session: ChildSession, line: Line) -> object:
    """Return the text that a child reads of a line's file, or of its gray; None if it refuses the line."""
    file = session.child.folder / "telling"
    given: dict[str, Any] = {"file": str(file)}
    if session.hello["start"] == "gray":
        gray = to_bytes(line.pixels())
        write_tensor(file, gray)
        given["shape"] = list(gray.shape)
    else:
        file.write_bytes(line.image if isinstance(line.image, bytes) else line.image.read_bytes())
    try:
        return session.child.ask("read", input=given, outputs={}).get("text")
    except InkportError:
        if not session.child.alive:
            raise
        return None
