"""The machine's state where it can be read: governor, frequency, temperature, load; absent where it cannot."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median


SYS = Path("/sys")
"""Where Linux shows its devices."""
CPU_ZONES = ("x86_pkg_temp", "cpu", "soc", "coretemp", "k10temp", "zenpower")
"""Beginnings of the names that Linux gives to a processor's temperature."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The machine's state at one moment; what the system does not tell is absent."""

    governor: str | None
    """Frequency governor of the first core."""
    frequency_mhz: float | None
    """Median of the cores' present frequencies."""
    temperature_c: float | None
    """Hottest sensor of the processor, in degrees Celsius."""
    load_1min: float | None
    """Load average of the last minute."""


def read_conditions(sys: Path = SYS) -> Conditions:
    """Read the machine's state.

    Args:
        sys: Where the system shows its devices; another folder in tests.
    """
    cpus = sys / "devices" / "system" / "cpu"
    frequencies = _numbers(sorted(cpus.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")))
    temperatures = _numbers(_temperature_files(sys))
    return Conditions(
        governor=_read(cpus / "cpu0" / "cpufreq" / "scaling_governor"),
        frequency_mhz=round(median(frequencies) / 1000, 1) if frequencies else None,
        temperature_c=round(max(temperatures) / 1000, 1) if temperatures else None,
        load_1min=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    )


def _temperature_files(sys: Path) -> Iterable[Path]:
    for name, pattern in (("type", "class/thermal/thermal_zone*"), ("name", "class/hwmon/hwmon*")):
        for folder in sorted(sys.glob(pattern)):
            if (_read(folder / name) or "").lower().startswith(CPU_ZONES):
                yield from (folder / "temp",) if name == "type" else sorted(folder.glob("temp*_input"))


def _numbers(files: Iterable[Path]) -> list[int]:
    texts = [text for file in files if (text := _read(file)) is not None]
    return [int(text) for text in texts if text.lstrip("-").isdecimal()]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


class EnergyCounter:
    """The processor's energy counter, where the machine has one that may be read (RAPL).

    Args:
        sys: Where the system shows its devices; another folder in tests.
    """

    def __init__(self, sys: Path = SYS) -> None:
        zones = sorted((sys / "class" / "powercap").glob("intel-rapl:*"))
        # Only whole packages: the zones inside them (core, dram of some) are counted in them already.
        self._packages = [zone for zone in zones if (_read(zone / "name") or "").startswith("package")]
        self._last = self._counts()

    @property
    def available(self) -> bool:
        """Whether there is a counter that can be read."""
        return self._last is not None

    def spent_uj(self) -> int | None:
        """Return the microjoules since the last call, or since the start; absent where there is no counter.

        A counter that has gone past its largest value is taken to have done so once.
        """
        before, now = self._last, self._counts()
        self._last = now
        if before is None or now is None:
            return None
        spent = 0
        for zone, start, end in zip(self._packages, before, now, strict=True):
            wrap = int(_read(zone / "max_energy_range_uj") or 0) if end < start else 0
            spent += end - start + wrap
        return spent

    def _counts(self) -> list[int] | None:
        counts = _numbers(zone / "energy_uj" for zone in self._packages)
        return counts if counts and len(counts) == len(self._packages) else None
