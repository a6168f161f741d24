"""What a device is, what on it could run a recogniser, and its temperatures and battery, as far as it tells them.

Linux tells them in sysfs, Android also through its services, which a shell may ask where it may not read sysfs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from inkport.runtimes.devices.device import Device, check, fields


FACTS_SCRIPT = r"""
say() { echo "$1=$(eval "$2" 2>/dev/null | tr -d '\0' | head -n 1)"; }
has() { command -v "$1" >/dev/null 2>&1; }
say system 'uname -s'
say release 'uname -r'
say machine 'uname -m'
say cores 'nproc || getconf _NPROCESSORS_ONLN'
say cpu 'sed -n "s/^model name[^:]*: *//p" /proc/cpuinfo'
say hardware 'sed -n "s/^Hardware[^:]*: *//p" /proc/cpuinfo'
say brand 'sysctl -n machdep.cpu.brand_string'
say board 'cat /proc/device-tree/model'
say governor 'cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'
say load 'cut -d " " -f 1 /proc/loadavg'
if has getprop; then
  say maker 'getprop ro.product.manufacturer'
  say model 'getprop ro.product.model'
  say soc 'getprop ro.soc.model'
  say android 'getprop ro.build.version.release'
fi
say python 'python3 -V'
say inkport 'inkport --version'
say node 'node --version'
"""
"""Prints ``name=value`` for what the device can tell, and nothing after the ``=`` for what it cannot."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A device; what it does not tell is None."""

    model: str | None
    """Maker and model: a phone's, or a board's."""
    cpu: str | None
    """Model of the processor."""
    cores: int | None
    """Logical cores that a process may use."""
    machine: str | None
    """Architecture."""
    os: str | None
    """System and its version."""
    governor: str | None
    """Frequency governor of the first core."""
    load_1min: float | None
    """Load average of the last minute."""
    python: str | None
    """Version of the ``python3`` on its path."""
    inkport: str | None
    """Version of the ``inkport`` on its path."""
    node: str | None
    """Version of the ``node`` on its path."""


def describe(device: Device) -> Description:
    """Ask a device what it is; nothing that names its owner or its place in a network is asked.

    Raises:
        DeviceError: If the device cannot run the script.
    """
    said = dict(fields(check(device, device.run(FACTS_SCRIPT), "asking what it is").out))
    make = " ".join(part for name in ("maker", "model") if (part := said.get(name)))
    cores, load = said.get("cores", ""), said.get("load", "")
    return Description(
        model=make or said.get("board"),
        cpu=next((said[name] for name in ("cpu", "soc", "hardware", "brand") if name in said), None),
        cores=int(cores) if cores.isdecimal() else None,
        machine=said.get("machine"),
        os=f"Android {said['android']}" if "android" in said else _system(said.get("system"), said.get("release")),
        governor=said.get("governor"),
        load_1min=float(load) if load.replace(".", "", 1).isdecimal() else None,
        python=_version(said.get("python")),
        inkport=_version(said.get("inkport")),
        node=_version(said.get("node")),
    )


def _system(name: str | None, release: str | None) -> str | None:
    return f"{name} {(release or '').partition('-')[0]}".strip() if name else None


def _version(said: str | None) -> str | None:
    return said.split()[-1].removeprefix("v") if said else None


SYSFS = "/sys"
"""Where the kernel shows its sensors."""
SENSORS_SCRIPT = r"""
for z in "$sys"/class/thermal/thermal_zone*; do
  [ -r "$z/temp" ] && echo "zone $(cat "$z/temp" 2>/dev/null) $(cat "$z/type" 2>/dev/null)"
done
for b in "$sys"/class/power_supply/*; do
  [ "$(cat "$b/type" 2>/dev/null)" = Battery ] || continue
  for part in capacity status temp; do [ -r "$b/$part" ] && echo "supply $part $(cat "$b/$part" 2>/dev/null)"; done
done
if command -v dumpsys >/dev/null 2>&1; then
  dumpsys battery 2>/dev/null | sed 's/^ */dumpsys /'
  dumpsys thermalservice 2>/dev/null | sed -n '/^Current temperatures from HAL/,/^Current cooling/s/^[ \t]*/hal /p'
fi
true
"""
"""Prints what there is, a reading per line, after a word that tells where it is from."""

