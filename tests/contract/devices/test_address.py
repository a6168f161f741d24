"""Addresses of devices."""

from __future__ import annotations

import pytest

from inkport.core.errors import UsageError
from inkport.runtimes.devices.device import Address, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ssh://pi", Address(scheme="ssh", host="pi", folder=".inkport-device")),
        (
            "ssh://ada@pi.local:2222/data/it",
            Address(scheme="ssh", host="pi.local", folder="/data/it", user="ada", port=2222),
        ),
        ("ssh://pi/~/bench/", Address(scheme="ssh", host="pi", folder="bench")),
        ("ssh://[::1]:22/a%20b", Address(scheme="ssh", host="::1", folder="/a b", port=22)),
        ("adb://", Address(scheme="adb", host="", folder="/data/local/tmp/inkport")),
        ("adb://R58M/sdcard/x", Address(scheme="adb", host="R58M", folder="/sdcard/x")),
        ("adb://192.168.1.5:5555", Address(scheme="adb", host="192.168.1.5:5555", folder="/data/local/tmp/inkport")),
    ],
)
def test_an_address_is_read(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "pi",
        "http://pi",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://-l@pi",
        "ssh://pi:port",
        "ssh://pi/~/../x",
        "ssh://pi/a?b",
        "ssh://pi/a%0ab",
        "adb://-s",
        "adb://a b",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError) as raised:
        parse_address(text)
    assert raised.value.remedy


def test_a_password_is_refused_and_not_repeated():
    with pytest.raises(UsageError, match="password") as raised:
        parse_address("ssh://ada:secret@pi")
    assert "secret" not in str(raised.value)
