"""A toy recogniser on disk, and lines of a hand."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def toy_weights(toy_artifact) -> Path:
    """A weights file of the toy; it knows the symbols " abcdeé"."""
    return toy_artifact.path / "weights.safetensors"


@pytest.fixture(scope="session")
def hand(lines_folder):
    """The lines of ``lines_folder``, as one data set."""
    from dataclasses import replace

    from inkport.lines.source import read_lines

    return [replace(line, dataset="toy") for line in read_lines([lines_folder])]


@pytest.fixture(scope="session")
def others(other_lines):
    """Lines of another hand."""
    from inkport.lines.source import read_lines

    return list(read_lines([other_lines]))
