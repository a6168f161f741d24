"""``inkport compare``."""

from __future__ import annotations

from pathlib import Path

from inkport.benchmarks.checks.compare.document import read_report
from inkport.benchmarks.checks.compare.judge import Tolerance, compare_runs
from inkport.benchmarks.checks.compare.sections import present
from inkport.benchmarks.report.files import write_views
from inkport.benchmarks.report.junit import junit_xml
from inkport.benchmarks.report.text import render_text
from inkport.commands._options import Json, OutFile, OutFolder
from inkport.commands._output import deliver
from inkport.core.console import json_for_stdout
from inkport.core.errors import UsageError
from inkport.core.files import write_atomically


def compare(
    before: Path,
    after: Path,
    /,
    *,
    max_cer: float | None = Tolerance.max_cer,
    max_slower: float = Tolerance.max_slower,
    allow_other_data: bool = False,
    json_: Json = False,
    junit: OutFile | None = None,
    out: OutFolder | None = None,
) -> int:
    """Show what changed between two reports of ``inkport verify``, with intervals.

    Exit code 0: no target regressed; 1: one did: its outcome got worse, its CER is proven to have risen by
    more than is tolerated, or it is slower beyond tolerance and noise; 2: the reports cannot be compared.

    Args:
        before: The baseline's report.json.
        after: The report.json that is compared with it.
        max_cer: CER increase that is tolerated, as a rate (0.005 is half a point); each target's own
            cer_margin if left out.
        max_slower: Share by which a target may become slower, on top of the machine's noise.
        allow_other_data: Compare reports of different lines, without judging the CER.
        json_: Print the comparison as JSON instead of the table.
        junit: Also write the comparison as JUnit XML to this file.
        out: Write compare.json and its views (.html, .md, .txt, .xml) into this folder, too.
    """
    if max_slower < 0 or (max_cer is not None and max_cer < 0):
        raise UsageError(f"--max-cer {max_cer} --max-slower {max_slower}: neither may be negative")
    tolerance = Tolerance(max_cer=max_cer, max_slower=max_slower)
    found = compare_runs(
        read_report(before), read_report(after), tolerance=tolerance, allow_other_data=allow_other_data
    )

    shown = present(found)

    def write() -> None:
        if junit is not None:
            write_atomically(junit, junit_xml(shown.title, shown.cases, timestamp=shown.created))
        if out is not None:
            write_views(shown, out, stem="compare", json=found.to_json())

    text = json_for_stdout(found.to_json()) if json_ else render_text(shown)
    return deliver(text, files=write, code=found.exit_code)
