"""``inkport verify``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from inkport.benchmarks.checks.verify import verify as run_harness
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.files import write_report
from inkport.benchmarks.report.rows import flips_by_line
from inkport.benchmarks.report.sections import present
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.progress import shown_progress
from inkport.benchmarks.run.request import VerifyOptions
from inkport.commands._device import HERE, DeviceOptions, verify_on_devices
from inkport.commands._options import OutFolder
from inkport.commands._output import as_wanted, deliver, warn_of_sharing
from inkport.commands._ports import EVERY_TARGET, KIT_TARGETS, PORTS, PortOptions
from inkport.commands._request import decoding_with, prepare_request
from inkport.core.console import json_for_stdout, results_only
from inkport.core.errors import UsageError
from inkport.core.verbosity import is_verbose
from inkport.lines.line import Line


if TYPE_CHECKING:
    from inkport.benchmarks.report.flips import Picture


@results_only()
def verify(
    model: str | None = None,
    /,
    *,
    ports: PortOptions = PORTS,
    out: OutFolder = Path("out/verify"),
    latency_lines: int = VerifyOptions.latency_lines,
    lm: Path | None = None,
    on: DeviceOptions = HERE,
) -> int:
    """Prove that ports of a model read the same text as the model, and measure how fast they are.

    Every target reads the same lines as the reference (torch in float32, or ONNX fp32 where there is no
    torch). Exit code 0: none regressed; 1: a target regressed or failed; 2: the request or its data is wrong;
    3: a required target is not available here.

    Args:
        model: A weights file, an artifact's directory, or the name of a shipped model; the shipped one if
            left out.
        ports: Targets and lines.
        out: Folder for report.json, report.md, report.html, and the exported artifacts, which the next run
            takes up again.
        latency_lines: Maximum number of lines timed per target; 0 skips the latency.
        lm: Language model to decode all logits with: fr-en, which comes with inkport, or a file with the weights
            of `inkport lm tune` beside it.
        on: Other machines to verify the targets on, instead of this one.
    """
    options = VerifyOptions(threads=ports.threads, latency_lines=latency_lines, skip=ports.problems)
    if lm and on.device:
        raise UsageError("--lm decodes on this machine, other machines return text", remedy="leave --lm out")
    if not on.device:
        warn_of_sharing(ports.threads)
    request = prepare_request(
        model,
        targets=ports.chosen(KIT_TARGETS if on.device else EVERY_TARGET),
        lines=ports.lines,
        calibration=ports.calibration,
        options=options,
        out=out,
        lm=lm,
        elsewhere=bool(on.device),
    )
    with shown_progress() as progress:
        if on.device:
            report, read = verify_on_devices(on, request, progress=progress)
        else:
            request = decoding_with(request, lm)
            report, read = run_harness(request, progress=progress), tuple(request.audit.lines)
    return deliver(
        json_for_stdout(report.to_json()) if ports.json_ else render_text(as_wanted(present(report))),
        files=lambda: write_report(report, lambda: _pictures(report, read), out, every=is_verbose()),
        where=f"{out / 'report.html'} (also .md, .txt, .xml and .json)",
        code=report.exit_code,
    )


def _pictures(report: Report, lines: Iterable[Line]) -> dict[str, Picture]:
    """Return the pictures of the flipped lines, for the page."""
    from inkport.benchmarks.report.flips import picture

    flipped = flips_by_line(report)
    return {line.id: picture(line.gray()) for line in lines if line.id in flipped}
