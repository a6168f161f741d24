"""The record of a line set: what it was made from and with, and what was refused."""

from __future__ import annotations

import json
from importlib.metadata import version

from PIL import features

from inkport.core.config import to_plain
from inkport.core.files import sha256_file
from inkport.train.synth.request import LineSet, Rendered


SET = "set.json"
"""Name of the record in the folder."""
PACKAGES = ("inkport", "numpy", "pillow", "fonttools")
"""Packages that decide the bytes."""
LIBRARIES = ("freetype2", "raqm", "harfbuzz", "jpg")
"""Libraries inside Pillow that do."""


def describe_set(request: LineSet, rendered: Rendered) -> str:
    """Return the record as JSON: settings, digests of fonts and texts, versions, and counts; no paths."""
    record = {
        "schema": 1,
        "seed": request.seed,
        "part": request.part,
        "held_share": request.held_share,
        "lines": {path.stem: count for path, count in zip(request.texts, request.counts, strict=True)},
        "refused": {name: count for name, count in to_plain(rendered).items() if name != "lines"},
        "least": request.least,
        "most": request.most,
        "levels": request.levels,
        "plain_text": request.plain_text,
        "symbols": None if request.symbols is None else "".join(sorted(request.symbols)),
        "look": to_plain(request.look),
        "fonts": {path.stem: sha256_file(path) for path in request.fonts},
        "texts": {path.stem: sha256_file(path) for path in request.texts},
        "tools": {name: version(name) for name in PACKAGES} | {name: features.version(name) for name in LIBRARIES},
    }
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"
