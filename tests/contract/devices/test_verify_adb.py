"""``inkport verify --device adb://`` through a whole recorded conversation; no phone was seen."""

from __future__ import annotations

import json
import sys

import pytest

from inkport.benchmarks.checks.devices.steps import DevicePlan
from inkport.benchmarks.checks.kit.runner import run_kit
from inkport.benchmarks.run.kit.open import open_kit
from inkport.cli import main
from inkport.core.files import sha256_file
from inkport.runtimes.devices.job import BODY, BOOT, LOOK, PATIENCE_S, START, START_S


pytest.importorskip("onnxruntime", reason="what the phone of the recording ran is made with it")

JOB = "/data/local/tmp/it/run-0123abcd"
ROW = '[[target]]\nname = "one"\nruntime = "onnxruntime"\nprecision = "fp32"\nbudget = { cer_margin = 9.0 }\n'


@pytest.fixture
def inkport(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["inkport", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out + captured.err

    return run


@pytest.fixture
def arguments(toy_onnx, lines_folder, tmp_path):
    table = tmp_path / "targets.toml"
    table.write_text(ROW, encoding="utf-8")
    return [toy_onnx.path, "--targets", table, "--lines", lines_folder]


def script(text, **values):
    return f"( {text.format(boot=BOOT, **values)}\n); echo; echo inkport-exit $?"


def test_a_phone_from_the_kit_to_the_report(inkport, arguments, recorded, monkeypatch, tmp_path):
    kit_file, result_file = tmp_path / "kit.zip", tmp_path / "result.zip"
    # The phone of the recording made this result of the same kit.
    assert inkport("kit", "make", *arguments, "--out", kit_file)[0] == 0
    kit = open_kit(kit_file)
    run_kit(kit, result_file)
    monkeypatch.setattr("secrets.token_hex", lambda _: "0123abcd")
    runner = "./{files}/runner {kit} {out}"
    plan = DevicePlan(kit=kit, runner=runner)
    body = BODY.format(boot=BOOT, command=plan.command("one"), limit=3600)
    digest = sha256_file(kit_file)
    quoted = "'" + body.replace("'", "'\"'\"'") + "'"
    recorded(
        "verify",
        kit=digest,
        kit16=digest[:16],
        kit_name=plan.remote_kit,
        result=sha256_file(result_file),
        result_file=str(result_file),
        start=script(START, folder=JOB, parent="/data/local/tmp/it", body=quoted, start=START_S),
        **{
            "look now": script(LOOK, folder=JOB, patience=0),
            "look": script(LOOK, folder=JOB, patience=PATIENCE_S),
        },
    )
    out = ["--out", tmp_path / "out"]
    code, said = inkport(
        "verify", *arguments, *out, "--device", "phone=adb:///data/local/tmp/it", "--device-runner", runner
    )
    assert code == 0, said
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    (row,), (device,) = report["targets"], report["devices"]
    assert (row["name"], row["parity"]["flipped_lines"]) == ("one on phone", 0)
    assert device["description"]["os"] == "Android 14"
    (run,) = device["runs"]
    assert run["before"] == {
        "temperatures_c": {"battery": 25.0},
        "battery_percent": 100.0,
        "battery_status": "discharging",
    }
    assert run["after"] == {"temperatures_c": None, "battery_percent": 99.0, "battery_status": "discharging"}
    assert "emulator-5554" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_phone_that_is_not_allowed_is_a_row(inkport, arguments, recorded, tmp_path):
    recorded([{"argv": ["devices", "-l"], "out": "List of devices attached\nR58M unauthorized usb:1-4\n\n"}])
    code, said = inkport("verify", *arguments, "--out", tmp_path / "out", "--device", "phone=adb://R58M")
    assert code == 3
    assert "adb calls it 'unauthorized', expected 'device' (fix: unlock the device" in " ".join(said.split())


def test_two_phones_and_no_serial_is_exit_code_2(inkport, arguments, recorded, tmp_path):
    listing = "List of devices attached\nR58M device usb:1-4\nR58N device usb:1-5\n\n"
    recorded([{"argv": ["devices", "-l"], "out": listing}])
    code, said = inkport("verify", *arguments, "--out", tmp_path / "out", "--device", "adb://")
    assert code == 2
    assert "2 devices are attached to adb: R58M (device), R58N (device)" in " ".join(said.split())
