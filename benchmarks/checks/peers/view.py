"""The peers' report as Markdown."""

from __future__ import annotations

from inkport.benchmarks.checks.peers.run import PeerReport, PeersReport
from inkport.core.tables import Table, markdown_table


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
    return f"{_rate(row.cer, row.interval)}, {_rate(row.wer_htr, row.wer_interval)}"


def _rate(rate: float, interval: tuple[float, float] | None) -> str:
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
