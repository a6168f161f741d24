"""Import PP-OCRv6_rec_small as RapidOCR distributes it, and prove its ports on lines: docs/results/ppocr.json.

    pip install rapidocr==3.10.0
    python scripts/ports_ppocr.py --calibration train-*.parquet --lines test-*.parquet

Exit code and report are those of `inkport verify`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from inkport.core.scratch import scratch
from inkport.export.import_.importer import examine, write_import


MODEL = "models/PP-OCRv6_rec_small.onnx"
"""Where the model lies in the package, of which no code is run."""
TARGETS = Path(__file__).parents[1] / "docs/results/ppocr-targets.toml"
"""What is proven."""


def main() -> int:
    """Import, take some lines of each set, and verify."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", nargs="+", type=Path, required=True, help="test sets (.parquet)")
    parser.add_argument("--calibration", nargs="+", type=Path, required=True, help="training sets (.parquet)")
    parser.add_argument("--count", type=int, default=300, help="test lines, of each set as many")
    parser.add_argument("--calibrated", type=int, default=24, help="calibration lines, of each set as many")
    parser.add_argument("--out", type=Path, default=Path("out/ppocr"), help="folder of the report")
    parser.add_argument("--model", type=Path, help="the ONNX file; that of the installed rapidocr if left out")
    given = parser.parse_args()
    with scratch("ppocr") as folder:
        imported = folder / "PP-OCRv6_rec_small"
        write_import(examine(given.model or installed(), like="paddle-rec"), imported)
        tests = [first(path, -(-given.count // len(given.lines)), folder / "lines") for path in given.lines]
        known = [first(path, -(-given.calibrated // len(given.calibration)), folder) for path in given.calibration]
        command = [sys.executable, "-P", "-m", "inkport", "verify", imported, "--targets", TARGETS, "--out", given.out]
        command += ["--skip", "too-few-frames", "--latency-lines", "0", "--lines", *tests, "--calibration", *known]
        return subprocess.run(list(map(str, command)), check=False).returncode


def installed() -> Path:
    """Return the model of the installed package."""
    found = find_spec("rapidocr")
    if found is None or found.origin is None:
        sys.exit("rapidocr is not installed\nfix: pip install rapidocr==3.10.0, or pass --model")
    return Path(found.origin).parent / MODEL


def first(path: Path, count: int, folder: Path) -> Path:
    """Write the first lines of a set as a set of its own, with the same name."""
    from pyarrow import parquet

    folder.mkdir(exist_ok=True)
    parquet.write_table(parquet.read_table(path).slice(0, count), folder / path.name)
    return folder / path.name


if __name__ == "__main__":
    sys.exit(main())
