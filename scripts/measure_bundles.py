"""What the bindings of a bundle cost: sizes, opening, memory, self-test, and time from file to text.

    python scripts/measure_bundles.py [--rounds N] [--lines N] [--out docs/results/bundles]

Makes bundles of the shipped int8 model for C++, Python, Node and the browser, builds the first as its README says, and
runs each in processes of its own. Times are CPU time, the least of a few runs, in which there is least of what else the
machine does; the page's are by its own clock. C++ and Python read the same lines in turns, with one thread. Writes JSON
and Markdown tables.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from bundle_page import ENGINE, served

from inkport.benchmarks.measure.quantiles import quantile
from inkport.benchmarks.run.environment import read_environment
from inkport.core.artifact import Artifact, bundled_artifacts, find_lm
from inkport.core.config import to_plain
from inkport.core.ctc import greedy
from inkport.core.files import write_atomically
from inkport.core.image import load_pixels
from inkport.core.preprocess import normalise, prepare_bytes, to_bytes
from inkport.core.registry import load_runtime
from inkport.core.runtime import SessionOptions
from inkport.core.tables import Table, markdown_table
from inkport.export.bundle.bundle import BundleRequest, make_bundle
from inkport.lines.source import read_lines
from inkport.runtimes.bundle_cpp import LIBRARY
from inkport.runtimes.javascript import modules_folder


SAMPLES = Path(str(files("inkport.benchmarks"))) / "samples" / "lines.tsv"
LINE = Path("golden", "plain", "line.png")
"""A line of text in every bundle."""


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What one binding costs."""

    binding: str
    engine: str
    """Engine and version."""
    model_bytes: int
    code_bytes: int
    """Header and C interface, module or file: what an application copies or links besides the engine."""
    engine_bytes: int
    """The engine's files, as they are installed."""
    engine_gzip_bytes: int
    """The same, compressed as servers and packages do it (gzip, level 9)."""
    open_ms: float
    """CPU time of a process that opens the bundle and ends, in milliseconds; of the page, from the beginning of its
    loading to the text of a dropped line, by its own clock."""
    self_test_ms: float
    """CPU time of the self-test alone; of the page, by its own clock."""
    peak_mib: float | None
    """Largest resident memory of a process that opens the bundle and reads a line, in MiB: the program's own included,
    for a browser that of the page's process."""


@dataclass(frozen=True, kw_only=True)
class Race:
    """Time from file to text, in C++ and in Python, of the same lines."""

    lines: int
    rounds: int
    cpp_ms: float
    """Median over the lines of the least time, in milliseconds."""
    python_ms: float
    ratio: float
    """Median over the lines of C++'s least time divided by Python's."""
    interval: tuple[float | None, float | None]
    """95 % interval of the ratio."""
    total_ratio: float
    """The same of the sums over all lines."""
    same_texts: int
    """Lines that both read alike."""


LOOK_S = 0.002
"""Seconds between two looks at a process's memory."""


@dataclass(frozen=True, kw_only=True)
class OrtFormat:
    """The model in ONNX Runtime's own format, which reduced builds of it read."""

    onnx_bytes: int
    ort_bytes: int
    operators: int
    """Operators that a reduced build would need."""


def run(command: Sequence[object], environment: Mapping[str, str]) -> tuple[float, float, str]:
    """Run a process; return CPU milliseconds, largest resident memory in MiB, and standard output."""
    words = [str(word) for word in command]
    with TemporaryFile("w+") as out:
        process = subprocess.Popen(words, env={**os.environ, **environment}, stdout=out)
        peak = watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said = out.read()
    if process.returncode != 0:
        raise SystemExit(f"{words[0]}: ended with {process.returncode}\n{said}")
    return 1000 * (usage.ru_utime + usage.ru_stime), peak, said


def watch(process: int) -> float:
    """Return the largest resident memory of a process, in MiB, when it has ended.

    The kernel's own figure for a child that has ended (``ru_maxrss``) begins with that of the parent that started it.
    """
    most = 0
    while os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if found := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="utf-8")):
            most = max(most, int(found[1]))
        time.sleep(LOOK_S)
    return most / 1024


def engine_library() -> Path:
    """Return the shared library of the installed ONNX Runtime.

    Raises:
        SystemExit: If it is not installed.
    """
    found = find_spec("onnxruntime")
    places = found.submodule_search_locations if found else None
    for place in places or ():
        for library in Path(place, "capi").glob("libonnxruntime.so.*"):
            return library
    raise SystemExit("ONNX Runtime is not installed: pip install 'inkport[ort]'")


def costs(command: Sequence[object], line: Path, rounds: int, **environment: str) -> tuple[float, float, float]:
    """Return opening and self-test in CPU milliseconds, and peak memory in MiB, of a program that takes files."""
    opened = min(run(command, environment)[0] for _ in range(rounds))
    tested = min(run([*command, "--self-test"], environment)[0] for _ in range(rounds))
    peak = min(run([*command, line], environment)[1] for _ in range(rounds))
    return opened, tested - opened, peak


