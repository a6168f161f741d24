from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from math import log10
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, strategies as st

from inkport.benchmarks.report import plots, svg
from inkport.benchmarks.report.envelope import Together
from inkport.benchmarks.run.record import Proof


LIMITS = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(LIMITS)
def test_ticks_are_round_evenly_spaced_and_inside(limits):
    low, high = limits
    ticks = svg.round_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    step = ticks[1] - ticks[0]
    mantissa = step / 10 ** round(log10(step) - 0.15)
    assert min(abs(mantissa - m) for m in (1, 2, 5, 0.5, 10)) < 0.01
    slack = (high - low) * 1e-6 + abs(low) * 1e-9
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert all(abs(b - a - step) < 1e-3 * step for a, b in pairwise(ticks))


@given(st.floats(1e-3, 1e3), st.floats(1.01, 1e5))
def test_logarithmic_ticks_are_inside(low, ratio):
    ticks = svg.log_ticks(low, low * ratio)
    assert len(ticks) >= 2
    assert all(low * 0.999 <= tick <= low * ratio * 1.001 for tick in ticks)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12))
def test_labels_do_not_overlap_and_keep_their_order(places):
    moved = svg.spread(places, gap=10, low=0, high=100)
    order = sorted(range(len(places)), key=lambda i: places[i])
    assert all(moved[b] - moved[a] >= 10 - 1e-6 for a, b in pairwise(order))
    if len(places) * 10 <= 100:
        assert min(moved) >= -1e-6
        assert max(moved) <= 100 + 1e-6
    if all(abs(a - b) >= 10 for i, a in enumerate(places) for b in places[:i]):
        assert moved == pytest.approx(places)


def parsed(drawing):
    return ET.fromstring(drawing)  # noqa: S314 - our own drawing


def elements(drawing, tag):
    return list(parsed(drawing).iter(tag))


def test_drawings_are_told_in_words_too(report):
    for _, drawing, caption in plots.plots(report):
        root = parsed(drawing)
        assert root.get("role") == "img"
        assert root.findtext("title")
        assert root.findtext("desc")
        assert caption


def test_a_dot_for_each_timed_target_at_its_latency_and_cer(report):
    dots = elements(plots.latency_and_cer(report), "circle")
    good, bad, _ = report.targets
    assert [dot.findtext("title").split(":")[0] for dot in dots] == ["good port", "bad port"]
    assert f"CER {100 * bad.parity.cer:.2f} %" in dots[1].findtext("title")
    # Faster is to the left, more errors are up, where y is small.
    (x0, y0), (x1, y1) = ((float(dot.get("cx")), float(dot.get("cy"))) for dot in dots)
    assert (x0 < x1) == (good.latency.p50_ms < bad.latency.p50_ms)
    assert (y1 < y0) == (bad.parity.delta > 0)


def test_points_of_the_curves(report):
    dots = elements(plots.latency_and_width(report), "circle")
    assert len(dots) == sum(len(t.latency.curve.points) for t in report.targets if t.latency)


def test_bars_are_as_long_as_their_counts(report):
    bars = {bar.findtext("title"): float(bar.get("width")) for bar in elements(plots.flips_and_effects(report), "rect")}
    effects = report.targets[1].parity.effects
    total = effects.harmful + effects.harmless + effects.repaired
    assert set(bars) == {f"bad port: {getattr(effects, w)} {w}" for w in ("harmful", "harmless", "repaired")}
    for name, width in bars.items():
        count = int(re.findall(r": (\d+)", name)[0])
        assert width == pytest.approx(sum(bars.values()) * count / total, abs=0.2)


def test_flips_are_shared_out_by_gap(report):
    """Lines with small gaps flip, the others do not: the curve falls from 100 to 0 %."""
    target = report.targets[1]
    gaps = tuple(0.01 * 2**index for index in range(16))
    flip = target.parity.flips[0]
    flips = tuple(replace(flip, id=str(m), gap_reference=m) for m in gaps[:8])
    lines = replace(report.section(Together), per_line=replace(report.per_line, gap_reference=gaps))
    proof = replace(target.section(Proof), parity=replace(target.parity, flips=flips), line_edits=(0,) * 16)
    changed = target.having(proof)
    dots = elements(plots.flips_and_gaps(replace(report.having(lines), targets=(changed,))), "circle")
    shares = [dot.findtext("title").split(": ")[1].split(" of")[0] for dot in dots]
    assert shares == ["100.0%"] * 4 + ["0.0%"] * 4
    # Lines that it did not read count for nothing.
    half = target.having(replace(proof, line_edits=(0,) * 8 + (None,) * 8))
    assert plots.flips_and_gaps(replace(report.having(lines), targets=(half,))) == ""


def test_nothing_to_draw_no_drawing(report):
    assert plots.plots(replace(report, targets=(report.targets[2],), sections=())) == []
