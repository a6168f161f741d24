"""Figures of time stand under their own names in every view and record: a p90 is never shown as a p99."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from mlperf_logging.compliance_checker.mlp_parser.ruleset_610 import parse_generator

from inkport.benchmarks.checks.bench.measure import Bench, Measured
from inkport.benchmarks.checks.bench.sections import _scenario
from inkport.benchmarks.checks.kit.sections import _times
from inkport.benchmarks.measure.quantiles import Percentiles
from inkport.benchmarks.report.html import render_html
from inkport.benchmarks.report.junit import junit_xml
from inkport.benchmarks.report.mllog import render_mllog
from inkport.benchmarks.report.rows import devices
from inkport.benchmarks.report.sections import present
from inkport.benchmarks.report.text import render_markdown, render_text
from inkport.benchmarks.run.device_record import DeviceReport, DeviceRun
from inkport.benchmarks.run.kit.manifest import KitStage
from inkport.benchmarks.run.kit.open import RunnerInfo
from inkport.benchmarks.run.record import Proof
from inkport.benchmarks.run.scenarios import Query, Run, Scenario, Stop, figures
from inkport.core.tables import markdown_table
from inkport.runtimes.devices.describe import Sensors


# Nothing else in a report looks like these.
TIMES = {"p50_ms": 3.17, "p90_ms": 5.29, "p99_ms": 7.43}


@pytest.fixture
def timed(report):
    """A report whose first target took these times, and the others none."""
    first, *others = report.targets
    first = first.having(replace(first.section(Proof), latency=replace(first.latency, **TIMES)))
    others = (target.having(replace(target.section(Proof), latency=None)) for target in others)
    return replace(report, targets=(first, *others))


def order_of(words, view):
    """The words in the order of their first appearance; what is not there raises."""
    return sorted(words, key=view.index)


def assert_in_order(view):
    """The names of the percentiles and their values come first in the same order."""
    plain = re.sub(r"<style>.*?</style>|<[^>]+>", " ", view, flags=re.DOTALL)
    names = [re.sub(r"_ms$", "", name) for name in TIMES]
    values = [f"{value:.2f}" for value in TIMES.values()]
    assert [names.index(name) for name in order_of(names, plain)] == [
        values.index(value) for value in order_of(values, plain)
    ]


@pytest.mark.parametrize(
    "render",
    [
        render_text,
        render_markdown,
        lambda shown: render_html(shown)["report.html"],
        lambda shown: junit_xml(shown.title, shown.cases, timestamp=shown.created),
    ],
    ids=["text", "md", "html", "xml"],
)
def test_views_of_a_verification(timed, render):
    assert_in_order(render(present(timed)))


def test_the_log_of_mlcommons(timed):
    lines, errors = parse_generator(render_mllog(timed).splitlines())
    assert errors == []
    found = {line.key: line.value["value"] for line in lines}
    for name, value in TIMES.items():
        assert found[f"result_{name[1:3]}.00_percentile_latency_ns"] == round(value * 1e6)


def test_times_of_a_device():
    sensors = Sensors(temperatures_c={"cpu": 41.5}, battery_percent=90, battery_status=None)
    after = replace(sensors, temperatures_c={"cpu": 43.5}, battery_percent=89)
    times = Percentiles(**TIMES, n=10)
    run = DeviceRun(
        target="it", runner=RunnerInfo(engine="acme"), environment={}, waited_s=0, before=sensors, after=after,
        start=KitStage.IMAGE, stages=(), times=times,
    )  # fmt: skip
    table = devices(SimpleNamespace(devices=[DeviceReport(name="a", connection="ssh", description=None, runs=(run,))]))
    assert_in_order(markdown_table(table))
    assert [cell for cell in table.rows[0] if re.fullmatch(r"\d\d(\.\d)?", cell)] == ["41.5", "43.5", "90", "89"]


def test_times_of_a_runner_of_a_kit():
    assert_in_order(_times(SimpleNamespace(**TIMES)))


def test_times_of_a_scenario():
    """The measured times, in a scenario's record, and in the columns of its table."""
    ns = [1_000_000 * value for value in range(1, 101)]
    run = Run(
        scenario=Scenario.SINGLE_STREAM, queries=[Query(((0,),))], drawn=[0] * 100, ns={"it": ns},
        stop={"it": Stop.MOST_QUERIES},
    )  # fmt: skip
    found = figures(run, None)["it"]
    assert [found.p50_ms, found.p90_ms, found.p99_ms] == pytest.approx(np.percentile(np.arange(1, 101), [50, 90, 99]))
    sections = {Bench: Bench(), Measured: Measured(scenarios=(replace(found, **TIMES),))}
    target = SimpleNamespace(name="it", section=sections.get)
    report = SimpleNamespace(targets=[target], section=sections.get)
    assert_in_order(markdown_table(_scenario(report, Scenario.SINGLE_STREAM)))
