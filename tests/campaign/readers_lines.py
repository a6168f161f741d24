"""Readers of lines: folders, manifests, Parquet files, and the data sets of the literature."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from campaign.reader import Reader


def read_line_set(name: str, folder: Path) -> object:
    """Read a line set as a command does, every problem of a line skipped, and prove what passed."""
    from campaign.toys import SPEC
    from inkport.lines.audit import audit_lines
    from inkport.lines.line import digest_lines
    from inkport.lines.problem import Problem
    from inkport.lines.source import read_lines

    lines = list(read_lines([folder / name if name else folder]))
    digest_lines(lines)
    audit = audit_lines(
        lines, charset=SPEC.charset, preprocess=SPEC.preprocess, stride=SPEC.stride, skip=tuple(Problem)
    )
    for line, prepared in zip(audit.lines, audit.inputs, strict=True):
        assert isinstance(line.text, str)
        assert line.text
        assert np.isfinite(prepared).all()
        assert line.unit is None or all(isinstance(part, str) for part in line.unit)
    return len(audit.lines)


def read_dataset(name: str, folder: Path) -> object:
    """Convert the test split of a data set, as far as it can be used."""
    from inkport.lines.datasets.catalogue import find_dataset
    from inkport.lines.datasets.convert import convert, select_lines
    from inkport.lines.datasets.layout import Split

    selection = select_lines(find_dataset(name), folder, Split.TEST, allow_partial=True)
    return convert(selection, folder / "made.parquet", squeeze=40.0, allow_partial=True)


LINE_READERS = (
    Reader(
        name="folder",
        modules=("lines.folder", "lines.source", "lines.line", "core.image"),
        read=partial(read_line_set, ""),
    ),
    Reader(name="manifest", modules=("lines.folder",), read=partial(read_line_set, "lines.tsv")),
    Reader(name="description", modules=("lines.folder",), read=partial(read_line_set, "lines.toml")),
    Reader(name="parquet", modules=("lines.parquet", "lines.tables"), read=partial(read_line_set, "lines.parquet")),
    *(
        Reader(name=name, modules=(f"lines.datasets.{module}", *more), read=partial(read_dataset, name))
        for name, module, *more in (
            ("iam", "line_images", "lines.datasets.layout", "lines.safe_xml"),
            ("iam-ascii", "line_images"),
            ("read2016", "read2016"),
            ("read2016-masked", "read2016"),
            ("lam", "line_images"),
            ("vnondb", "vnondb"),
            ("vnondb-images", "vnondb"),
        )
    ),
)
