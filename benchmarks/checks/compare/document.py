"""Reading ``report.json`` back, as far as a comparison needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from inkport.benchmarks.checks.compare.node import Node
from inkport.benchmarks.measure.per_line import Group
from inkport.benchmarks.report.envelope import SCHEMA, VERIFY
from inkport.benchmarks.run.outcome import Outcome
from inkport.core.documents import read_json
from inkport.core.errors import DataError
from inkport.core.target import LARGEST_WRITER_LOSS


READABLE = (1, SCHEMA)
"""Versions of reports that can be read: that of inkport 0.1, and this one."""
MACHINE = ("cpu", "cores", "isa", "machine", "threads", "governor")
"""Fields of the environment that must agree before two times may be compared."""


@dataclass(frozen=True, kw_only=True)
class LineFigures:
    """``per_line`` of a report, without what is not compared."""

    groups: tuple[Group, ...]
    """The data sets, lines of seen and unseen writers apart."""
    group: tuple[int, ...]
    """Index into ``groups``, per line."""
    writer: tuple[int | None, ...]
    """Number of the writer or document, per line."""
    documents: frozenset[int]
    """Numbers in ``writer`` that are documents, as far as anybody knows."""
    symbols: tuple[int, ...]
    """Symbols of the text, per line."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """A target's latency."""

    p50_ms: float
    """Median over the lines."""
    interval: tuple[float, float] | None
    """Its 95 % interval, if the report gives one."""
    points: Mapping[float, tuple[float, int]]
    """Median time and lines by width: its curve, if the report has one."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A target in a report."""

    name: str
    """Its name."""
    outcome: Outcome
    """Where it ended."""
    reason: str
    """Why."""
    required: bool
    """Whether its absence is a failure."""
    margin: float
    """Its CER margin."""
    largest_writer_loss: float
    """Largest loss on a single writer that its verdicts allow for."""
    identity: Mapping[str, str]
    """Runtime and version, device, precision, and digests of the artifact and of its calibration lines."""
    bytes: int | None
    """Size of its artifact."""
    lines: int
    """Lines read; 0 if it did not read."""
    cer: float | None
    """Its character error rate."""
    line_edits: tuple[int | None, ...] | None
    """Edits per line of the data."""
    flips: Mapping[str, str]
    """What it read on the lines where the reference read something else, by the line's id."""
    times: Times | None
    """Its latency."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A report."""

    name: str
    """Name of its file."""
    created: str
    """When it was made."""
    digests: Mapping[str, str]
    """Digests and versions of model, data and reference."""
    data: str
    """Digest of the lines."""
    machine: Mapping[str, str]
    """What decides how fast the machine is."""
    timed_lines: int
    """Most lines that were timed per target."""
    floor: float | None
    """Noise floor of the machine, as a share, if it was measured."""
    load_ms: float | None
    """Median time of the calibration load, if it was measured."""
    per_line: LineFigures | None
    """Figures of the lines; absent in reports of inkport 0.1."""
    rows: Mapping[str, Row]
    """Targets by name, in order."""


def read_report(path: Path) -> Run:
    """Read a report.

    Raises:
        DataError: If it cannot be read, is not a report, or has another schema.
    """
    document = read_json(path, remedy="pass a report.json")
    if not isinstance(document, dict) or not {"schema", "targets", "data"} <= document.keys():
        raise DataError(f"{path}: not a report", remedy="pass a report.json that `inkport verify` wrote")
    if document["schema"] not in READABLE:
        raise DataError(
            f"{path}: has schema {document['schema']!r}, this inkport reads schema {' and '.join(map(str, READABLE))}",
            remedy="make both reports with the same version of inkport",
        )
    if (check := document.get("check", VERIFY.NAME)) != VERIFY.NAME:
        raise DataError(f"{path}: is a report of `inkport {check}`", remedy="pass a report of `inkport verify`")
    return _run(Node(document, path.name), path.name)


