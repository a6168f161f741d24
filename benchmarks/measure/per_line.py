"""What every line contributes to a report: enough to compare two reports of the same lines line by line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from inkport.benchmarks.measure.parity import Reading
from inkport.core.charset import normalise_text
from inkport.lines.line import Line


K = TypeVar("K")


@dataclass(frozen=True, kw_only=True)
class Group:
    """Lines that have a row of their own in a report."""

    dataset: str
    """Name of the data set."""
    seen_writer: bool
    """Whether the model may have seen these writers in training."""


@dataclass(frozen=True, kw_only=True)
class PerLine:
    """Figures per line, in the order of the lines; writers and documents are numbered and not named."""

    groups: tuple[Group, ...]
    """The data sets, lines of seen and unseen writers apart."""
    group: tuple[int, ...]
    """Index into ``groups``."""
    writer: tuple[int | None, ...]
    """Number of the line's writer, or of its document where only that is known, counted from 0 over all data sets;
    None where neither is."""
    symbols: tuple[int, ...]
    """Symbols of the line's text."""
    edits_reference: tuple[int, ...]
    """Edits of the reference's reading."""
    margin_reference: tuple[float | None, ...]
    """Smallest top-1 minus top-2 logit of the reference on the line, to four digits; None without frames."""
    documents: tuple[int, ...]
    """Numbers in ``writer`` that are documents."""


def per_line(lines: Sequence[Line], reference: Reading) -> PerLine:
    """Return the figures of ``lines`` and of what the reference read on them."""
    groups = _numbered((line.dataset, line.seen_writer) for line in lines)
    units = _numbered(unit for line in lines if (unit := line.unit))
    return PerLine(
        groups=tuple(Group(dataset=dataset, seen_writer=seen) for dataset, seen in groups),
        group=tuple(groups[line.dataset, line.seen_writer] for line in lines),
        writer=tuple(units[unit] if (unit := line.unit) else None for line in lines),
        symbols=tuple(len(normalise_text(line.text)) for line in lines),
        edits_reference=tuple(edits.total for edits in reference.edits),
        margin_reference=tuple(_rounded(read.gap) for read in reference.transcriptions),
        documents=tuple(number for (_, kind, _), number in units.items() if kind == "document"),
    )


def line_edits(reading: Reading, indices: Sequence[int] | None, *, lines: int) -> tuple[int | None, ...]:
    """Return a target's edits per line.

    Args:
        reading: What it read.
        indices: Which lines it read; all if None.
        lines: How many lines there are.

    Returns:
        One entry per line, None where it did not read.
    """
    found = dict(zip(range(lines) if indices is None else indices, reading.edits, strict=True))
    return tuple(found[index].total if index in found else None for index in range(lines))


def to_json_text(value: Any, *, indent: int = 0) -> str:
    """Return JSON with one member per line, but lists of numbers and words on a single one: they can be long.

    Args:
        value: Plain data.
        indent: Spaces that the text is already indented by.

    Raises:
        ValueError: If a number is not finite.
    """
    pad, end = " " * (indent + 1), " " * indent
    if isinstance(value, dict) and value:
        members = (
            f"{pad}{json.dumps(key, ensure_ascii=False)}: {to_json_text(item, indent=indent + 1)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(members) + f"\n{end}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return "[\n" + ",\n".join(pad + to_json_text(item, indent=indent + 1) for item in value) + f"\n{end}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _numbered(keys: Iterable[K]) -> dict[K, int]:
    """Number what differs in the order of its first occurrence."""
    return {key: number for number, key in enumerate(dict.fromkeys(keys))}


def _rounded(margin: float) -> float | None:
    return float(f"{margin:.4g}") if math.isfinite(margin) else None
