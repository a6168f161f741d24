"""Versions of the tools that made an artefact, for its provenance."""

from __future__ import annotations

from importlib.metadata import version

from inkport import __version__


def tool_versions(*distributions: str) -> dict[str, str]:
    """Return the version of inkport and of each named distribution, which must be installed."""
    return {"inkport": __version__, **{name: version(name) for name in distributions}}
