"""Which data sets are known, how large their published splits are, and what their licences ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from inkport.core.errors import UsageError
from inkport.lines.datasets.layout import Listed, Split
from inkport.lines.datasets.line_images import list_iam, list_iam_ascii, list_lam
from inkport.lines.datasets.read2016 import list_read2016
from inkport.lines.datasets.vnondb import list_vnondb, list_vnondb_images


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set in one official layout; ``docs/datasets.md`` says where each fact comes from."""

    name: str
    """Its name on the command line and in reports."""
    language: str
    """BCP 47 tag of its texts."""
    licence: str
    """What its licence asks, in short."""
    sizes: Mapping[Split, int]
    """Lines per split, as published."""
    seen_writer: bool
    """Whether writers of the test split may also have written training lines."""
    drops_empty: bool = False
    """Whether the published sizes leave out lines without a transcription."""
    read: Callable[[Path, Split], Iterator[Listed]]
    """Lists the lines of a split."""


def _sizes(train: int, val: int, test: int) -> dict[Split, int]:
    return {Split.TRAIN: train, Split.VAL: val, Split.TEST: test}


def _iam(name: str, read: Callable[[Path, Split], Iterator[Listed]]) -> Dataset:
    return Dataset(
        name=name,
        language="en",
        licence="non-commercial research only",
        sizes=_sizes(6482, 976, 2915),
        seen_writer=False,
        read=read,
    )


def _read2016(name: str, *, masked: bool) -> Dataset:
    return Dataset(
        name=name,
        language="de",
        licence="CC-BY-4.0",
        sizes=_sizes(8349, 1040, 1138),
        seen_writer=True,
        drops_empty=True,
        read=partial(list_read2016, masked=masked),
    )


def _vnondb(name: str, read: Callable[[Path, Split], Iterator[Listed]]) -> Dataset:
    return Dataset(
        name=name,
        language="vi",
        licence="research only",
        sizes=_sizes(4433, 1229, 1634),
        seen_writer=False,
        read=read,
    )


_ALL = (
    _iam("iam", list_iam),
    _iam("iam-ascii", list_iam_ascii),
    _read2016("read2016", masked=False),
    _read2016("read2016-masked", masked=True),
    Dataset(
        name="lam",
        language="it",
        licence="on request from its authors; ask them about other use than research",
        sizes=_sizes(19830, 2470, 3523),
        seen_writer=True,
        read=list_lam,
    ),
    _vnondb("vnondb", list_vnondb),
    _vnondb("vnondb-images", list_vnondb_images),
)

DATASETS: Mapping[str, Dataset] = {dataset.name: dataset for dataset in _ALL}
"""Known data sets by name."""


def find_dataset(name: str) -> Dataset:
    """Return a data set.

    Raises:
        UsageError: If the name is unknown.
    """
    if name not in DATASETS:
        raise UsageError(f"data set {name!r} is unknown", remedy=f"known data sets: {', '.join(DATASETS)}")
    return DATASETS[name]
