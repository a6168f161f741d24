"""Reading ``report.json`` back, as far as a comparison needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from inkport.benchmarks.measure.parity import Group
from inkport.benchmarks.report.envelope import SCHEMA, VERIFY
from inkport.benchmarks.run.record import Outcome
from inkport.core.documents import read_json
from inkport.core.errors import DataError
from inkport.core.target import LARGEST_WRITER_LOSS


Choice = TypeVar("Choice", bound=StrEnum)


class Node:
    """A JSON object; members that nobody asks for may be there.

    Args:
        value: What JSON gave.
        where: Its place in the document, for errors.

    Raises:
        DataError: If it is not an object; each method raises the same if its member is missing or of another type.
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise _wrong(where, "an object", value)
        self.value: Mapping[str, Any] = value
        self.where = where

    def any(self, key: str) -> Any:
        """Return a member of any type."""
        if key not in self.value:
            raise DataError(f"{self.where}: {key!r} is missing", remedy="pass a whole report.json of `inkport verify`")
        return self.value[key]

    def has(self, key: str) -> bool:
        """Return whether there is such a member that is not null."""
        return self.value.get(key) is not None

    def text(self, key: str) -> str:
        """Return a string."""
        return str(self._typed(key, "text", lambda v: isinstance(v, str)))

    def flag(self, key: str) -> bool:
        """Return true or false."""
        return bool(self._typed(key, "true or false", lambda v: isinstance(v, bool)))

    def number(self, key: str) -> float:
        """Return a number."""
        return float(self._typed(key, "a number", _is_number))

    def positive(self, key: str) -> float:
        """Return a number above 0."""
        number = self.number(key)
        if not 0 < number < float("inf"):
            raise _wrong(f"{self.where}.{key}", "a number above 0", number)
        return number

    def interval(self, key: str) -> tuple[float, float] | None:
        """Return two numbers; None where the member or one of them is missing or null."""
        if not self.has(key):
            return None
        low, high = self._typed(key, "two numbers or null", lambda v: _is_list(v, _is_number_or_null) and len(v) == 2)
        return None if low is None or high is None else (float(low), float(high))

    def integer(self, key: str) -> int:
        """Return a whole number."""
        return int(self._typed(key, "a whole number", _is_integer))

    def integers(self, key: str) -> tuple[int, ...]:
        """Return whole numbers."""
        return tuple(self._typed(key, "whole numbers", lambda v: _is_list(v, _is_integer)))

    def gaps(self, key: str) -> tuple[int | None, ...]:
        """Return whole numbers, some of which may be missing."""
        return tuple(self._typed(key, "whole numbers or null", lambda v: _is_list(v, _is_integer_or_null)))

    def choice(self, key: str, choices: type[Choice]) -> Choice:
        """Return one of some words."""
        word = self.text(key)
        if word not in {str(choice) for choice in choices}:
            raise _wrong(f"{self.where}.{key}", f"one of {', '.join(choices)}", word)
        return choices(word)

    def child(self, key: str) -> Node:
        """Return an object."""
        return Node(self.any(key), f"{self.where}.{key}")

    def maybe(self, key: str) -> Node | None:
        """Return an object, or None where it is missing or null."""
        return self.child(key) if self.has(key) else None

    def children(self, key: str) -> list[Node]:
        """Return a list of objects."""
        items = self._typed(key, "a list", lambda v: isinstance(v, list))
        return [Node(item, f"{self.where}.{key}[{index}]") for index, item in enumerate(items)]

    def _typed(self, key: str, expected: str, fits: Callable[[Any], bool]) -> Any:
        value = self.any(key)
        if not fits(value):
            raise _wrong(f"{self.where}.{key}", expected, value)
        return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124 - NaN


def _is_number_or_null(value: object) -> bool:
    return value is None or _is_number(value)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_integer_or_null(value: object) -> bool:
    return value is None or _is_integer(value)


def _is_list(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and all(fits(item) for item in value)


def _wrong(where: str, expected: str, value: object) -> DataError:
    return DataError(f"{where}: expected {expected}, found {str(value)[:60]!r}")


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

    median_ms: float
    """Median over the lines."""
    interval: tuple[float, float] | None
    """Its 95 % interval, if the report gives one."""
    points: Mapping[float, tuple[float, int]]
    """Median time and lines by width: its curve, if the report has one."""


@dataclass(frozen=True, kw_only=True)
class ReportedTarget:
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
    rows: Mapping[str, ReportedTarget]
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
        raise DataError(f"{path}: is a report of the check {check!r}", remedy="pass a report of `inkport verify`")
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


def _checked(row: ReportedTarget, count: int, name: str) -> ReportedTarget:
    if row.line_edits is not None and len(row.line_edits) != count:
        raise DataError(f"{name}: {row.name} has edits of {len(row.line_edits)} lines, the data has {count}")
    return row


def _row(node: Node) -> ReportedTarget:
    artifact, parity, latency = node.maybe("artifact"), node.maybe("parity"), node.maybe("latency")
    identity = {key: node.text(key) for key in ("runtime", "runtime_version", "device", "precision")}
    if artifact:
        identity |= {"artifact": artifact.text("sha256"), "calibration": str(artifact.any("calibration_sha256"))}
    budget = node.child("budget")
    return ReportedTarget(
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
        median_ms=node.positive("p50_ms"),
        interval=node.interval("p50_interval_ms"),
        points={p.number("width_px"): (p.positive("time_ms"), p.integer("n")) for p in curve.children("points")}
        if curve
        else {},
    )