def size(paths: Sequence[Path]) -> int:
    """Return the bytes of files, and of all files in folders."""
    return sum(file.stat().st_size for path in paths for file in ([path] if path.is_file() else path.rglob("*.*")))


def zipped(paths: Sequence[Path]) -> int:
    """Return the bytes of files, each compressed."""
    return sum(len(gzip.compress(path.read_bytes(), compresslevel=9)) for path in paths)


def measure_bindings(model: Artifact, folders: Mapping[str, Path], rounds: int) -> list[Binding]:
    """Measure C++, Python, Node and the browser, in this order."""
    library, modules = engine_library(), modules_folder() / "node_modules"
    cpp, python, web = (folders[name] for name in ("cpp", "python", "web"))
    capi = next(library.parent.glob("onnxruntime_pybind11_state*"))
    node = sorted((modules / "onnxruntime-node" / "bin").glob(f"*/linux/{_machine()}/*"))
    wasm = [modules / "onnxruntime-web" / "dist" / name for name in ENGINE]
    installed = f"ONNX Runtime {version('onnxruntime')}"
    rows: list[tuple[str, str, list[Path], list[Path], tuple[float, float, float | None]]] = [
        (
            "C++",
            installed,
            [cpp / "include" / "inkport.hpp", cpp / "include" / "inkport"],
            [library],
            costs([cpp / "build" / "inkport-read", cpp], cpp / LINE, rounds, **{LIBRARY: str(library)}),
        ),
        (
            "Python",
            installed,
            [python / "inkport_reader.py"],
            [capi],
            costs([sys.executable, python / "inkport_reader.py"], python / LINE, rounds),
        ),
        (
            "Node",
            f"onnxruntime-node {_npm_version(modules, 'onnxruntime-node')}",
            [web / "inkport"],
            node,
            costs(["node", web / "read.mjs"], web / LINE, rounds),
        ),
        (
            "browser",
            f"onnxruntime-web {_npm_version(modules, 'onnxruntime-web')}",
            [web / "inkport"],
            wasm,
            measure_page(web, rounds),
        ),
    ]
    return [
        Binding(
            binding=name,
            engine=engine,
            model_bytes=size([model.file(".onnx")]),
            code_bytes=size(code),
            engine_bytes=size(parts),
            engine_gzip_bytes=zipped(parts),
            open_ms=opened,
            self_test_ms=tested,
            peak_mib=peak,
        )
        for name, engine, code, parts, (opened, tested, peak) in rows
    ]


def measure_page(web: Path, rounds: int) -> tuple[float, float, float | None]:
    """Return from loading to the text, self-test, and memory of the page, each the least of a few loads."""
    with served(web) as (load, _):
        found = [load() for _ in range(rounds)]
    if wrong := [one for one in found if not str(one.get("test", "")).startswith("all stages are right")]:
        raise SystemExit(f"the page: {wrong[0]}")
    tests = [float(re.findall(r"\((\d+) ms\)", str(one["test"]))[0]) for one in found]
    peaks = [one["renderer_mib"] for one in found if one["renderer_mib"] is not None]
    return min(float(one["ms"]) for one in found), min(tests), min(peaks, default=None)


def race(model: Artifact, cpp: Path, count: int, rounds: int) -> Race:
    """Read lines in C++ and in Python in turns, from the file to the text."""
    images = [line.image for line in read_lines([SAMPLES])][:count]
    spec, taken, texts = model.spec, {"cpp": [], "python": []}, {"cpp": [], "python": []}
    command = [cpp / "build" / "inkport-read", "--time", cpp, *images]
    with closing(load_runtime("onnxruntime").open(model, device="cpu", options=SessionOptions())) as session:
        for _ in range(rounds):
            rows = [row.split("\t") for row in run(command, {LIBRARY: str(engine_library())})[2].splitlines()]
            taken["cpp"].append([float(row[1]) for row in rows])
            texts["cpp"] = [row[2] for row in rows]
            times, texts["python"] = [], []
            for image in images:
                start = time.perf_counter_ns()
                tensor = prepare_bytes(to_bytes(load_pixels(image)), spec.preprocess)
                text = greedy(session.run(normalise(tensor, spec.preprocess))[0], spec.charset).text
                times.append((time.perf_counter_ns() - start) / 1e6)
                texts["python"].append(text)
            taken["python"].append(times)
    least = {way: [min(times) for times in zip(*found, strict=True)] for way, found in taken.items()}
    ratios = [a / b for a, b in zip(least["cpp"], least["python"], strict=True)]
    middle = quantile(ratios, 0.5)
    return Race(
        lines=len(images),
        rounds=rounds,
        cpp_ms=quantile(least["cpp"], 0.5).value,
        python_ms=quantile(least["python"], 0.5).value,
        ratio=middle.value,
        interval=(middle.low, middle.high),
        total_ratio=sum(least["cpp"]) / sum(least["python"]),
        same_texts=sum(a == b for a, b in zip(texts["cpp"], texts["python"], strict=True)),
    )


