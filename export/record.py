"""Writing an artefact that was made from another one, with the record of how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from inkport import __version__
from inkport.core.artifact import Artifact, Calibration, Provenance, new_artifact
from inkport.core.target import Precision


def tool_versions(*distributions: str) -> dict[str, str]:
    """Return the version of inkport and of each named distribution, which must be installed."""
    return {"inkport": __version__, **{name: version(name) for name in distributions}}


@contextmanager
def derived_artifact(
    out: Path,
    source: Artifact,
    *,
    stage: str,
    format: str,  # noqa: A002 - the artefact's field
    precision: Precision,
    tools: tuple[str, ...],
    options: Mapping[str, Any],
    calibration: Calibration | None = None,
) -> Iterator[Path]:
    """Yield an empty folder to fill; when the block ends it becomes the artefact at ``out``.

    Args:
        out: The artefact's directory; what was there stays if the block fails.
        source: What it is made from.
        stage: Name of the exporter.
        format: Its format.
        precision: Its precision.
        tools: Distributions whose versions are recorded.
        options: Settings of the stage.
        calibration: Lines that its ranges come from.
    """
    provenance = Provenance(
        stage=stage,
        root=source.root,
        parent=source.digest,
        tools=tool_versions(*tools),
        options=options,
        calibration=calibration,
    )
    with new_artifact(out, spec=source.spec, format=format, precision=precision, provenance=provenance) as folder:
        yield folder
