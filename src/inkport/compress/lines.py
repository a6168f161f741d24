"""The line sets of a recipe: which lines train, which choose, which only confirm, and that none does two of these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from inkport.core.artifact import Artifact
from inkport.core.errors import LineDataError
from inkport.core.hub.reference import within
from inkport.lines.line import Line
from inkport.lines.problem import Problem
from inkport.lines.roles import Role, is_listed, is_test_split, name_lines, refuse_recorded, refuse_shared
from inkport.lines.source import digest_lines, read_lines


TEST = "test"
"""The role of lines that only confirm."""


@dataclass(frozen=True, kw_only=True)
class LineSets:
    """Lines by role; a line has one."""

    train: tuple[Path, ...]
    """Trainings and quantizers see these; a path that appears twice counts twice in a training."""
    val: tuple[Path, ...]
    """Trainings stop, and members are chosen, by these."""
    test: tuple[Path, ...] = ()
    """Confirm what was chosen by val; nothing is ever chosen by these."""
    skip: tuple[Problem, ...] = ()
    """Problems whose lines are left out (and counted) instead of refused."""

    def within(self, base: Path) -> LineSets:
        """Return the same with paths that start at ``base``."""
        return LineSets(
            train=tuple(within(base, path) for path in self.train),
            val=tuple(within(base, path) for path in self.val),
            test=tuple(within(base, path) for path in self.test),
            skip=self.skip,
        )


def refuse_known(start: Artifact, lines: LineSets) -> None:
    """Refuse lines to choose or confirm by that made what a compression starts from, as far as its provenance tells.

    Raises:
        LineDataError: If there is one, or a path is not a line set.
    """
    learnt = (Role.TRAIN, Role.UNLABELLED, Role.CALIBRATION)
    for role, paths, made in (("val", lines.val, learnt), (TEST, lines.test, (*learnt, Role.VAL, Role.TUNING))):
        refuse_recorded(
            start.provenance.line_digests,
            read_lines(paths),
            made,
            owner=f"the start {start.path}",
            because=f"they are no lines of {role}",
            remedy=f"take them out of lines.{role}",
        )


@dataclass(frozen=True)
class _Read:
    digest: str
    named: Mapping[str, str]
    held_out: str | None


class LineIndex:
    """Content and digests of line sets, each read once."""

    def __init__(self) -> None:
        self._read: dict[Path, _Read] = {}

    def digests(self, paths: Iterable[Path]) -> list[str]:
        """Return the SHA-256 (hex) of each line set: ids, texts and images.

        Raises:
            LineDataError: If one is not a line set.
        """
        return [self._find(path).digest for path in paths]

    def check_roles(self, roles: Mapping[str, Iterable[Path]]) -> None:
        """Refuse a line that has two roles, and a test line that is to train or to choose.

        Args:
            roles: Line sets by role.

        Raises:
            LineDataError: If there is one, or a path is not a line set.
        """
        for role in roles.keys() - {TEST}:
            for path in roles[role]:
                if (name := self._find(path).held_out) is not None:
                    raise LineDataError(
                        f"{path.name}: {name!r} is a test line, and in {role}",
                        remedy="nothing is trained or chosen by test lines: name them in lines.test",
                    )
        named: dict[str, dict[str, str]] = {role: {} for role in roles}
        for role, paths in roles.items():
            for path in paths:
                named[role].update(self._find(path).named)
        refuse_shared(
            named,
            because="a line trains, chooses or confirms",
            remedy="name each line in one role",
        )

    def _find(self, path: Path) -> _Read:
        key = path.resolve()
        if key not in self._read:
            held_out: list[str] = []

            def noted() -> Iterator[Line]:
                for line in read_lines([path]):
                    if not held_out and (is_test_split(line.split) or is_listed(line)):
                        held_out.append(line.id)
                    named.update(name_lines([line]))
                    yield line

            named: dict[str, str] = {}
            digest = digest_lines(noted())
            self._read[key] = _Read(digest, named, next(iter(held_out), None))
        return self._read[key]
