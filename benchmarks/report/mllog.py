"""The report as log lines in the form of MLPerf, for tools that collect such logs.

They are no MLPerf result: the form is MLPerf's, the rules are inkport's. Where LoadGen has a name for a figure,
it is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime

from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.run.latency import Latency
from inkport.benchmarks.run.record import TargetRecord


PREFIX = ":::MLLOG "
"""What every line begins with."""
NAMESPACE = "inkport"
"""Namespace of the keys."""


def render_mllog(report: Report) -> str:
    """Return one line per figure; what a target has not is left out.

    Source:
        https://github.com/mlcommons/logging (``mllog``); LoadGen's keys: ``loadgen/test_settings_internal.cc`` and
        ``loadgen/results.cc`` of https://github.com/mlcommons/inference.
    """
    time_ms = int(datetime.fromisoformat(report.created).timestamp() * 1000)
    lines = [_line(time_ms, key, value, {}) for key, value in _run(report)]
    for target in report.targets:
        metadata = {
            "target": target.name,
            "runtime": target.runtime,
            "runtime_version": target.runtime_version,
            "device": target.device,
            "precision": str(target.precision),
        }
        lines += [_line(time_ms, key, value, metadata) for key, value in _target(target)]
    return "".join(lines)


def _run(report: Report) -> Iterator[tuple[str, object]]:
    yield "model", f"{report.model.name} {report.model.version}"
    yield "model_sha256", report.model.artifact.sha256
    yield "dataset_sha256", report.data.sha256
    yield "eval_samples", report.data.lines
    yield "threads", report.options.threads
    yield "cpu", report.environment.cpu
    yield "exit_code", report.exit_code


def _target(target: TargetRecord) -> Iterator[tuple[str, object]]:
    yield "outcome", str(target.outcome)
    if target.reason:
        yield "reason", target.reason
    if target.artifact:
        yield "artifact_sha256", target.artifact.sha256
        yield "artifact_bytes", target.artifact.bytes
    if parity := target.parity:
        yield "eval_accuracy", 1 - parity.cer
        yield "cer", parity.cer
        yield "cer_reference", parity.cer_reference
        yield "cer_difference", parity.delta
        if parity.interval is not None:
            yield "cer_difference_interval", list(parity.interval)
        yield "verdict", str(parity.equivalence.verdict)
        yield "flipped_lines", parity.flipped_lines
    if target.latency:
        yield from _speed(target.latency)


def _speed(latency: Latency) -> Iterator[tuple[str, object]]:
    yield "effective_scenario", "SingleStream"
    for percentile, value in (("50.00", latency.p50_ms), ("90.00", latency.p90_ms), ("99.00", latency.p99_ms)):
        yield f"result_{percentile}_percentile_latency_ns", round(value * 1e6)
    yield "result_qps_without_loadgen_overhead", latency.lines_per_s
    yield "result_query_count", latency.n


def _line(time_ms: int, key: str, value: object, metadata: Mapping[str, str]) -> str:
    event = {
        "namespace": NAMESPACE,
        "time_ms": time_ms,
        "event_type": "POINT_IN_TIME",
        "key": key,
        "value": value,
        "metadata": metadata,
    }
    return PREFIX + json.dumps(event, allow_nan=False) + "\n"
