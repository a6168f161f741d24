"""What every view shows of the other machines that targets ran on."""

from __future__ import annotations

from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.rows import NONE, milliseconds
from inkport.benchmarks.run.device_record import DeviceReport, DeviceRun
from inkport.benchmarks.run.kit.judge import State
from inkport.core.tables import Table
from inkport.runtimes.devices.describe import Sensors


def devices(report: Report) -> Table:
    """Return one row per run on another machine: what that is, the runner's own times, and the sensors."""
    head = ("run", "machine", "system", "runner", "p50 ms", "p90", "p99", "°C before", "after", "battery %", "after")
    return Table(head, tuple(_row(run, device) for device in report.devices for run in device.runs), 4)


def device_notes(report: Report) -> list[str]:
    """Return how to read the table, and what does not fit into it."""
    notes = [
        "times: of the inference alone, by the runner's own clock, each line once; targets took no turns",
        "°C: the hottest sensor that the device tells of",
    ]
    for device in report.devices:
        if device.description is None:
            notes.append(f"{device.name}: was not reached")
        for run in device.runs:
            wrong = [f"{found.stage} ({found.fault})" for found in run.stages if found.state is State.WRONG]
            if wrong:
                notes.append(f"{run.target}: stages off their golden values: {', '.join(wrong)}")
            if run.waited_s:
                notes.append(f"{run.target}: waited {run.waited_s:.0f} s for the device to cool")
    return notes


def _row(run: DeviceRun, device: DeviceReport) -> tuple[str, ...]:
    about, times = device.description, run.times
    machine = ", ".join(part for part in (about.model, about.cpu) if part) if about else ""
    return (
        run.target,
        machine or (about.machine if about else None) or NONE,
        (about.os if about else None) or NONE,
        f"{run.runner.engine} {run.runner.version}".strip(),
        *((milliseconds(ms) for ms in (times.p50_ms, times.p90_ms, times.p99_ms)) if times else (NONE,) * 3),
        _hottest(run.before),
        _hottest(run.after),
        _battery(run.before),
        _battery(run.after),
    )


def _hottest(sensors: Sensors) -> str:
    return f"{sensors.hottest[1]:.1f}" if sensors.hottest else NONE


def _battery(sensors: Sensors) -> str:
    return NONE if sensors.battery_percent is None else f"{sensors.battery_percent:.0f}"
