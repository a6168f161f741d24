"""Writing an artifact that was made from another one, with the record of how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from inkport import __version__
from inkport.core.artifact import Artifact, Calibration, Provenance, new_artifact
from inkport.core.config import to_plain
from inkport.core.onnx_metadata import MODEL_FILE, ONNX_FORMATS, with_metadata
from inkport.core.target import Precision
from inkport.lines.roles import LINE_DIGESTS, flat_provenance, merge_records


def tool_versions(*distributions: str) -> dict[str, str]:
    """Return the version of inkport and of each named distribution, which must be installed."""
    return {"inkport": __version__, **{name: version(name) for name in distributions}}


def with_line_digests(provenance: Provenance, *, inherited: Mapping[str, str] | None = None) -> Provenance:
    """Return a provenance with the digests of all lines in its settings and its calibration in their one place.

    Args:
        provenance: As a stage fills it in.
        inherited: Those of what the artifact is made from.

    Raises:
        ArtifactCorruptError: If a record of lines is malformed.
    """
    calibration = provenance.calibration
    found = flat_provenance({"options": provenance.options, "calibration": to_plain(calibration)})
    return replace(
        provenance,
        options=found["options"],
        calibration=None if calibration is None else replace(calibration, line_digests={}),
        line_digests=merge_records(inherited or {}, found.get(LINE_DIGESTS, {})),
    )


@contextmanager
def derived_artifact(
    out: Path,
    source: Artifact,
    *,
    stage: str,
    format: str,  # noqa: A002 - the artifact's field
    precision: Precision,
    tools: tuple[str, ...],
    options: Mapping[str, Any],
    calibration: Calibration | None = None,
) -> Iterator[Path]:
    """Yield an empty folder to fill; when the block ends it becomes the artifact at ``out``.

    An ONNX file in it gets its metadata then (``inkport.core.onnx_metadata``).

    Args:
        out: The artifact's directory; what was there stays if the block fails.
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
        licence=source.provenance.licence,
        attribution=source.provenance.attribution,
    )
    provenance = with_line_digests(provenance, inherited=source.provenance.line_digests)
    with new_artifact(out, spec=source.spec, format=format, precision=precision, provenance=provenance) as folder:
        yield folder
        if format in ONNX_FORMATS:
            file = folder / MODEL_FILE
            data = with_metadata(
                file.read_bytes(), source.spec, precision=precision, provenance=provenance, format=format
            )
            file.write_bytes(data)
