"""What the figures were measured on, without anything that names the machine or its user."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from inkport.core.processors import count_processors, sharing


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


PACKAGES = ("inkport", "numpy", "onnx", "onnxruntime", "openvino", "pillow", "safetensors", "torch")
"""Packages whose versions are recorded where they are installed."""
ISA_FLAGS = re.compile(r"avx2|avx512f|avx_vnni|avx512_(vnni|bf16|fp16)|amx_\w+|asimddp|i8mm|bf16|sve2?")
"""CPU features that decide how fast int8 and bf16 are, as Linux calls them on x86 and ARM."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The machine and the software."""

    cpu: str
    """Model of the CPU."""
    cores: int
    """Logical cores that this process may use."""
    isa: tuple[str, ...]
    """CPU features that matter for int8 and bf16, sorted; empty where the system does not tell."""
    os: str
    """Operating system and its version."""
    machine: str
    """Architecture."""
    python: str
    """Version of Python."""
    packages: Mapping[str, str]
    """Versions of the installed packages that matter."""
    threads: int
    """Threads that each target computed with."""
    governor: str | None
    """Frequency governor of the first core, where the system tells."""
    load_1min: float | None
    """Load average of the last minute before the run: well above 0, something else was running."""
    frequency_mhz: float | None = None
    """Median of the cores' frequencies before the run, where the system tells."""
    temperature_c: float | None = None
    """Hottest sensor of the processor before the run, in degrees Celsius, where the system tells."""
    processors: float | None = None
    """Processors that the process gets at once: fewer than ``cores`` where a container's share is smaller."""


def read_environment(*, threads: int) -> Environment:
    """Describe this machine; what cannot be read is left empty."""
    cpuinfo = _text(Path("/proc/cpuinfo"))
    conditions = read_conditions()
    return Environment(
        cpu=_field(cpuinfo, "model name") or platform.processor() or platform.machine(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        isa=tuple(sorted({f for f in _cpu_flags(cpuinfo) if ISA_FLAGS.fullmatch(f)})),
        os=f"{platform.system()} {platform.release().partition('-')[0]}",
        machine=platform.machine(),
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := _version(name))},
        threads=threads,
        governor=conditions.governor,
        load_1min=conditions.load_1min,
        frequency_mhz=conditions.frequency_mhz,
        temperature_c=conditions.temperature_c,
        processors=count_processors(),
    )


def threads_on(environment: Environment, threads: int) -> str:
    """Return how many threads a target computed with, and that they had to share processors if there were fewer."""
    shared = "" if environment.processors is None else sharing(threads, environment.processors)
    return shared or f"{threads} thread{'s' if threads > 1 else ''}"


def without_folders(text: str) -> str:
    """Return ``text`` with absolute paths cut down to their last part, because folders name users and machines."""
    return re.sub(r"(?<![\w.:/])(?:/[^\s/:'\"]+)+/(?=[^\s/])|\b[A-Za-z]:\\(?:[^\s\\:'\"]+\\)*", "", text)


def _cpu_flags(cpuinfo: str) -> list[str]:
    return (_field(cpuinfo, "flags") or _field(cpuinfo, "Features")).split()


def _field(cpuinfo: str, name: str) -> str:
    match = re.search(rf"^{name}\s*:\s*(.*)$", cpuinfo, flags=re.MULTILINE)
    return match.group(1).strip() if match else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
