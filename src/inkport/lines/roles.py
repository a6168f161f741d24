"""A line has one role: what trains, calibrates or tunes a recogniser does not prove it.

Lines are distinguished by their content (``Line.content``), never by ids, paths or the names of files: a copy under
another name, in another format or data set is the same line, and two files of one name are two lines. Where a role
looks at images alone (calibration, training without transcriptions), equal images are enough. What is not caught is a
copy whose pixels differ: scaled, cropped, or compressed again. A line that cannot be decoded has no content and cannot
be compared; it cannot be read either, so it takes part in nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from inkport.core.artifact import Calibration
from inkport.core.errors import ArtifactCorruptError, ImageError, LineDataError
from inkport.lines.line import Line, digest_lines


class Role(StrEnum):
    """What a line did for a recogniser or a language model; names the digests in their provenance."""

    TRAIN = "train"
    """Weights were trained on it."""
    UNLABELLED = "unlabelled"
    """Weights were trained on its image, without its text."""
    VAL = "val"
    """A training was stopped, or its weights chosen, by it."""
    CALIBRATION = "calibration"
    """Ranges of a quantized artifact come from its image."""
    TUNING = "tuning"
    """A setting of an artifact or of a language model was chosen by it."""
    TEXT = "text"
    """A language model was built on its text."""


BY_IMAGE = frozenset({Role.UNLABELLED, Role.CALIBRATION})
"""Roles that look at the image alone."""
LEARNT = (Role.TRAIN, Role.UNLABELLED)
"""What weights learned from. Ports may be compared on such lines, but reading is easier there, and so is agreeing."""
TEST_WORDS = frozenset({"test", "tests", "testing", "testset"})
"""A split is for testing if one of its words is among these, in any case: ``TEST``, ``test-clean``, ``unseen_test``.

``eval`` and ``dev`` are not: as many data sets call their validation so.
"""
DIGEST_BYTES = 6
"""Bytes of a digest in a record. That any of 2,000 lines meets one of 24,000 others by chance has probability 2e-7."""
LINE_DIGESTS = "line_digests"
"""Key of the record in the provenance of weights."""


def is_test_split(split: str) -> bool:
    """Whether a split's name says that its lines are for testing."""
    return not TEST_WORDS.isdisjoint(re.findall(r"[^\W\d_]+", split.casefold()))


def name_lines(lines: Iterable[Line], *, by_image: bool = False) -> dict[str, str]:
    """Return how errors call each line, by its digest; lines that cannot be decoded are left out.

    Args:
        lines: The lines; they are decoded one at a time and not kept.
        by_image: Whether equal images are enough, whatever the texts.
    """
    named: dict[str, str] = {}
    for line in lines:
        if (digest := _digest(line, by_image=by_image)) is not None:
            named.setdefault(digest, f"{line.id!r}" + (f" ({line.source})" if line.source else ""))
    return named


def refuse_shared(roles: Mapping[str, Mapping[str, str]], *, because: str, remedy: str) -> None:
    """Refuse a line that has two roles.

    Args:
        roles: What ``name_lines`` returned, by the role's name in errors.
        because: Why no line may have two of them.
        remedy: What to do.

    Raises:
        LineDataError: If there is one; it is named as both roles call it.
    """
    owners: dict[str, str] = {}
    for role, named in roles.items():
        if shared := [digest for digest in named if digest in owners]:
            first = shared[0]
            other = owners[first]
            count = sum(owners[digest] == other for digest in shared)
            raise LineDataError(
                f"{_lines(count)} in both {other} and {role}, for example {roles[other][first]}, which is "
                f"{named[first]}: {because}",
                remedy=remedy,
            )
        owners |= dict.fromkeys(named, role)


def record_lines(lines: Mapping[Role, Iterable[Line]]) -> dict[str, str]:
    """Return the digests of lines by role, for a provenance; roles without a line are left out.

    A role's digests are sorted, cut to ``DIGEST_BYTES`` and written in base64: 8 characters a line, exact up to the
    chance of ``DIGEST_BYTES``. Random bytes do not compress, and text unpacks to no more than it is.
    """
    return record_digests({role: name_lines(some, by_image=role in BY_IMAGE) for role, some in lines.items()})


def record_digests(digests: Mapping[Role, Collection[str]]) -> dict[str, str]:
    """Return the record of lines that are known by their digests (hex) alone, as ``name_lines`` returns them."""
    cut = {role: {bytes.fromhex(digest)[:DIGEST_BYTES] for digest in some} for role, some in digests.items() if some}
    return {str(role): _pack(some) for role, some in cut.items()}


def describe_lines(lines: Collection[Line], role: Role) -> Calibration:
    """Return the record of lines for the settings of a stage, or the provenance of what they make."""
    return Calibration(
        ids=tuple(line.id for line in lines), sha256=digest_lines(lines), line_digests=record_lines({role: lines})
    )


def merge_records(*records: Mapping[str, str]) -> dict[str, str]:
    """Return one record of all lines in some.

    Raises:
        ArtifactCorruptError: If one is malformed.
    """
    roles = sorted({role for record in records for role in record})
    return {
        role: next(iter(found))
        if len(found := {record[role] for record in records if role in record}) == 1
        else _pack(frozenset[bytes]().union(*map(_unpack, found)))
        for role in roles
    }


