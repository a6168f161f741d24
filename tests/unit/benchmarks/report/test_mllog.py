from __future__ import annotations

from datetime import UTC, datetime

import pytest
from mlperf_logging.compliance_checker.mlp_parser.ruleset_610 import parse_generator
from mlperf_logging.mllog import constants

from inkport.benchmarks.report.mllog import render_mllog


@pytest.fixture
def logged(report):
    """What MLCommons' own parser reads."""
    lines, errors = parse_generator(render_mllog(report).splitlines())
    assert errors == []
    return lines


def figures(logged, name):
    return {
        line.key: line.value["value"] for line in logged if line.value["metadata"].get("target") == name
    }  # fmt: skip


def test_every_line_is_read(report, logged):
    assert len(logged) == len(render_mllog(report).splitlines())
    when = datetime.fromtimestamp(logged[0].timestamp / 1000, tz=UTC).isoformat(timespec="seconds")
    assert when == report.created
    assert f'"event_type": "{constants.POINT_IN_TIME}"' in logged[0].full_string


def test_figures_of_a_target(report, logged):
    target = report.targets[1]
    found = figures(logged, "bad port")
    assert found["outcome"] == "text-differs"
    assert found["reason"] == target.reason
    assert found["cer"] == target.parity.cer
    assert found[constants.EVAL_ACCURACY] == 1 - target.parity.cer
    assert found["verdict"] == target.parity.equivalence.verdict
    assert found["result_90.00_percentile_latency_ns"] == round(target.latency.p90_ms * 1e6)
    metadata = next(line.value["metadata"] for line in logged if line.value["metadata"])
    assert metadata["runtime_version"] == "1.2"


def test_what_was_not_measured_is_left_out(logged):
    assert set(figures(logged, "absent port")) == {"outcome", "reason"}


def test_figures_of_the_run(report, logged):
    found = figures(logged, None)
    assert (found[constants.EVAL_SAMPLES], found["exit_code"]) == (12, 1)
    assert found["dataset_sha256"] == report.data.sha256
