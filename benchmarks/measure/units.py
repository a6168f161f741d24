"""The independent units of a sample: writers, or documents where nobody says who wrote them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from inkport.lines.line import Line


UnitKind = Literal["writer", "document", "line"]
"""What is taken as independent. ``document``: of at least one unit only the document is known."""


@dataclass(frozen=True, kw_only=True)
class Units:
    """Which lines belong together."""

    kind: UnitKind
    """What they are."""
    index: npt.NDArray[np.int64]
    """Number of each line's unit, in the order of their first lines, int64 (lines,)."""

    @property
    def count(self) -> int:
        """How many units there are, at least 1."""
        return int(self.index.max()) + 1

    def sums(self, values: Sequence[int]) -> npt.NDArray[np.float64]:
        """Sum a figure of the lines per unit, float64 (units,)."""
        return np.bincount(self.index, weights=np.asarray(values, dtype=np.float64)).astype(np.float64)


def units_of(lines: Sequence[Line]) -> Units:
    """Return the units of ``lines``, at least one: ``Line.unit`` where it is known.

    Lines of one writer are alike, and counting them one by one would claim more certainty than there is. So lines
    never stand in for units that are known: where only some lines have one, the others of a data set are one unit
    together. Only where none has, each line is a unit.
    """
    units = [line.unit for line in lines]
    if not any(units):
        return Units(kind="line", index=np.arange(len(lines)))
    kinds = {unit[1] if unit else "" for unit in units}
    return numbered(
        [unit or (line.dataset, "", "") for unit, line in zip(units, lines, strict=True)],
        kind="writer" if kinds == {"writer"} else "document",
    )


def documents_of(lines: Sequence[Line]) -> Units:
    """Return documents as units, or lines where fewer than two are named: for what is asked about one hand alone."""
    names = [(line.dataset, line.document) for line in lines]
    if len({name for name in names if name[1]}) < 2:
        return Units(kind="line", index=np.arange(len(lines)))
    return numbered(names, kind="document")


def numbered(keys: Sequence[Hashable], *, kind: UnitKind) -> Units:
    """Return units that are distinguished by ``keys``, one per line."""
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return Units(kind=kind, index=np.asarray([numbers[key] for key in keys], dtype=np.int64))


def counted(count: int, kind: UnitKind) -> str:
    """Return a number of units in words."""
    return f"{count} {kind}{'' if count == 1 else 's'}"