def recorded(record: Mapping[str, str], lines: Iterable[Line], roles: Iterable[Role]) -> dict[Role, list[Line]]:
    """Return the lines that a record holds, by role; roles that it does not hold are left out.

    Args:
        record: From the provenance of an artifact, of weights or of a language model; empty if nothing is recorded.
        lines: Lines to look for, such as those of a proof.
        roles: Roles to look at.

    Raises:
        ArtifactCorruptError: If the record is malformed.
    """
    known = {role: _unpack(record[role]) for role in roles if role in record}
    if not known:
        return {}
    found: dict[Role, list[Line]] = {}
    for line in lines:
        for role, digests in known.items():
            digest = _digest(line, by_image=role in BY_IMAGE)
            if digest is not None and bytes.fromhex(digest)[:DIGEST_BYTES] in digests:
                found.setdefault(role, []).append(line)
    return found


def refuse_recorded(
    record: Mapping[str, str], lines: Iterable[Line], roles: Iterable[Role], *, owner: str, because: str, remedy: str
) -> None:
    """Refuse lines that made what is to be proven, measured or tuned by them, as far as its provenance says.

    Args:
        record: As for ``recorded``.
        lines: Lines that are to prove, measure or tune it.
        roles: Roles that they must not have had.
        owner: What was made, in errors.
        because: Why they must not.
        remedy: What to do.

    Raises:
        LineDataError: If there is one.
        ArtifactCorruptError: If the record is malformed.
    """
    for role, some in recorded(record, lines, roles).items():
        name = f"{some[0].id!r}" + (f" ({some[0].source})" if some[0].source else "")
        raise LineDataError(
            f"{_lines(len(some))} among those that {owner} {MADE_BY[role]}, for example {name}: {because}",
            remedy=remedy,
        )


MADE_BY = {
    Role.TRAIN: "was trained on",
    Role.UNLABELLED: "was trained on",
    Role.VAL: "was chosen by",
    Role.CALIBRATION: "was calibrated on",
    Role.TUNING: "was tuned on",
    Role.TEXT: "was built on",
}
"""What a role did, in sentences."""


def flat_provenance(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return a weights' provenance with all records of lines in it, at any depth, merged into one at the top.

    Weights nest the provenance of those they were made from; each record would appear there again and again.

    Raises:
        ArtifactCorruptError: If a record is malformed.
    """
    records: list[Mapping[str, str]] = []
    flat = _without_records(provenance, records)
    assert isinstance(flat, dict)  # noqa: S101 - a mapping gives a dict
    merged = merge_records(*records)
    return flat | ({LINE_DIGESTS: merged} if merged else {})


def lines_of(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of all lines that weights descend from, by role; empty if none are recorded.

    Raises:
        ArtifactCorruptError: If a record is malformed.
    """
    return dict(flat_provenance(provenance).get(LINE_DIGESTS, {}))


def _without_records(value: Any, records: list[Mapping[str, str]]) -> Any:
    if isinstance(value, Mapping):
        found = value.get(LINE_DIGESTS)
        if isinstance(found, Mapping):
            records.append(found)
        return {key: _without_records(item, records) for key, item in value.items() if key != LINE_DIGESTS}
    if isinstance(value, list | tuple):
        return [_without_records(item, records) for item in value]
    return value


def _digest(line: Line, *, by_image: bool) -> str | None:
    try:
        return line.picture if by_image else line.content
    except ImageError:
        return None


def _lines(count: int) -> str:
    return "1 line is" if count == 1 else f"{count} lines are"


def _pack(digests: Iterable[bytes]) -> str:
    return base64.b64encode(b"".join(sorted(digests))).decode()


def _unpack(text: object) -> frozenset[bytes]:
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b"?"
    except (binascii.Error, ValueError):
        data = b"?"
    if len(data) % DIGEST_BYTES:
        raise ArtifactCorruptError(
            f"the provenance's digests of lines are malformed: {str(text)[:40]!r}", remedy="copy or make it again"
        )
    return frozenset(data[at : at + DIGEST_BYTES] for at in range(0, len(data), DIGEST_BYTES))


LIST = "test-lines.json"
"""Digests of the images of the lines that inkport reports on, per line set; ``scripts/test_lines.py`` writes it."""
LIST_DIGITS = 16
"""Hex digits of a digest in the list; that two of 27,000 images share them has a probability below 10^-10."""


@cache
def listed_digests() -> frozenset[str]:
    """Return the digests of the images of all listed test lines."""
    content = json.loads((files("inkport.lines") / LIST).read_text(encoding="utf-8"))
    return frozenset(name for digests in content["line_sets"].values() for name in digests)


def is_listed(line: Line) -> bool:
    """Return whether a line has the image of a listed test line, whatever it is called and whatever its text.

    A copy whose pixels differ, because it was scaled or compressed again, is not recognised; nor is an image that
    cannot be decoded, which cannot be learned from either.
    """
    try:
        return line.picture[:LIST_DIGITS] in listed_digests()
    except ImageError:
        return False


def refuse_test_lines(
    lines: Iterable[Line], *, purpose: str, allow: bool = False, listed: bool = True
) -> Iterator[Line]:
    """Yield the lines, as long as none is a test line.

    Args:
        lines: Lines to learn from, to calibrate on or to choose by.
        purpose: What they are for, in errors.
        allow: Whether test lines may pass.
        listed: Whether images are looked up in the list, which decodes each line; without, splits alone are looked at.

    Raises:
        LineDataError: If a line's split is one for testing, or its image is listed.
    """
    for line in lines:
        if not allow and (why := _why(line, listed=listed)):
            raise LineDataError(
                f"{purpose}: {line.id!r} is a test line ({why})",
                remedy="use lines of training or validation; a result on lines that were learned from is worth nothing",
            )
        yield line


def _why(line: Line, *, listed: bool) -> str:
    if is_test_split(line.split):
        return f"its split is {line.split!r}"
    return "it is one that inkport's reports are made on" if listed and is_listed(line) else ""
