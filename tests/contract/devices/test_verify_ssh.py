"""``inkport verify --device ssh://``: the real command on both sides, a real connection between them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from inkport.benchmarks.report.schema import schema_of
from inkport.cli import main
from inkport.runtimes.devices import sensors


pytest.importorskip("onnxruntime", reason="the device of the test runs onnxruntime")

ROW = '[[target]]\nname = "{}"\nruntime = "onnxruntime"\nprecision = "fp32"\nbudget = {{ cer_margin = 9.0 }}\n'
PYTHON = f"{shlex.quote(sys.executable)} -m inkport kit run"


@pytest.fixture
def command(address, toy_onnx, lines_folder, tmp_path):
    """Return the arguments of ``inkport verify`` on the toy, on the device."""

    def arguments(*more, runner=PYTHON, targets=("one",), device=None):
        table = tmp_path / "targets.toml"
        table.write_text("".join(map(ROW.format, targets)), encoding="utf-8")
        where = ["--targets", table, "--lines", lines_folder, "--out", tmp_path / "out"]
        there = ["--device", device or f"bench={address}", "--device-runner", runner]
        return ["verify", *map(str, [toy_onnx.path, *where, *there, *more])]

    return arguments


@pytest.fixture
def verify(command, monkeypatch, capsys, tmp_path):
    """Run it in this process; returns exit code, report, and what it said."""

    def run(*more, **settings):
        monkeypatch.setattr(sys, "argv", ["inkport", *command(*more, **settings)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        path = tmp_path / "out" / "report.json"
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        return ended.value.code, report, captured.out + captured.err

    return run


def commands(server, word):
    return [command for command, _ in server.received if word in command]


def sent(server):
    return sum(count for _, count in server.received)


def test_a_device_reads_the_references_text_and_says_what_it_is(verify, server, monkeypatch, tmp_path):
    zone = tmp_path / "sysfs" / "class" / "thermal" / "thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu\n")
    (zone / "temp").write_text("41000\n")
    monkeypatch.setattr(sensors, "SYSFS", str(tmp_path / "sysfs"))
    code, report, said = verify("--cool-below", "45")
    assert code == 0, said
    jsonschema.validate(report, schema_of("verify"))
    (row,), (device,) = report["targets"], report["devices"]
    assert (row["name"], row["machine"], row["runtime"]) == ("one on bench", "bench", "onnxruntime")
    assert row["outcome"] in {"pass", "inconclusive"}
    assert (row["evidence"], row["parity"]["lines"], row["parity"]["flipped_lines"]) == ("measured", 6, 0)
    (run,) = device["runs"]
    assert (device["name"], device["connection"]) == ("bench", "ssh")
    assert device["description"]["machine"] == os.uname().machine
    assert run["before"]["temperatures_c"] == run["after"]["temperatures_c"] == {"cpu": 41.0}
    assert run["before"]["battery_percent"] is None
    assert {stage["state"] for stage in run["stages"]} == {"right"}
    assert run["environment"]["python"] == sys.version.split()[0]
    assert "41.0" in said
    for name in ("report.json", "report.md", "report.html"):
        page = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert "one on bench" in page
        assert "41.0" in page
        assert "127.0.0.1" not in page
    assert [path.name for path in (server.home / "bench").iterdir() if path.name.startswith("run-")] == []
    # The next run measures again, but the kit is there already.
    server.received.clear()
    assert verify()[0] == 0
    assert sent(server) == 0
    assert len(commands(server, "setsid")) == 1


STOP = """
import sys, time
from pathlib import Path
from inkport.benchmarks.checks.devices import steps
from inkport.cli import main
marker, where = sys.argv.pop(1), sys.argv.pop(1)
def wait(*_, **__):
    Path(marker).touch()
    time.sleep(600)
