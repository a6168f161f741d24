"""What a report says, in the order in which it is read: conclusion, tables, evidence. Every view is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from inkport.benchmarks.report.junit import Case
from inkport.core.tables import Table


MORE = "the JSON file has the reasons, and so has everything with --verbose"
"""What is said of all targets together of which nothing was found out."""


class Sign(StrEnum):
    """What a conclusion or a cell means to whoever must act on it."""

    GOOD = "good"
    """Go on."""
    BAD = "bad"
    """Stop."""
    OPEN = "open"
    """Find out more."""
    ABSENT = "absent"
    """Nothing was found out."""


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What to do, in one sentence."""

    names: tuple[str, ...]
    """The targets that it is about."""
    sign: Sign
    """What it means."""
    label: str
    """What to do, in a few words."""
    why: str
    """The reason, as the rest of the sentence; may be empty."""

    @property
    def sentence(self) -> str:
        """The whole sentence."""
        return f"{', '.join(self.names)}: {self.label}{'; ' if self.why else ''}{self.why.removesuffix('.')}."


@dataclass(frozen=True)
class Evidence:
    """Markup that only the page shows."""

    markup: str
    """What is in the page."""
    rest: tuple[str, ...] = ()
    """What would make the page too large, in parts: each becomes a page of its own in a folder beside it."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a report with a heading."""

    name: str
    """Its heading."""
    tables: tuple[Table, ...] = ()
    """Its tables."""
    sentences: tuple[str, ...] = ()
    """What is said below them."""
    evidence: Callable[[], Evidence] | None = None
    """Makes what the page shows in place of the tables."""
    terminal: bool = True
    """Whether a terminal shows it."""


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """A report as it is read."""

    title: str
    """The command that made it."""
    about: str
    """What it is about, in a word or two: the model."""
    subject: tuple[str, ...]
    """What was looked at, on which lines, compared with what."""
    conclusions: tuple[Conclusion, ...]
    """What to do, the worst first."""
    sections: tuple[Section, ...]
    """Tables, then evidence; the first has the table that the conclusions rest on."""
    signs: Mapping[str, Sign] = field(default_factory=dict)
    """What words in cells mean."""
    cases: tuple[Case, ...] = ()
    """What continuous integration shows as tests."""
    created: str = ""
    """When, in UTC (ISO 8601)."""
    verdict: str = ""
    """The whole in a few words, where counting the conclusions does not say it."""

    @property
    def lead(self) -> str:
        """The whole in a few words: how many targets each conclusion is about, unless there is a verdict."""
        if self.verdict:
            return self.verdict
        counts: dict[str, int] = {}
        for found in self.conclusions:
            counts[found.label] = counts.get(found.label, 0) + len(found.names)
        total = sum(counts.values())
        first = f" of {total} target{'' if total == 1 else 's'}"
        return "; ".join(f"{label}: {n}{'' if number else first}" for number, (label, n) in enumerate(counts.items()))


def summed_up(document: Presentation) -> Presentation:
    """Return the presentation with one sentence, and no row, for the targets of which nothing was found out.

    Most runtimes that inkport knows are on no single machine, and a row of each hides those that are there.
    """
    absent = [found for found in document.conclusions if found.sign is Sign.ABSENT]
    if not absent:
        return document
    names = tuple(name for found in absent for name in found.names)
    one = Conclusion(names=names, sign=Sign.ABSENT, label=absent[0].label, why=MORE)
    return replace(
        document,
        conclusions=(*(found for found in document.conclusions if found.sign is not Sign.ABSENT), one),
        sections=tuple(
            replace(section, tables=tuple(_without(table, names) for table in section.tables))
            for section in document.sections
        ),
    )


def _without(table: Table, names: Sequence[str]) -> Table:
    return replace(table, rows=tuple(row for row in table.rows if row[0] not in names))


def grouped(conclusions: Sequence[Conclusion]) -> tuple[Conclusion, ...]:
    """Return the conclusions with what stops first, and one for all targets that have the same."""
    order = [Sign.BAD, Sign.OPEN, Sign.GOOD, Sign.ABSENT]
    names: dict[tuple[Sign, str, str], list[str]] = {}
    for found in sorted(conclusions, key=lambda found: order.index(found.sign)):
        names.setdefault((found.sign, found.label, found.why), []).extend(found.names)
    return tuple(
        Conclusion(names=tuple(having), sign=sign, label=label, why=why) for (sign, label, why), having in names.items()
    )
