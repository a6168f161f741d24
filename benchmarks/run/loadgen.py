"""The same scenarios through MLCommons LoadGen, whose own summary says whether the run was valid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkport.benchmarks.run.latency import Image
from inkport.benchmarks.run.scenarios import LINES, Query, Scenario, group_by_width
from inkport.core.errors import RuntimeExecutionError, RuntimeUnavailableError, failure_of
from inkport.core.runtime import AnySession


MIN_DURATION_MS = 10_000
"""How long LoadGen must issue queries for the run to be valid; MLPerf submissions ask for ten minutes."""
SLACKS = (1.5, 3.0, 6.0)
"""LoadGen plans its queries by a rate so much above the one measured before; the next one where a run was invalid.

A run that ends before its shortest duration is invalid, however many queries it took.
"""
P99_QUERIES = 662
"""Queries that LoadGen's early stopping wants before it lets a p99 pass (64 are enough for p90)."""
SUMMARY = "mlperf_log_summary.txt"
"""The file in which LoadGen says what it found."""


@dataclass(frozen=True, kw_only=True)
class LoadGenResult:
    """What LoadGen's summary says."""

    scenario: Scenario
    """Which."""
    valid: bool
    """Whether it calls the result VALID: long enough, queries enough, and early stopping satisfied."""
    metric: str
    """Name of the figure that the scenario is about, in LoadGen's words."""
    value: float
    """That figure: nanoseconds of a query, or samples per second offline."""
    lines: int
    """Lines that were run, LoadGen's samples."""


class _System:
    """The system under test: answers LoadGen's queries with a session."""

    def __init__(self, sdk: Any, session: AnySession, inputs: Sequence[Image]) -> None:
        self._sdk, self._session, self._inputs = sdk, session, inputs
        self.lines = 0
        self.error: Exception | None = None

    def issue(self, samples: Sequence[Any]) -> None:
        """Answer one query; called by LoadGen from a thread of its own."""
        # An exception must not leave this function: LoadGen's C++ would end the whole process.
        if self.error is None:
            try:
                query = group_by_width([sample.index for sample in samples], self._inputs)
                self._run(query)
                self.lines += len(samples)
            except BaseException as error:  # noqa: BLE001
                self.error = failure_of(error)
        self._sdk.QuerySamplesComplete([self._sdk.QuerySampleResponse(sample.id, 0, 0) for sample in samples])

    def _run(self, query: Query) -> None:
        for batch in query.images(self._inputs):
            self._session.run(batch)


def run_loadgen(
    session: AnySession,
    inputs: Sequence[Image],
    scenario: Scenario,
    *,
    expected_ms: float,
    folder: Path,
    min_duration_ms: int = MIN_DURATION_MS,
    seed: int = 0,
) -> LoadGenResult:
    """Run a scenario through LoadGen, in performance mode.

    LoadGen times a query from outside the session: making batches and, for an engine in another process,
    the transport are in its figures. Targets cannot take turns in it.

    Args:
        session: An open session, warm.
        inputs: Prepared lines, each float32 (1, 1, h, w).
        scenario: Which.
        expected_ms: Mean time of a query, from an earlier measurement: LoadGen plans the run by it.
        folder: Made if needed; LoadGen writes its logs there.
        min_duration_ms: Shortest run that counts as valid.
        seed: Of LoadGen's choice of lines.

    Raises:
        RuntimeUnavailableError: If LoadGen is not installed.
        RuntimeExecutionError: If a run failed, or LoadGen wrote no summary.
    """
    sdk = _import_loadgen()
    folder.mkdir(parents=True, exist_ok=True)

    def attempt(slack: float) -> LoadGenResult:
        (folder / SUMMARY).unlink(missing_ok=True)
        system = _System(sdk, session, inputs)
        _start(sdk, system, len(inputs), _settings(sdk, scenario, expected_ms / slack, min_duration_ms, seed), folder)
        if system.error is not None:
            raise RuntimeExecutionError(f"a run under LoadGen failed: {system.error!r}") from system.error
        return read_summary(folder / SUMMARY, scenario, lines=system.lines)

    result = attempt(SLACKS[0])
    for slack in SLACKS[1:]:
        result = result if result.valid else attempt(slack)
    return result


def _start(sdk: Any, system: _System, lines: int, settings: Any, folder: Path) -> None:
    output, logs = sdk.LogOutputSettings(), sdk.LogSettings()
    output.outdir, output.copy_summary_to_stdout = str(folder), False
    logs.log_output, logs.enable_trace = output, False
    under_test = sdk.ConstructSUT(system.issue, lambda: None)
    library = sdk.ConstructQSL(lines, lines, lambda _: None, lambda _: None)
    try:
        # LoadGen obeys a file audit.config where it finds one; it is to find none.
        sdk.StartTestWithLogSettings(under_test, library, settings, logs, str(folder / "no-audit.config"))
    finally:
        sdk.DestroyQSL(library)
        sdk.DestroySUT(under_test)


def _import_loadgen() -> Any:
    try:
        import mlperf_loadgen
    except ModuleNotFoundError as error:
        raise RuntimeUnavailableError(
            "MLCommons LoadGen is not installed", remedy="pip install 'inkport[loadgen]'"
        ) from error
    return mlperf_loadgen


def _settings(sdk: Any, scenario: Scenario, expected_ms: float, min_duration_ms: int, seed: int) -> Any:
    settings = sdk.TestSettings()
    settings.mode = sdk.TestMode.PerformanceOnly
    settings.min_duration_ms = min_duration_ms
    settings.qsl_rng_seed = settings.sample_index_rng_seed = settings.schedule_rng_seed = seed
    expected_ns = max(1, round(expected_ms * 1e6))
    if scenario is Scenario.SINGLE_STREAM:
        settings.scenario = sdk.TestScenario.SingleStream
        settings.single_stream_expected_latency_ns = expected_ns
    elif scenario is Scenario.MULTI_STREAM:
        settings.scenario = sdk.TestScenario.MultiStream
        settings.multi_stream_samples_per_query = LINES[scenario]
        settings.multi_stream_expected_latency_ns = expected_ns
        settings.min_query_count = P99_QUERIES
    else:
        settings.scenario = sdk.TestScenario.Offline
        settings.offline_expected_qps = LINES[scenario] / (expected_ms / 1e3)
    return settings


def read_summary(path: Path, scenario: Scenario, *, lines: int) -> LoadGenResult:
    """Read LoadGen's summary.

    Args:
        path: The file.
        scenario: Which scenario it is about.
        lines: Lines that were run.

    Raises:
        RuntimeExecutionError: If there is none, or it lacks the scenario's figure.
    """
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    rows = (row.partition(":") for row in text.splitlines())
    fields = {name.strip(): value.strip() for name, colon, value in rows if colon}
    metric = METRICS[scenario]
    name = next((name for name in fields if re.fullmatch(metric, name)), None)
    if name is None or "Result is" not in fields or not re.fullmatch(NUMBER, fields[name]):
        raise RuntimeExecutionError(f"LoadGen wrote no result of {scenario} into {path.name}")
    return LoadGenResult(
        scenario=scenario,
        valid=fields["Result is"] == "VALID",
        metric=name,
        value=float(fields[name]),
        lines=lines,
    )


NUMBER = r"\d+(\.\d+)?"
"""How the summary writes a figure."""
METRICS = {
    Scenario.SINGLE_STREAM: r"90.*th percentile latency \(ns\)",
    Scenario.MULTI_STREAM: r"99.*th percentile latency \(ns\)",
    Scenario.OFFLINE: r"Samples per second",
}
"""Names of the figures that the scenarios are about."""