setattr(steps, where, wait)
main()
"""
"""Runs the command line, but stops for good where it would call that function of the steps."""


def kill_at(where, arguments, marker):
    process = subprocess.Popen(
        [sys.executable, "-c", STOP, str(marker), where, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not marker.exists():
        assert process.poll() is None, "it ended before the place where it was to be killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_run_goes_on_where_it_stopped(command, verify, server, tmp_path):
    state = tmp_path / "out" / "device-bench" / "state.json"
    counted = "echo x >> ../count; " + PYTHON
    arguments = command(runner=counted, targets=("one", "two"))
    kill_at("start_job", arguments, tmp_path / "before-the-job")
    made = (tmp_path / "out" / "kit" / "kit.zip").stat().st_mtime_ns
    job = json.loads(state.read_text())["runs"]["one"]["job"]
    assert not (server.home / "bench" / "count").exists()

    server.received.clear()
    kill_at("look_at_job", arguments, tmp_path / "before-the-first-look")
    kill_at("pull", arguments, tmp_path / "before-the-result")
    assert (tmp_path / "out" / "kit" / "kit.zip").stat().st_mtime_ns == made, "the kit was made again"
    assert sent(server) == 0, "the kit was pushed again"
    known = json.loads(state.read_text())["runs"]["one"]
    assert (known["job"], known["result_sha256"]) == (job, None)
    assert known["after"] is not None
    assert (server.home / "bench" / "count").read_text() == "x\n"

    code, report, said = verify(runner=counted, targets=("one", "two"))
    assert code == 0, said
    assert [row["name"] for row in report["targets"]] == ["one on bench", "two on bench"]
    assert (server.home / "bench" / "count").read_text() == "x\nx\n", "a finished run was repeated"
    assert not state.exists()


def test_a_connection_lost_within_the_push_is_a_row_and_goes_on(verify, server):
    server.cut_after = 20_000
    code, report, said = verify()
    assert code == 3, said
    (row,) = report["targets"]
    assert row["outcome"] == "unavailable"
    assert "a second run goes on" in row["reason"]
    assert "127.0.0.1" not in row["reason"]
    server.received.clear()
    kit = next((server.home / "bench").glob("*.part"))
    there = kit.stat().st_size
    code, report, said = verify()
    assert code == 0, said
    whole = next((server.home / "bench").glob("kit-*.zip")).stat().st_size
    assert sent(server) <= whole - there


@pytest.mark.parametrize(
    ("runner", "outcome", "code", "reason"),
    [
        ("no-such-runner", "unavailable", 3, r"does not start there (exit code 127)"),
        ("echo out of paper >&2; exit 7; true", "run-failed", 1, "failed (exit code 7): out of paper"),
        ("sleep 300; true", "run-failed", 1, "did not end within 2 s and was ended"),
        ("echo no kit > {out}; true", "run-failed", 1, "not a whole zip archive"),
        ("kill -s KILL -- -$(cut -d ' ' -f 1 pid); true", "run-failed", 1, "neither runs nor has it ended"),
    ],
)
def test_a_run_that_fails_is_a_row_with_its_reason(verify, tmp_path, runner, outcome, code, reason):  # noqa: PLR0917
    limit = ["--device-timeout", "2"] if "sleep" in runner else []
    found, report, said = verify(*limit, runner=runner)
    (row,) = report["targets"]
    assert (found, row["outcome"]) == (code, outcome), said
    assert reason in row["reason"]
    assert (
        not (tmp_path / "out" / "device-bench" / "state.json").exists()
        or not json.loads((tmp_path / "out" / "device-bench" / "state.json").read_text())["runs"]
    ), "it must begin again"


def test_a_device_that_stays_hot_does_not_run(verify, server, monkeypatch, tmp_path):
    zone = tmp_path / "sysfs" / "class" / "thermal" / "thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu\n")
    (zone / "temp").write_text("61000\n")
    monkeypatch.setattr(sensors, "SYSFS", str(tmp_path / "sysfs"))
    code, report, _ = verify("--cool-below", "45", "--cool-timeout", "1")
    assert code == 3
    assert "stays hot: cpu is at 61.0 °C" in report["targets"][0]["reason"]
    assert commands(server, "setsid") == []


def test_a_device_that_cannot_be_reached_does_not_stop_the_next(verify):
    code, report, said = verify("--device", "away=ssh://127.0.0.1:1")
    assert code == 3, said
    assert [(row["name"], row["outcome"] == "unavailable") for row in report["targets"]] == [
        ("one on bench", False),
        ("one on away", True),
    ]
    assert "Connection refused" in report["targets"][1]["reason"]
    assert report["devices"][1]["description"] is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--device", "ftp://pi"], "not an address of a device"),
        (["--device", "bench=ssh://pi"], "appears twice"),
        (["--device-timeout", "0"], "expected seconds above 0"),
        (["--cool-below", "-1"], "above 0"),
        (["--device-files", "nowhere"], "nowhere: no such file"),
    ],
)
def test_a_wrong_request_is_exit_code_2(verify, more, words):
    code, report, said = verify(*more)
    assert (code, report) == (2, None)
    assert words in " ".join(said.split())


def test_options_of_devices_need_a_device(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["inkport", "verify", "--cool-below", "40"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--cool-below is for devices" in capsys.readouterr().err


def test_a_runner_without_python(verify, server):
    """The Node runner of the examples is pushed to the device and reads the kit there by itself."""
    root = Path(__file__).parents[3]
    modules = root / "runtimes" / "web" / "node_modules"
    runner = root / "examples" / "kit-runner-node"
    if shutil.which("node") is None or not modules.is_dir() or not runner.is_dir():
        pytest.skip("needs Node and its packages (scripts/web_modules.sh)")
    server.environment["NODE_PATH"] = str(modules)
    (server.home / "node_modules").symlink_to(modules)
    pushed = [str(path) for path in [*sorted(runner.glob("*.mjs")), runner / "package.json"]]
    code, report, said = verify("--device-files", *pushed, runner="node {files}/kit-runner.mjs {kit} {out} {target}")
    assert code == 0, said
    (run,) = report["devices"][0]["runs"]
    assert "onnxruntime" in run["runner"]["engine"]
    assert run["times"]["n"] == 6
    assert {stage["state"] for stage in run["stages"]} <= {"right", "not shown"}
    assert Path(server.home / "bench" / "files" / "kit-runner.mjs").is_file()
