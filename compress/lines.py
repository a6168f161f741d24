"""The line sets of a recipe: which lines train, which choose, which only confirm, and that none does two of these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from inkport.core.errors import LineDataError
from inkport.lines.audit import Problem
from inkport.lines.held_out import TEST, is_listed
from inkport.lines.line import Line
from inkport.lines.source import digest_lines, read_lines


@dataclass(frozen=True, kw_only=True)
class LineSets:
    """Lines by role; a line has one."""

    train: tuple[Path, ...]
    """Trainings and quantisers see these; a path that stands twice counts twice in a training."""
    val: tuple[Path, ...]
    """Trainings stop, and members are chosen, by these."""
    test: tuple[Path, ...] = ()
    """Confirm what was chosen by val; nothing is ever chosen by these."""
    skip: tuple[Problem, ...] = ()
    """Problems whose lines are left out (and counted) instead of refused."""

    def within(self, base: Path) -> LineSets:
        """Return the same with paths that start at ``base``."""
        return LineSets(
            train=tuple(base / path for path in self.train),
            val=tuple(base / path for path in self.val),
            test=tuple(base / path for path in self.test),
            skip=self.skip,
        )


@dataclass(frozen=True)
class _Read:
    digest: str
    ids: frozenset[str]
    held_out: str | None


class LineIndex:
    """Ids and digests of line sets, each read once."""

    def __init__(self) -> None:
        self._read: dict[Path, _Read] = {}

    def digests(self, paths: Iterable[Path]) -> list[str]:
        """Return the SHA-256 (hex) of each line set: ids, texts and images.

        Raises:
            LineDataError: If one is no line set.
        """
        return [self._find(path).digest for path in paths]

    def check_roles(self, roles: Mapping[str, Iterable[Path]]) -> None:
        """Refuse a line that has two roles, and a test line that is to train or to choose.

        Args:
            roles: Line sets by role.

        Raises:
            LineDataError: If there is one, or a path is no line set.
        """
        for role in roles.keys() - {TEST}:
            for path in roles[role]:
                if (name := self._find(path).held_out) is not None:
                    raise LineDataError(
                        f"{path.name}: {name!r} is a test line, and in {role}",
                        remedy="nothing is trained or chosen by test lines: name them in lines.test",
                    )
        owners: dict[str, str] = {}
        for role, paths in roles.items():
            ids = frozenset[str]().union(*(self._find(path).ids for path in paths))
            shared = sorted(name for name in ids if owners.get(name, role) != role)
            if shared:
                raise LineDataError(
                    f"{len(shared)} lines are in both {owners[shared[0]]} and {role}, for example {shared[0]!r}",
                    remedy="a line trains, chooses or confirms: name each line set in one role",
                )
            owners |= dict.fromkeys(ids, role)

    def _find(self, path: Path) -> _Read:
        key = path.resolve()
        if key not in self._read:
            ids: set[str] = set()
            held_out: list[str] = []

            def noted() -> Iterator[Line]:
                for line in read_lines([path]):
                    ids.add(line.id)
                    if not held_out and (line.split == TEST or is_listed(line.id)):
                        held_out.append(line.id)
                    yield line

            digest = digest_lines(noted())
            self._read[key] = _Read(digest, frozenset(ids), next(iter(held_out), None))
        return self._read[key]
