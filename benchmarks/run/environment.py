"""What the figures were measured on, without anything that names the machine or its user."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from inkport.benchmarks.run.machine.sensors import read_conditions
from inkport.core.processors import count_processors, sharing


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
