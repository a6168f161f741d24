"""MLCommons LoadGen itself runs here, on sessions that take well under a millisecond."""

from __future__ import annotations

import time

import numpy as np
import pytest

from inkport.benchmarks.run.loadgen import SUMMARY, read_summary, run_loadgen
from inkport.benchmarks.run.scenarios import LINES, Scenario
from inkport.core.errors import RuntimeExecutionError, RuntimeUnavailableError


@pytest.fixture
def loadgen():
    pytest.importorskip("mlperf_loadgen", reason="pip install 'inkport[loadgen]'")


class Busy:
    """Takes 20 microseconds per line."""

    def __init__(self, fail_at=0):
        self.lines, self.fail_at = 0, fail_at

    def run(self, images):
        self.lines += len(images)
        if self.fail_at and self.lines >= self.fail_at:
            raise ValueError("driver fell over")
        until = time.perf_counter_ns() + 20_000 * len(images)
        while time.perf_counter_ns() < until:
            pass
        return images

    def close(self):
        pass


@pytest.mark.usefixtures("loadgen")
@pytest.mark.parametrize("scenario", Scenario)
def test_its_own_summary_calls_the_run_valid(scenario, inputs, tmp_path):
    session = Busy()
    expected_ms = 0.03 * LINES[scenario]
    found = run_loadgen(session, inputs, scenario, expected_ms=expected_ms, folder=tmp_path, min_duration_ms=50)
    text = (tmp_path / SUMMARY).read_text(encoding="utf-8")
    assert "Result is : VALID" in text
    assert found.valid
    assert found.metric in text
    assert found.value > 0
    assert session.lines >= found.lines > 0


@pytest.mark.usefixtures("loadgen")
def test_a_run_planned_too_short_is_planned_again(inputs, tmp_path):
    """It is told that a query takes twice its time, so that the first plan ends before 200 ms are over."""
    found = run_loadgen(
        Busy(), inputs, Scenario.OFFLINE, expected_ms=0.02 * 64 * 2.2, folder=tmp_path, min_duration_ms=200
    )
    assert found.valid


@pytest.mark.usefixtures("loadgen")
def test_a_session_that_breaks_ends_in_an_error_and_not_in_a_dead_process(inputs, tmp_path):
    with pytest.raises(RuntimeExecutionError, match="driver fell over"):
        run_loadgen(
            Busy(fail_at=5), inputs, Scenario.SINGLE_STREAM, expected_ms=0.05, folder=tmp_path, min_duration_ms=20
        )


def test_an_invalid_summary_is_called_invalid(tmp_path):
    text = "Scenario : Offline\nSamples per second: 12.5\nResult is : INVALID\n  Min duration satisfied : NO\n"
    (tmp_path / SUMMARY).write_text(text, encoding="utf-8")
    found = read_summary(tmp_path / SUMMARY, Scenario.OFFLINE, lines=3)
    assert (found.valid, found.value, found.lines) == (False, 12.5, 3)


def test_no_summary_is_an_error(tmp_path):
    with pytest.raises(RuntimeExecutionError, match="no result"):
        read_summary(tmp_path / SUMMARY, Scenario.OFFLINE, lines=3)


def test_without_loadgen_the_remedy_is_named(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with pytest.raises(RuntimeUnavailableError) as caught:
        image = np.zeros((1, 1, 8, 32), dtype=np.float32)
        run_loadgen(Busy(), [image], Scenario.OFFLINE, expected_ms=1.0, folder=tmp_path)
    assert "inkport[loadgen]" in caught.value.remedy