NO_TEMPERATURE = re.compile(r"soc|.*(ibat|vbat|bcl|lvl\d|-soc).*", re.IGNORECASE)
"""Zones that hold the charge, currents, voltages or levels, as Qualcomm's kernels have them among the temperatures."""
PLAUSIBLE_C = (-40.0, 150.0)
"""Readings outside are those of a sensor that is off: -274 and 0 are usual."""
STATUS = {"1": "unknown", "2": "charging", "3": "discharging", "4": "not charging", "5": "full"}
"""Android's numbers (``BatteryManager.BATTERY_STATUS_*``), in the words of Linux."""


@dataclass(frozen=True, kw_only=True)
class Sensors:
    """One reading of all sensors; what the device does not offer is None."""

    temperatures_c: Mapping[str, float] | None
    """Degrees Celsius by the sensor's name; names that occur twice are numbered."""
    battery_percent: float | None
    """Charge of the battery, 0 to 100."""
    battery_status: str | None
    """Whether it is charging, in the words of Linux in lower case."""

    @property
    def hottest(self) -> tuple[str, float] | None:
        """Name and degrees Celsius of the hottest sensor."""
        return max(self.temperatures_c.items(), key=lambda item: item[1]) if self.temperatures_c else None


def read_sensors(device: Device) -> Sensors:
    """Read the sensors of a device once.

    Raises:
        DeviceError: If the device cannot run the script.
    """
    return parse_sensors(check(device, device.run(f"sys={SYSFS}{SENSORS_SCRIPT}"), "reading its sensors").out)


def parse_sensors(said: str) -> Sensors:
    """Read what the script printed."""
    rows = [line.split(maxsplit=1) for line in said.splitlines()]
    of = {word: [row[1] for row in rows if len(row) == 2 and row[0] == word] for word in ("zone", "hal")}
    supply = dict(_words(row) for row in _of(rows, "supply"))
    android = {name.strip(): value.strip() for name, _, value in (row.partition(":") for row in _of(rows, "dumpsys"))}
    level, scale = _number(android.get("level")), _number(android.get("scale"))
    percent = 100 * level / scale if level is not None and scale else _number(supply.get("capacity"))
    battery = _tenths(android.get("temperature"), supply.get("temp"))
    named = [*_zones(of["zone"]), *_hal(of["hal"]), *([("battery", battery)] if battery is not None else [])]
    return Sensors(
        temperatures_c=_numbered(named) or None,
        battery_percent=percent,
        battery_status=STATUS.get(android.get("status", "")) or (supply.get("status") or "").lower() or None,
    )


def _of(rows: list[list[str]], word: str) -> Iterator[str]:
    return (row[1] for row in rows if len(row) == 2 and row[0] == word)


def _words(row: str) -> tuple[str, str]:
    name, _, value = row.partition(" ")
    return name, value.strip()


def _zones(rows: list[str]) -> Iterator[tuple[str, float]]:
    """Yield name and degrees of the kernel's zones.

    Source:
        https://docs.kernel.org/driver-api/thermal/sysfs-api.html: ``temp`` is in millidegrees Celsius. Some vendors'
        kernels give whole degrees; a processor at less than 0.2 degrees is none that somebody measures with.
    """
    for row in rows:
        value, name = _words(row)
        number = _number(value)
        if number is None or NO_TEMPERATURE.fullmatch(name):
            continue
        degrees = number if abs(number) <= 200 else number / 1000
        if _plausible(degrees):
            yield name or "zone", degrees


def _hal(rows: list[str]) -> Iterator[tuple[str, float]]:
    """Yield name and degrees of ``Temperature{mValue=25.6, mType=0, mName=AP, mStatus=0}``."""
    for row in rows:
        if match := re.search(r"mValue=(-?[\d.]+), mType=\d+, mName=([^,]*),", row):
            degrees = _number(match[1])
            if degrees is not None and _plausible(degrees):
                yield match[2], degrees


def _tenths(*values: str | None) -> float | None:
    """Return the first that is there, in degrees: batteries tell tenths, to Linux and to Android."""
    number = next((found for value in values if (found := _number(value)) is not None), None)
    return number / 10 if number is not None and _plausible(number / 10) else None


def _plausible(degrees: float) -> bool:
    return PLAUSIBLE_C[0] < degrees < PLAUSIBLE_C[1] and degrees != 0


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _numbered(named: list[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, degrees in named:
        count = sum(known.partition("#")[0] == name for known in found)
        found[f"{name}#{count + 1}" if count else name] = degrees
    return found
