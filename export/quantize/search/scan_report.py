"""The report of a sensitivity scan: written after every operator, taken up again, printed as a table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inkport.benchmarks.measure.parity import to_json_text
from inkport.benchmarks.report.envelope import Document
from inkport.core.artifact import Artifact, Calibration
from inkport.core.config import parse_config, to_plain
from inkport.core.documents import read_json
from inkport.core.errors import InkportError, UsageError
from inkport.core.files import write_atomically
from inkport.core.tables import Table, markdown_table
from inkport.export.quantize.onnx_int8 import Int8Options
from inkport.export.quantize.search.meter import Effect, Meter
from inkport.export.quantize.search.sensitivity import Grouping, GroupSensitivity, Mode, Rank, Scan
from inkport.export.record import tool_versions


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What was scanned, and how: a report is taken up again only where all of it is the same."""

    model: str
    """Digest of the fp32 artifact."""
    mode: Mode
    """What was quantized for each group."""
    grouping: Grouping
    """What a group is."""
    timed: bool
    """Whether each was timed too."""
    settings: Int8Options
    """How it was quantized; ``keep_fp32`` and ``keep_nodes`` play no part."""
    calibration: Calibration
    """Lines that the ranges come from."""
    validation: Calibration
    """Lines that the effects were measured on."""
    probes: int
    """Lines that gaps learnt from."""
    tools: Mapping[str, str]
    """Versions of the tools."""


@dataclass(frozen=True, kw_only=True)
class ScanReport(Document):
    """A scan, whole or in part, as JSON."""

    NAME = "quantize-sensitivity"

    identity: Identity
    """What was scanned."""
    cer: float
    """CER of fp32."""
    rows: tuple[GroupSensitivity, ...]
    """One per group: worst first, or in the graph's order where the scan is not finished."""
    everything: Effect | None = None
    """Effect of quantizing all groups; absent where the scan is not finished."""

    @property
    def scan(self) -> Scan:
        """The whole scan.

        Raises:
            UsageError: If it is not finished.
        """
        if self.everything is None:
            raise UsageError("the sensitivity scan is not finished", remedy="run the same command again")
        return Scan(mode=self.identity.mode, cer=self.cer, everything=self.everything, rows=self.rows)

    @property
    def sha256(self) -> str:
        """Digest of what was scanned and found, whenever that was."""
        found = to_plain(self)
        content = {name: found[name] for name in ("identity", "cer", "rows", "everything")}
        return hashlib.sha256(to_json_text(content).encode()).hexdigest()

    def write(self, path: Path) -> None:
        """Replace the report at ``path``."""
        write_atomically(path, self.to_json())


def identify(
    source: Artifact,
    meter: Meter,
    *,
    calibration: Calibration,
    settings: Int8Options,
    mode: Mode,
    grouping: Grouping,
    timed: bool,
) -> Identity:
    """Say what is scanned."""
    return Identity(
        model=source.digest,
        mode=mode,
        grouping=grouping,
        timed=timed,
        settings=settings,
        calibration=calibration,
        validation=meter.record,
        probes=len(meter.probes),
        tools=tool_versions("onnx", "onnxruntime"),
    )


def load_report(path: Path) -> ScanReport:
    """Read a report.

    Raises:
        UsageError: If there is none, or it is none.
    """
    try:
        found = read_json(path)
        if isinstance(found, dict):
            found = {key: value for key, value in found.items() if key not in {"check", "exit_code"}}
        return parse_config(ScanReport, found, where=str(path))
    except (ValueError, InkportError) as error:
        raise UsageError(
            f"{path}: no report of a sensitivity scan ({error})", remedy="make one with `inkport quantize sensitivity`"
        ) from error


def known_rows(path: Path, identity: Identity) -> dict[str, GroupSensitivity]:
    """Return the rows of an earlier run of the same scan, by name; none if there was no such run."""
    if not path.is_file():
        return {}
    found = load_report(path)
    return {row.name: row for row in found.rows} if found.identity == identity else {}


def render_scan(scan: Scan, lines: int, *, most: int = 0) -> str:
    """Return a Markdown table of the groups, worst first by gaps.

    Args:
        scan: The scan.
        lines: Validation lines that it was measured on.
        most: Rows to print; 0 for all.
    """
    rows: Sequence[GroupSensitivity] = scan.ranked(Rank.MARGINS)
    timed = any(row.saved_ns is not None for row in rows)
    head = ["operator", "type", "million products", "CER change, points", f"flips of {lines}", "predicted", "95 %"]
    head += ["relative error", *(["saved, µs per line"] if timed else [])]
    tail = [""] if timed else []
    products = str(round(sum(row.macs for row in rows) / 1e6))
    out = [("everything", "", products, *_cells(scan.everything), *tail)]
    for row in rows[: most or None]:
        saved = ["" if row.saved_ns is None else f"{row.saved_ns / 1000:.0f}"] if timed else []
        out.append((row.name, " ".join(row.operators), f"{row.macs / 1e6:.1f}", *_cells(row.effect), *saved))
    return markdown_table(Table(tuple(head), tuple(out), 2)) + "\n"


def _cells(effect: Effect) -> list[str]:
    low, high = effect.predicted_interval
    return [
        f"{100 * effect.cer_change:+.3f}",
        str(effect.flips),
        f"{effect.predicted_flips:.1f}",
        f"{low:.0f}..{high:.0f}",
        f"{effect.error:.4f}",
    ]
