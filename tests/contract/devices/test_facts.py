"""What devices tell of themselves: sensors and descriptions."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from inkport.runtimes.devices import describe as module
from inkport.runtimes.devices.describe import Sensors, describe, parse_sensors, read_sensors


@pytest.fixture
def sysfs(server, monkeypatch):
    """A device whose kernel shows these files."""
    root = server.home / "sysfs"
    monkeypatch.setattr(module, "SYSFS", str(root))

    def write(files):
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(f"{content}\n")

    return write


def test_a_laptop(device, sysfs):
    sysfs(
        {
            "class/thermal/thermal_zone0/type": "acpitz",
            "class/thermal/thermal_zone0/temp": "27800",
            "class/thermal/thermal_zone1/type": "x86_pkg_temp",
            "class/thermal/thermal_zone1/temp": "61000",
            "class/thermal/thermal_zone2/type": "acpitz",
            "class/thermal/thermal_zone2/temp": "-274000",
            "class/power_supply/AC/type": "Mains",
            "class/power_supply/AC/online": "1",
            "class/power_supply/BAT0/type": "Battery",
            "class/power_supply/BAT0/capacity": "87",
            "class/power_supply/BAT0/status": "Not charging",
        }
    )
    found = read_sensors(device)
    assert found == Sensors(
        temperatures_c={"acpitz": 27.8, "x86_pkg_temp": 61.0}, battery_percent=87.0, battery_status="not charging"
    )
    assert found.hottest == ("x86_pkg_temp", 61.0)


def test_a_device_without_sensors(device, sysfs):
    sysfs({"class/thermal/cooling_device0/type": "Processor"})
    found = read_sensors(device)
    assert found == Sensors(temperatures_c=None, battery_percent=None, battery_status=None)
    assert found.hottest is None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("zone 45 cpu", {"cpu": 45.0}),
        ("zone 45123 cpu\nzone 45000 cpu", {"cpu": 45.123, "cpu#2": 45.0}),
        ("zone 87 soc\nzone 4123 vbat\nzone 12 pm8150-bcl-lvl0\nzone 900000 pa", None),
        ("zone 0 pmic\nzone  cpu\nzone x cpu\nzone 40000", {"zone": 40.0}),
        ("hal Temperature{mValue=33.3, mType=3, mName=skin, mStatus=0}", {"skin": 33.3}),
        ("hal Temperature{mValue=0.0, mType=4, mName=USB, mStatus=0}\nhal Cached", None),
        ("supply temp 312", {"battery": 31.2}),
    ],
)
def test_temperatures(rows, expected):
    assert parse_sensors(rows).temperatures_c == expected


def test_android_tells_its_battery_in_parts_of_its_scale():
    said = "dumpsys level: 42\ndumpsys scale: 50\ndumpsys status: 3\ndumpsys temperature: 310"
    assert parse_sensors(said) == Sensors(
        temperatures_c={"battery": 31.0}, battery_percent=84.0, battery_status="discharging"
    )


def test_a_machine_describes_itself(device, server):
    tools = server.home / "tools"
    tools.mkdir()
    for name, words in {"inkport": "9.8.7", "node": "v20.1.0", "python3": "Python 3.12.1"}.items():
        (tools / name).write_text(f"#!/bin/sh\necho {words}\n")
        (tools / name).chmod(0o755)
    server.environment["PATH"] = f"{tools}:{os.environ['PATH']}"
    found = describe(device)
    assert (found.python, found.inkport, found.node) == ("3.12.1", "9.8.7", "20.1.0")
    assert found.machine == platform.machine()
    assert found.os == f"Linux {platform.release().partition('-')[0]}"
    assert found.cores == len(os.sched_getaffinity(0))
    assert found.cpu is None or f": {found.cpu}\n" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


def test_a_machine_without_any_of_them(device, server):
    tools = server.home / "tools"
    tools.mkdir()
    for name in ("sh", "tr", "head"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    server.environment["PATH"] = str(tools)
    found = describe(device)
    assert {value for name, value in vars(found).items()} == {None}
