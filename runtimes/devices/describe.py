"""What a device is: its make, processor, system, and what on it could run a recogniser."""

from __future__ import annotations

from dataclasses import dataclass

from inkport.runtimes.devices.device import Device, check, fields


SCRIPT = r"""
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
    said = dict(fields(check(device, device.run(SCRIPT), "asking what it is").out))
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
