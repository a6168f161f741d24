"""adb against recorded conversations: they follow adb's documentation and source, no phone was seen."""

from __future__ import annotations

import hashlib

import pytest

from inkport.core.errors import DeviceError, DeviceUnavailableError, UsageError
from inkport.runtimes.devices.describe import Description, Sensors, describe, read_sensors
from inkport.runtimes.devices.device import parse_address
from inkport.runtimes.devices.files import pull, push
from inkport.runtimes.devices.transport import AdbDevice


ONE = {"argv": ["devices", "-l"], "out": "List of devices attached\nR58M                   device usb:1-4\n\n"}


def opened(address="adb://"):
    return AdbDevice(parse_address(address))


def test_a_phone_from_its_listing_to_a_file_and_back(recorded, tmp_path):
    kit = tmp_path / "kit.zip"
    kit.write_bytes(b"a kit")
    digest = hashlib.sha256(b"a kit").hexdigest()
    recorded("phone", kit=digest, kit16=digest[:16], file=str(kit))
    device = opened()
    assert device.name == "adb://R58M123ABCD"
    assert describe(device) == Description(
        model="samsung SM-A525F",
        cpu="SM7125",
        cores=8,
        machine="aarch64",
        os="Android 13",
        governor="schedutil",
        load_1min=7.52,
        python=None,
        inkport=None,
        node=None,
    )
    assert read_sensors(device) == Sensors(
        temperatures_c={"cpu-0-0-usr": 41.5, "cpu-1-3-usr": 43.2, "AP": 25.6, "battery": 32.6},
        battery_percent=84.0,
        battery_status="charging",
    )
    assert push(device, kit, f"{device.folder}/kit.zip")
    pull(device, f"{device.folder}/kit.zip", tmp_path / "back.zip")
    assert (tmp_path / "back.zip").read_bytes() == b"a kit"


@pytest.mark.parametrize(
    ("listing", "address", "message", "remedy"),
    [
        ("", "adb://", "no device is attached to adb", "allow USB debugging"),
        ("R58M unauthorized usb:1-4 transport_id:3\n", "adb://", "'unauthorized'", "unlock the device"),
        ("R58M offline usb:1-4 transport_id:3\n", "adb://R58M", "'offline'", "adb reconnect"),
        ("R58M device usb:1-4\n", "adb://R58N", r"adb://R58N: not attached to adb \(attached: R58M\)", "adb connect"),
        (
            "???????? no permissions (missing udev rules? user is in the plugdev group); see [http://developer]\n",
            "adb://????????".replace("?", "x"),
            "not attached",
            "plug it in",
        ),
        ("R58M no permissions (user in plugdev group; are your udev rules wrong?)\n", "adb://", "permissions", "udev"),
        ("emulator-5554 recovery\n", "adb://", "'recovery'", "adb reboot"),
    ],
)
def test_a_device_that_is_not_ready(recorded, listing, address, message, remedy):
    recorded([{"argv": ["devices", "-l"], "out": f"List of devices attached\n{listing}\n"}])
    with pytest.raises(DeviceUnavailableError, match=message) as raised:
        opened(address)
    assert remedy in raised.value.remedy


def test_the_server_may_announce_itself_first(recorded):
    noise = "* daemon not running; starting now at tcp:5037\n* daemon started successfully\n"
    recorded([{**ONE, "out": noise + ONE["out"]}])
    assert opened().name == "adb://R58M"


def test_two_devices_and_no_serial(recorded):
    two = "List of devices attached\nR58M device usb:1-4\nemulator-5554 device\n\n"
    recorded([{"argv": ["devices", "-l"], "out": two}])
    with pytest.raises(UsageError, match=r"2 devices are attached to adb: R58M \(device\), emulator-5554") as raised:
        opened()
    assert raised.value.remedy == "name one: --device adb://R58M"
    recorded([{"argv": ["devices", "-l"], "out": two}])
    assert opened("adb://emulator-5554").name == "adb://emulator-5554"


def shell(script, **answer):
    return {"argv": ["-s", "R58M", "shell", f"( {script}<end>"], **answer}


@pytest.mark.parametrize(
    ("out", "code", "err"),
    [
        ("\ninkport-exit 0\n", 0, ""),
        ("no newline\ninkport-exit 1\n", 1, "error: it failed\n"),
        ("\r\ninkport-exit 7\r\n", 7, ""),
    ],
)
def test_an_exit_code_is_the_scripts_own(recorded, out, code, err):
    recorded([ONE, shell("true", out=out, err=err, code=min(code, 1))])
    assert opened().run("true").code == code


@pytest.mark.parametrize(
    ("err", "remedy"),
    [
        ("adb: device 'R58M' not found\n", "still attached"),
        ("error: device offline\n", "adb reconnect"),
        ("error: device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set\n", "unlock the device"),
        ("error: closed\n", "a second run goes on"),
    ],
)
def test_a_device_that_went_away(recorded, err, remedy):
    recorded([ONE, shell("true", err=err, code=1)])
    with pytest.raises(DeviceUnavailableError, match="adb lost the device") as raised:
        opened().run("true")
    assert remedy in raised.value.remedy
    assert err.splitlines()[0] in raised.value.message


def test_a_connection_that_ends_within_a_script_is_no_success(recorded):
    recorded([ONE, shell("true", out="half of what it s", code=0)])
    with pytest.raises(DeviceUnavailableError, match="half of what it s"):
        opened().run("true")


def test_no_space_on_the_phone(recorded, tmp_path):
    (tmp_path / "kit").write_bytes(b"x")
    said = "adb: error: failed to copy 'kit' to '/data/local/tmp/kit': remote No space left on device\n"
    recorded([ONE, {"argv": ["-s", "R58M", "push", "@local", "/data/local/tmp/kit"], "err": said, "code": 1}])
    with pytest.raises(DeviceError, match="No space left on device") as raised:
        opened().send(tmp_path / "kit", "/data/local/tmp/kit")
    assert "free space" in raised.value.remedy


def test_a_server_that_does_not_start(recorded):
    recorded([{**ONE, "out": "", "err": "adb: failed to start server\n", "code": 1}])
    with pytest.raises(DeviceUnavailableError, match="failed to start server"):
        opened()


def test_no_adb(monkeypatch):
    monkeypatch.setenv("INKPORT_ADB", "no-such-adb")
    with pytest.raises(DeviceUnavailableError, match="no-such-adb does not start") as raised:
        opened()
    assert "platform-tools" in raised.value.remedy


def test_the_recording_is_strict(recorded):
    recorded([ONE, shell("true", out="\ninkport-exit 0\n"), shell("true", out="\ninkport-exit 0\n")])
    device = opened()
    assert device.run("true").code == 0
    with pytest.raises(DeviceUnavailableError, match="is not in the recording"):
        device.run("false")
    with pytest.raises(DeviceUnavailableError, match="is not in the recording"):
        device.run("true")
    recorded([])
