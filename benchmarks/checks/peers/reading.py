"""All peers read the same lines in turns, and how that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inkport.benchmarks.checks.peers.engines import Answer, Gray, Peer
from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.units import units_of
from inkport.benchmarks.report.envelope import Document
from inkport.benchmarks.run.environment import Environment
from inkport.benchmarks.run.progress import Progress
from inkport.core.charset import normalise_text
from inkport.core.metrics import edit_distance, htr_words
from inkport.core.tables import Table, markdown_table
from inkport.lines.line import Line, hands


WARM_UP = 3
"""Lines that each peer reads before anything is timed."""


@dataclass(frozen=True, kw_only=True)
class PeerRow:
    """One peer on one data set, or on all lines."""

    dataset: str
    """Name of the data set, empty for all lines."""
    seen_writer: bool
    """Whether inkport's model may have seen these writers in training."""
    lines: int
    """Lines read."""
    cer: float
    """Character error rate: micro average, case-sensitive, punctuation and accents kept."""
    interval: tuple[float, float] | None
    """95 % interval of it for other such writers or documents; absent for fewer than three."""
    wer_htr: float
    """Word error rate with each punctuation mark as a word."""
    wer_interval: tuple[float, float] | None
    """95 % interval of it, in the same way."""


@dataclass(frozen=True, kw_only=True)
class PeerReport:
    """One peer."""

    name: str
    """Its name."""
    version: str
    """Of what runs it."""
    parameters: int | None
    """Values in its weights."""
    macs: int | None
    """Multiply-accumulates of its network on the report's line of median shape."""
    bytes: int
    """Size of its files."""
    sha256: str
    """Digest of the recogniser."""
    lm_sha256: str | None
    """Digest of the language model, if there is one by itself."""
    rows: tuple[PeerRow, ...]
    """All lines first, then each data set."""
    total_p50_ms: float
    """Median time per line from the gray image to the text."""
    network_p50_ms: float | None
    """Median time per line of the network alone."""
    total_speed_up: float
    """Median over the lines of the last peer's total time divided by this one's."""
    network_speed_up: float | None
    """The same of the network alone."""


@dataclass(frozen=True, kw_only=True)
class MedianLine:
    """The line that stands for all: as many are wider for their height as are narrower."""

    id: str
    """Its id."""
    width: int
    """Of its image, in pixels."""
    height: int
    """Of its image, in pixels."""


@dataclass(frozen=True, kw_only=True)
class PeersReport(Document):
    """Everything that one run found out."""

    NAME = "peers"

    data_sha256: str
    """Digest of the lines."""
    sources: tuple[str, ...]
    """Names of the line sets."""
    environment: Environment
    """Where."""
    median_line: MedianLine
    """What multiply-accumulates are counted on."""
    compared_with: str
    """Whose times the speed-ups refer to."""
    peers: tuple[PeerReport, ...]
    """One entry per peer."""


def read_in_turns(peers: Sequence[Peer], lines: Sequence[Line], progress: Progress) -> list[list[Answer]]:
    """Let all peers read line after line, in rotating order, so that drift of the machine hits all alike.

    Returns:
        Per peer its answers in the order of the lines.
    """
    answers: list[list[Answer]] = [[] for _ in peers]
    for index, line in enumerate([*lines[:WARM_UP], *lines]):
        progress("reading", index, len(lines))
        gray = _gray(line)
        for turn in range(len(peers)):
            peer = (turn + index) % len(peers)
            answers[peer].append(peers[peer].read(gray))
    return [found[min(WARM_UP, len(lines)) :] for found in answers]


