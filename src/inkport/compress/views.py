"""The report as a table, for a terminal and as Markdown, and its plot: CER against latency and size, one SVG file."""

from __future__ import annotations

import html
from collections.abc import Sequence

from inkport.benchmarks.measure.pareto import dominated_by
from inkport.benchmarks.report import svg
from inkport.benchmarks.report.html import STYLE
from inkport.benchmarks.report.rows import NONE, between, milliseconds, percent, points
from inkport.benchmarks.report.text import aligned, wrap
from inkport.benchmarks.run.environment import threads_on
from inkport.compress.measure import Compared, Standing
from inkport.compress.members import CompressReport, MemberReport
from inkport.core.tables import Table, escape, markdown_table


PLOT = "compress.svg"
"""Name of the plot beside the page."""


def render_text(report: CompressReport) -> str:
    """Return headline, members, and what there is to say, for a terminal."""
    blocks = [
        wrap(_headline(report)),
        aligned(members_table(report)),
        *("\n".join(map(wrap, n)) for n in _notes(report)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def render_markdown(report: CompressReport) -> str:
    """Return the page: members, plot, stages, data sets, lineage and environment."""
    env = report.environment
    parts = ["# inkport compress", escape(_headline(report)), markdown_table(members_table(report))]
    parts += ["\n".join(f"- {escape(note)}" for note in notes) for notes in _notes(report) if notes]
    if any(member.val and member.speed for member in report.members):
        parts.append(f"![CER against latency, and CER against size]({PLOT})")
    parts += ["## Stages", markdown_table(_stages(report)), "## Data sets", markdown_table(_datasets(report))]
    parts += ["## Lineage", markdown_table(_lineage(report)), "## Environment"]
    parts.append(escape(f"{env.cpu}, {env.cores} cores, {env.os}, Python {env.python}; made {report.created}"))
    parts.append(escape(", ".join(f"{name} {version}" for name, version in env.packages.items())))
    return "\n\n".join(parts) + "\n"


def members_table(report: CompressReport) -> Table:
    """Return one row per member, those of the Pareto set marked, dominated and failed ones named as such."""
    words = ("member", "stage", "Pareto", "verdict", "test")
    text = ("CER %", "delta", "95% interval", "test %", "delta")
    head = (*words, *text, "p50 ms", "p90", "speed", "MB", "MiB peak")
    return Table(head, tuple(_row(member) for member in report.members), 5)


def _row(m: MemberReport) -> tuple[str, ...]:
    text = (NONE, NONE, NONE)
    if m.val:
        text = (percent(m.val.cer), points(m.val.delta), between(m.val.interval))
    test = (percent(m.test.cer), points(m.test.delta)) if m.test else (NONE, NONE)
    times = (NONE, NONE, NONE)
    if m.speed:
        times = (milliseconds(m.speed.p50_ms), milliseconds(m.speed.p90_ms), _speed(m))
    size = f"{m.artifact.bytes / 1e6:.2f}" if m.artifact else NONE
    memory = NONE if m.peak_memory_mib is None else f"{m.peak_memory_mib:.0f}"
    verdicts = (_verdict(m, m.val, m.standing), _verdict(m, m.test, m.standing_test))
    return (m.name, m.stage, _place(m), *verdicts, *text, *test, *times, size, memory)


def _place(m: MemberReport) -> str:
    if m.failure is not None:
        return str(m.failure)
    if m.pareto:
        return "yes"
    return (
        f"no: {m.dominated_by[0]}" + (f" +{len(m.dominated_by) - 1}" if len(m.dominated_by) > 1 else "")
        if (m.dominated_by)
        else NONE
    )


def _verdict(m: MemberReport, found: Compared | None, stands: Standing | None) -> str:
    if found is None:
        return NONE
    word = str(found.equivalence.verdict)
    # Weights of its own may prove to be no worse without being proven equal; a data set may prove a loss by itself.
    if m.own_weights and stands is Standing.WITHIN and word == "INCONCLUSIVE":
        return "NOT WORSE"
    return f"{word}, a data set not" if stands is Standing.BEYOND and word in {"EQUIVALENT", "INCONCLUSIVE"} else word


def _speed(m: MemberReport) -> str:
    if m.speed is None or m.speed.speed_up is None:
        return NONE
    return "no diff" if m.speed.difference == "none" else f"{m.speed.speed_up:.2f}x"


def _headline(report: CompressReport) -> str:
    start = report.start
    lines = f"{report.val.lines} lines of val ({report.val.sha256[:12]})" if report.val else "no lines"
    test = f" and {report.test.lines} of test ({report.test.sha256[:12]})" if report.test else ""
    return (
        f"{report.recipe}: {start.name} {start.version} ({start.artifact.sha256[:12]}) on {lines}{test}, "
        f"{threads_on(report.environment, report.measure.threads)}"
    )


def _notes(report: CompressReport) -> list[list[str]]:
    failures: dict[str, list[str]] = {}
    for m in report.members:
        if m.reason:
            failures.setdefault(m.reason, []).append(m.name)
    dominated = [f"{m.name}: dominated by {'; '.join(m.dominated_by)}" for m in report.members if m.dominated_by]
    how = [
        f"verdict: CER difference to the start in fp32 against {100 * report.margin:g} points",
        "val alone chooses, test confirms",
        f"Pareto: nothing else is as good in all of {', '.join(report.objectives)}, and better in one",
    ]
    if any(m.own_weights for m in report.members):
        how.append("members with weights of their own may read better than the start; ports of its weights may not")
    if report.baseline:
        how.append(f"speed: how many times faster than {report.baseline}, median over the lines; all timed in turns")
    if report.noise_floor is not None:
        how.append(f"noise floor of the machine: {report.noise_floor:.1%}")
    reasons = [f"{'; '.join(names)}: {reason}" for reason, names in failures.items()]
    return [reasons, dominated, how, _choice(report)]


def _choice(report: CompressReport) -> list[str]:
    if report.choice is None:
        return []
    member = next((m for m in report.members if m.name == report.choice.member), None)
    if member is None or member.test is None:
        return [f"budget: {report.choice.sentence}"]
    found = member.test
    return [
        f"budget: {report.choice.sentence}",
        f"test: {found.equivalence.verdict}, CER {percent(found.cer)} %, {points(found.delta)} points to the start",
    ]


def _stages(report: CompressReport) -> Table:
    rows = [
        (s.name, s.kind, s.parent, str(s.status), s.artifact.sha256[:12] if s.artifact else NONE, s.reason or NONE)
        for s in report.stages
    ]
    return Table(("stage", "kind", "from", "status", "artifact", "reason"), tuple(rows), 6)


def _datasets(report: CompressReport) -> Table:
    rows = [
        (name, which, m.name, str(c.equivalence.verdict), str(c.lines), percent(c.cer), points(c.delta))
        for m in report.members
        for which, found in (("val", m.val), ("test", m.test))
        if found
        for name, c in found.datasets.items()
    ]
    head = ("data set", "lines of", "member", "verdict", "lines", "CER %", "delta")
    return Table(head, tuple((name or NONE, *row) for name, *row in rows), 4)


def _lineage(report: CompressReport) -> Table:
    rows = [
        (m.name, " <- ".join(f"{step.stage} {step.sha256[:12]}" for step in m.lineage))
        for m in report.members
        if m.lineage
    ]
    return Table(("member", "made from"), tuple(rows), 2)


LOG_FROM = 8.0
"""Ratio of the greatest to the smallest value from which an axis is logarithmic."""
TITLE = 30
"""Height of a title."""


def render_plot(report: CompressReport) -> str | None:
    """Return the drawing; None if no member was timed.

    Members of the Pareto set are filled dots, the others are hollow; a line joins those that no other beats in the
    two figures of a panel.
    """
    rows = [
        (m, m.val.cer, m.speed.p50_ms, m.artifact.bytes / 1e6)
        for m in report.members
        if m.val and m.speed and m.artifact
    ]
    if not rows:
        return None
    members = [m for m, *_ in rows]
    rates = [100 * cer for _, cer, _, _ in rows]
    panels = [
        _panel(members, [time for _, _, time, _ in rows], rates, "p50 per line, ms"),
        _panel(members, [size for *_, size in rows], rates, "size, MB"),
    ]
    height = svg.HEIGHT + TITLE
    name = f"{report.start.name} {report.start.version}: CER on val against latency and size"
    what = "; ".join(
        f"{m.name} {percent(cer)} %, {milliseconds(time)} ms, {size:.2f} MB" for m, cer, time, size in rows
    )
    body = [
        f'<g transform="translate(0 {height * number + TITLE})">'
        + svg.text(svg.LEFT, -8, title)
        + "".join(panel)
        + "</g>"
        for number, (title, panel) in enumerate(zip(("CER against latency", "CER against size"), panels, strict=True))
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {svg.WIDTH} {len(panels) * height}" role="img">'
        f"<title>{html.escape(name)}</title><desc>{html.escape(what)}</desc>"
        f"<style>{html.escape(STYLE, quote=False)}{_HOLLOW}</style>"
        f'<rect width="100%" height="100%" style="fill: var(--back)"/>{"".join(body)}</svg>\n'
    )


_HOLLOW = "svg circle.hollow { fill: var(--back); stroke: currentColor; stroke-width: 2 }"


def _panel(members: Sequence[MemberReport], xs: Sequence[float], ys: Sequence[float], x_name: str) -> list[str]:
    x, y = svg.plain_axes(xs, ys, log_x=min(xs) > 0 and max(xs) / min(xs) > LOG_FROM)
    body = svg.axes(x, y, x_name=x_name, y_name="CER on val, %")
    places = [(x(a), y(b)) for a, b in zip(xs, ys, strict=True)]
    above = dominated_by(
        {member.name: figures for member, figures in zip(members, zip(xs, ys, strict=True), strict=True)}
    )
    front = sorted(place for place, member in zip(places, members, strict=True) if not above[member.name])
    body += [svg.polyline(front, kind="reference")] if len(front) > 1 else []
    kinds = [svg.series(index) for index in range(len(members))]
    for member, kind, (left, top), a, b in zip(members, kinds, places, xs, ys, strict=True):
        words = f"{member.name}: {a:.3g}, CER {b:.2f} %" + ("" if member.pareto else ", dominated")
        body.append(svg.dot(left, top, words, kind=kind if member.pareto else f"{kind} hollow"))
    return body + svg.labels(places, [member.name for member in members], kinds)