def convert(model: Artifact, work: Path) -> OrtFormat:
    """Convert the model to ONNX Runtime's own format."""
    # The converter writes beside the model, too.
    out = work / "made"
    out.mkdir(parents=True)
    copied = shutil.copy(model.file(".onnx"), work)
    tool = [sys.executable, "-m", "onnxruntime.tools.convert_onnx_models_to_ort", copied, "--output_dir", out]
    subprocess.run([*tool, "--optimization_style", "Fixed"], check=True, capture_output=True)
    (made,), (config,) = out.glob("*.ort"), out.glob("*.config")
    rows = [row for row in config.read_text().splitlines() if row and not row.startswith("#")]
    operators = {name for row in rows for name in row.split(";")[-1].split(",")}
    return OrtFormat(onnx_bytes=size([model.file(".onnx")]), ort_bytes=size([made]), operators=len(operators))


def tables(bindings: Sequence[Binding], found: Race, ort: OrtFormat) -> str:
    """Return the report as Markdown."""
    columns = (
        "binding",
        "engine",
        "model MB",
        "code kB",
        "engine MB",
        "gzip MB",
        "open ms",
        "self-test ms",
        "peak MiB",
    )
    rows = [
        (
            b.binding,
            b.engine,
            f"{b.model_bytes / 1e6:.1f}",
            f"{b.code_bytes / 1e3:.0f}",
            f"{b.engine_bytes / 1e6:.1f}",
            f"{b.engine_gzip_bytes / 1e6:.1f}",
            f"{b.open_ms:.0f}",
            f"{b.self_test_ms:.0f}",
            "-" if b.peak_mib is None else f"{b.peak_mib:.0f}",
        )
        for b in bindings
    ]
    return f"""# What the bindings cost

convtext-tiny in int8; made by `python scripts/measure_bundles.py`, which says how.

{markdown_table(Table(columns, tuple(rows), 2)).strip()}

`open` is CPU time of a process that opens the bundle and ends; in the browser, by its clock, from the beginning of the
page's loading to the text of a dropped line. `peak` is the whole process, in the browser that of the page.

From file to text, {found.lines} sample lines, least of {found.rounds} rounds in turns, one thread: C++
{found.cpp_ms:.1f} ms, Python {found.python_ms:.1f} ms per line (medians). C++ takes {found.ratio:.2f} of Python's time
(median over the lines; {found.total_ratio:.2f} of the sums). {found.same_texts} of {found.lines} texts are equal.

In ONNX Runtime's own format (`.ort`), which reduced builds of it read, the model has {ort.ort_bytes / 1e6:.2f} MB
instead of {ort.onnx_bytes / 1e6:.2f}; such a build needs {ort.operators} operators.
"""


def _machine() -> str:
    return {"x86_64": "x64", "aarch64": "arm64"}[os.uname().machine]


def _npm_version(modules: Path, package: str) -> str:
    found: str = json.loads((modules / package / "package.json").read_text(encoding="utf-8"))["version"]
    return found


def make_all(model: Artifact, work: Path) -> dict[str, Path]:
    """Make the bundles, and build the C++ one."""
    folders = {name: work / name for name in ("cpp", "python", "web")}
    for name, folder in folders.items():
        # The page that uses the browser's bundle asks for its language model, too.
        lm = find_lm(Path("fr-en")) if name == "web" else None
        make_bundle(BundleRequest(model=model, platform=name, lines=read_lines([SAMPLES]), lm=lm), folder)
    cmake, build = shutil.which("cmake") or "cmake", folders["cpp"] / "build"
    subprocess.run([cmake, "-S", folders["cpp"], "-B", build], check=True, capture_output=True)
    subprocess.run([cmake, "--build", build], check=True, capture_output=True)
    (folders["web"] / "node_modules").symlink_to(modules_folder().resolve() / "node_modules")
    return folders


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("docs/results/bundles"))
    asked = parser.parse_args()
    model = bundled_artifacts()[0]
    with TemporaryDirectory() as folder:
        folders = make_all(model, Path(folder))
        bindings = measure_bindings(model, folders, asked.rounds)
        found = race(model, folders["cpp"], asked.lines, asked.rounds)
        ort = convert(model, Path(folder) / "ort")
    record = {
        "environment": to_plain(read_environment(threads=1)),
        "bindings": [asdict(one) for one in bindings],
        "file_to_text": asdict(found),
        "ort_format": asdict(ort),
    }
    text = tables(bindings, found, ort)
    write_atomically(asked.out.with_suffix(".json"), (json.dumps(record, indent=1) + "\n").encode())
    write_atomically(asked.out.with_suffix(".md"), text.encode())
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