def median_line(lines: Sequence[Line]) -> tuple[MedianLine, Gray]:
    """Return the line of median shape (width over height), and its image."""
    images = [_gray(line) for line in lines]
    order = sorted(range(len(lines)), key=lambda index: images[index].shape[1] / images[index].shape[0])
    chosen = order[len(order) // 2]
    height, width = images[chosen].shape
    return MedianLine(id=lines[chosen].id, width=width, height=height), images[chosen]


def describe(
    peer: Peer, answers: Sequence[Answer], base: Sequence[Answer], lines: Sequence[Line], *, macs: int | None
) -> PeerReport:
    """Sum up what a peer read.

    Args:
        peer: The peer.
        macs: Of its network on the line of median shape.
        answers: Its answers.
        base: The answers of the peer whose times count as 1.
        lines: The lines, in the same order.
    """
    groups: dict[tuple[str, bool], list[int]] = {("", False): list(range(len(lines)))}
    for index, line in enumerate(lines):
        groups.setdefault((line.dataset, line.seen_writer), []).append(index)
    networks = [(a.network_ns, b.network_ns) for a, b in zip(answers, base, strict=True)]
    both = [(a, b) for a, b in networks if a is not None and b is not None]
    own = [a for a, _ in networks if a is not None]
    return PeerReport(
        name=peer.name,
        version=peer.version,
        parameters=peer.parameters,
        macs=macs,
        bytes=peer.bytes,
        sha256=peer.sha256,
        lm_sha256=peer.lm_sha256,
        rows=tuple(
            _row(name, seen, [lines[i] for i in indices], [answers[i].text for i in indices])
            for (name, seen), indices in groups.items()
        ),
        total_p50_ms=float(np.median([a.total_ns for a in answers])) / 1e6,
        network_p50_ms=float(np.median(own)) / 1e6 if own else None,
        total_speed_up=float(np.median([b.total_ns / a.total_ns for a, b in zip(answers, base, strict=True)])),
        network_speed_up=float(np.median([b / a for a, b in both])) if both else None,
    )


def _row(dataset: str, seen: bool, lines: Sequence[Line], readings: Sequence[str]) -> PeerRow:
    pairs = [(normalise_text(line.text), normalise_text(found)) for line, found in zip(lines, readings, strict=True)]
    cer, interval = _rate(pairs, lines)
    wer, wer_interval = _rate([(htr_words(text), htr_words(found)) for text, found in pairs], lines)
    return PeerRow(
        dataset=dataset,
        seen_writer=seen,
        lines=len(lines),
        cer=cer,
        interval=interval,
        wer_htr=wer,
        wer_interval=wer_interval,
    )


def _rate(
    pairs: Sequence[tuple[Sequence[object], Sequence[object]]], lines: Sequence[Line]
) -> tuple[float, tuple[float, float] | None]:
    """Return an error rate over all pairs of text and reading, and its interval."""
    edits = [edit_distance(text, found) for text, found in pairs]
    lengths = [len(text) for text, _ in pairs]
    found = estimate(edits, lengths, units_of(hands(lines)))
    return found.rate, found.interval()


def _gray(line: Line) -> Gray:
    return np.rint(line.gray() * 255).astype(np.uint8)


def render_markdown(report: PeersReport) -> str:
    """Return two tables: how fast, and how well per data set."""
    first = report.peers[0].rows
    head = ("data set", "writers", "lines", *(peer.name for peer in report.peers))
    quality = []
    for index, row in enumerate(first):
        writers = "" if not row.dataset else ("seen" if row.seen_writer else "unseen")
        cells = [_rates(peer, index) for peer in report.peers]
        quality.append((row.dataset or "all", writers, str(row.lines), *cells))
    names = (
        "recogniser",
        "version",
        "values",
        "GMAC",
        "MB",
        "total p50 ms",
        "network p50 ms",
        "faster, total",
        "faster, network",
    )
    speed = tuple(_speed(peer) for peer in report.peers)
    environment, shape = report.environment, report.median_line
    return (
        "# Peers\n\n"
        f"Made by `python -m inkport.benchmarks.checks.peers` on {environment.cpu}, one thread, {report.created[:10]}; "
        f"lines of {', '.join(report.sources)} ({report.data_sha256[:12]}). All read the same lines in turns.\n\n"
        f"{markdown_table(Table(names, speed, 2))}\n\n"
        f"*faster*: how many times, compared with {report.compared_with}, median over the lines. *total*: from the "
        "gray image to the text alone, no places and confidences of symbols; *network*: without preparing and "
        "decoding. *values*: in the network, scales of int8 among them; *GMAC*: multiply-accumulates of its "
        "convolutions and matrix products on the line of median shape "
        f"({shape.id}, {shape.width} x {shape.height} pixels), in 10^9.\n\n"
        "CER % and WER % (punctuation as words), each with its 95 % interval. *Seen* writers were in the training "
        "lines of inkport's models, never in the others'.\n\n"
        f"{markdown_table(Table(head, tuple(quality), 2))}\n"
    )


def _rates(peer: PeerReport, index: int) -> str:
    row = peer.rows[index]
    return f"{_rate_cell(row.cer, row.interval)}, {_rate_cell(row.wer_htr, row.wer_interval)}"


def _rate_cell(rate: float, interval: tuple[float, float] | None) -> str:
    # The limits are those of a difference; an error rate is not negative.
    limits = "" if interval is None else f" ({100 * max(0.0, interval[0]):.1f}..{100 * interval[1]:.1f})"
    return f"{100 * rate:.1f}{limits}"


def _speed(peer: PeerReport) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.3g}"

    return (
        peer.name,
        peer.version,
        "-" if peer.parameters is None else f"{peer.parameters / 1e6:.2f}M",
        "-" if peer.macs is None else f"{peer.macs / 1e9:.3f}",
        f"{peer.bytes / 1e6:.1f}",
        number(peer.total_p50_ms),
        number(peer.network_p50_ms),
        number(peer.total_speed_up),
        number(peer.network_speed_up),
    )