def _run(node: Node, name: str) -> Run:
    model, data, reference = node.child("model"), node.child("data"), node.child("reference")
    environment, noise, lines = node.child("environment"), node.maybe("noise"), node.maybe("per_line")
    rows = [_row(row) for row in node.children("targets")]
    if len({row.name for row in rows}) < len(rows):
        raise DataError(f"{name}: two targets have one name")
    count = data.integer("lines")
    return Run(
        name=name,
        created=node.text("created"),
        digests={
            "model": f"{model.text('name')} {model.text('version')} {model.child('artifact').text('sha256')}",
            "data": data.text("sha256"),
            "reference": " ".join(reference.text(key) for key in ("runtime", "runtime_version", "precision", "device")),
            "reference artifact": reference.child("artifact").text("sha256"),
        },
        data=data.text("sha256"),
        machine={key: str(environment.any(key)) for key in MACHINE},
        timed_lines=node.child("options").integer("latency_lines"),
        floor=noise.number("floor") if noise else None,
        load_ms=_load(noise) if noise else None,
        per_line=_lines(lines, count) if lines else None,
        rows={row.name: _checked(row, count, name) for row in rows},
    )


def _load(noise: Node) -> float:
    times = [moment.positive("load_ms") for moment in noise.children("moments")]
    if not times:
        raise DataError(f"{noise.where}.moments: expected at least one, found none")
    return median(times)


def _lines(node: Node, count: int) -> LineFigures:
    groups = tuple(Group(dataset=g.text("dataset"), seen_writer=g.flag("seen_writer")) for g in node.children("groups"))
    writer = node.gaps("writer")
    # Reports without this list numbered what their line sets called "writer or document".
    documents = node.integers("documents") if node.has("documents") else writer
    found = LineFigures(
        groups=groups,
        group=node.integers("group"),
        writer=writer,
        documents=frozenset(number for number in documents if number is not None),
        symbols=node.integers("symbols"),
    )
    lengths = {len(found.group), len(found.writer), len(found.symbols)}
    if lengths != {count} or not all(0 <= g < len(groups) for g in found.group) or min(found.symbols) < 1:
        raise DataError(f"{node.where}: does not fit the {count} lines of the data")
    return found


def _checked(row: Row, count: int, name: str) -> Row:
    if row.line_edits is not None and len(row.line_edits) != count:
        raise DataError(f"{name}: {row.name} has edits of {len(row.line_edits)} lines, the data has {count}")
    return row


def _row(node: Node) -> Row:
    artifact, parity, latency = node.maybe("artifact"), node.maybe("parity"), node.maybe("latency")
    identity = {key: node.text(key) for key in ("runtime", "runtime_version", "device", "precision")}
    if artifact:
        identity |= {"artefact": artifact.text("sha256"), "calibration": str(artifact.any("calibration_sha256"))}
    budget = node.child("budget")
    return Row(
        name=node.text("name"),
        outcome=node.choice("outcome", Outcome),
        reason=node.text("reason"),
        required=node.flag("required"),
        margin=budget.number("cer_margin"),
        largest_writer_loss=_largest_loss(budget),
        identity=identity,
        bytes=artifact.integer("bytes") if artifact else None,
        lines=parity.integer("lines") if parity else 0,
        cer=parity.number("cer") if parity else None,
        line_edits=node.gaps("line_edits") if node.has("line_edits") else None,
        flips={f.text("id"): f.text("reading") for f in parity.children("flips")} if parity else {},
        times=_times(latency) if latency else None,
    )


def _largest_loss(budget: Node) -> float:
    """Return what verdicts allow for; reports of inkport 0.1 do not say."""
    return budget.number("largest_writer_loss") if budget.has("largest_writer_loss") else LARGEST_WRITER_LOSS


def _times(node: Node) -> Times:
    curve = node.maybe("curve")
    return Times(
        p50_ms=node.positive("p50_ms"),
        interval=node.interval("p50_interval_ms"),
        points={p.number("width_px"): (p.positive("time_ms"), p.integer("n")) for p in curve.children("points")}
        if curve
        else {},
    )
