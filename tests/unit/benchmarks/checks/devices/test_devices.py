"""Names, commands and states of runs on other machines."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest

from inkport.benchmarks.checks.devices.runs import name_devices
from inkport.benchmarks.checks.devices.state import State, StateFile
from inkport.benchmarks.checks.devices.steps import DevicePlan
from inkport.commands._device import DeviceOptions
from inkport.core.errors import UsageError
from inkport.runtimes.devices.describe import Sensors


KIT = SimpleNamespace(digest="0123456789abcdef" * 4)


@pytest.mark.parametrize(
    ("runner", "command"),
    [
        ("inkport kit run", "inkport kit run {kit} --target 'it'\"'\"'s int8' --threads 2 --out result.zip"),
        ("node {files}/r.mjs {kit} {out} {target}", "node ../files/r.mjs {kit} result.zip 'it'\"'\"'s int8'"),
        ("run --at {files}", "run --at ../files {kit} --target 'it'\"'\"'s int8' --threads 2 --out result.zip"),
        ("awk '{print}' {kit} {other}", "awk '{print}' {kit} {other}"),
    ],
)
def test_a_command_is_filled_in_with_words_of_the_shell(runner, command):
    plan = DevicePlan(kit=KIT, runner=runner, threads=2)
    assert plan.command("it's int8") == command.replace("{kit}", "../kit-0123456789abcdef.zip")


def test_devices_have_names():
    found = name_devices(["ssh://pi", "phone=adb://R58M", "ssh://u@h/a=b"])
    assert [(device.name, device.address.host) for device in found] == [
        ("ssh-1", "pi"),
        ("phone", "R58M"),
        ("ssh-3", "h"),
    ]


@pytest.mark.parametrize("texts", [["a=ssh://x", "a=ssh://y"], ["=ssh://x"], ["../x=ssh://x"], ["a b=ssh://x"]])
def test_names_that_cannot_be_are_refused(texts):
    with pytest.raises(UsageError):
        name_devices(texts)


def test_a_state_is_there_after_a_kill(tmp_path):
    path = tmp_path / "device" / "state.json"
    reading = Sensors(temperatures_c={"cpu": 41.5}, battery_percent=None, battery_status="full")
    first = StateFile(path, "key")
    first.update("one", job="run-1", before=reading)
    first.update("two", job="run-2")
    first.forget("two")
    again = StateFile(path, "key")
    assert again.state == first.state
    assert (again.run("one").before, again.run("two").job) == (reading, None)
    again.finish()
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": "other"}', '{"key": "key", "runs": {"one": {"jobs": 1}}}'])
def test_a_state_of_something_else_is_started_again(tmp_path, content):
    path = tmp_path / "state.json"
    path.write_text(content)
    assert StateFile(path, "key").state == State(key="key")


def test_the_page_names_every_option():
    page = (Path(__file__).parents[5] / "docs" / "devices.md").read_text(encoding="utf-8")
    missing = [name for f in fields(DeviceOptions) if (name := f"--{f.name.replace('_', '-')}") not in page]
    assert missing == []
