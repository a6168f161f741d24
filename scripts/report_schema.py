"""Writes the JSON Schemas of all reports and of what `inkport read` prints, made of their dataclasses.

usage: python scripts/report_schema.py [--check]

``--check`` writes nothing: it fails where a shipped file is not what would be written.
"""

from __future__ import annotations

import argparse
import sys

from inkport.benchmarks.checks.bench.measure import BENCH
from inkport.benchmarks.checks.compare.judge import Comparison
from inkport.benchmarks.checks.debug.result import DEBUG
from inkport.benchmarks.checks.flips.forecast import FLIP_FORECAST
from inkport.benchmarks.checks.invariance.relations import INVARIANCE
from inkport.benchmarks.checks.kit.check import KIT_CHECK
from inkport.benchmarks.checks.peers.reading import PeersReport
from inkport.benchmarks.report.envelope import VERIFY
from inkport.benchmarks.report.schema import (
    FILE,
    PAGES_FILE,
    READING_FILE,
    make_pages_schema,
    make_reading_schema,
    make_schema,
    write_schema,
)
from inkport.compress.members import CompressReport
from inkport.core.files import write_atomically
from inkport.export.quantize.search.scan_report import ScanReport
from inkport.train.ablation.ablation_report import AblationReport
from inkport.train.adapt.curve_report import AdaptReport


REPORTS = (
    *(VERIFY, BENCH, FLIP_FORECAST, INVARIANCE, DEBUG, KIT_CHECK),
    *(Comparison, PeersReport, CompressReport, AblationReport, AdaptReport, ScanReport),
)
"""What each report adds to the envelope, or the class of one that has no targets."""


def main() -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail where the file is not what would be written")
    check = parser.parse_args().check
    stale = 0
    written = {FILE: make_schema(REPORTS), READING_FILE: make_reading_schema(), PAGES_FILE: make_pages_schema()}
    for file, schema in written.items():
        text = write_schema(schema) + "\n"
        if not check:
            write_atomically(file, text)
        elif file.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{file.name} is not made of today's dataclasses: python scripts/report_schema.py\n")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
