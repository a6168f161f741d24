"""What the scripts share that compare an import with the pipeline that the model comes from."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from inkport.core.artifact import Artifact
from inkport.core.preprocess import prepare
from inkport.core.recogniser import Recogniser
from inkport.core.registry import open_session
from inkport.lines.line import Line
from inkport.lines.source import read_lines


def parsed(description: str, *, count: int = 200) -> argparse.Namespace:
    """Return ``lines``, ``count`` and ``out`` of the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="+", type=Path, help="line sets")
    parser.add_argument("--count", type=int, default=count, help="lines, taken from the sets in equal parts")
    parser.add_argument("--out", type=Path, help="folder to keep the imported artifact in")
    return parser.parse_args()


def chosen_lines(given: argparse.Namespace) -> list[Line]:
    """Return the first lines of each set, as many of one as of another."""
    part = -(-given.count // len(given.lines))
    return [line for path in given.lines for line in islice(read_lines([path]), part)][: given.count]


def count_differing(artifact: Artifact, lines: list[Line], theirs: Callable[[Line], str], name: str) -> int:
    """Read every line with both, print the texts that differ, and return how many do."""
    pre, differing, empty = artifact.spec.preprocess, 0, 0
    with open_session(artifact, runtime="onnxruntime") as session:
        recogniser = Recogniser(artifact.spec, session)
        for line in lines:
            expected = theirs(line)
            text = recogniser.read_prepared([prepare(line.pixels(pre), pre)])[0].text
            empty += not expected
            if text != expected:
                differing += 1
                sys.stdout.write(f"{line.id}: {expected!r} by {name}, {text!r} here\n")
    sys.stdout.write(f"{differing} of {len(lines)} texts differ from {name}'s own; {empty} of those are empty\n")
    # Two pipelines that read nothing agree too.
    return differing or int(2 * empty > len(lines))
