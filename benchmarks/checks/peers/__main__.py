"""``python -m inkport.benchmarks.checks.peers``: the shipped model beside PP-OCRv6 and Tesseract, in one run.

Needs ``pip install 'inkport[ort,parquet,peers]'``, and Tesseract's model of the language from the system.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from inkport.benchmarks.checks.peers.engines import Ours, Peer, PpOcr, Tesseract
from inkport.benchmarks.checks.peers.reading import PeersReport, describe, median_line, read_in_turns, render_markdown
from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.progress import shown_progress
from inkport.core.artifact import bundled_artifacts, load_artifact
from inkport.core.errors import LineDataError, UsageError
from inkport.core.files import require_file, write_atomically
from inkport.core.program import run_program
from inkport.lines.line import Line, digest_lines
from inkport.lines.source import read_lines, source_name


app = App(
    name="python -m inkport.benchmarks.checks.peers",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)


@app.default
def peers(
    *,
    lines: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)],
    out: Path,
    artifacts: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    count: int = 0,
    language: str = "fra",
    lm: Path | None = None,
) -> None:
    """Read lines with the shipped model, PP-OCRv6_rec_small and Tesseract, in turns, and compare CER and time.

    Args:
        lines: Line sets: Parquet files, TSV manifests, folders.
        out: Where to write the report: OUT.json and OUT.md.
        artifacts: Directories of further ONNX artifacts.
        count: Most lines per line set, at equal distances; 0 for all.
        language: Tesseract's language.
        lm: Language model for one more row of the shipped model: fr-en, which comes with inkport, or a file with the
            weights of `inkport lm tune` beside it.
    """
    files = (out.with_suffix(".json"), out.with_suffix(".md"))
    for file in files:
        require_file(file)
    if count < 0:
        raise UsageError(f"--count {count}: must be at least 0")
    chosen = [line for path in lines for line in _spread(list(read_lines([path])), count)]
    if not chosen:
        raise LineDataError("the line sets hold no line")
    contestants: list[Peer] = [Ours(load_artifact(path)) for path in artifacts]
    shipped = bundled_artifacts()[0]
    contestants += [Ours(shipped)] if lm is None else [Ours(shipped), Ours(shipped, lm=lm)]
    contestants += [Tesseract(language), PpOcr()]
    environment = read_environment(threads=1)
    shape, image = median_line(chosen)
    try:
        macs = [contestant.macs(image) for contestant in contestants]
        with shown_progress() as progress:
            answers = read_in_turns(contestants, chosen, progress)
    finally:
        for contestant in contestants:
            contestant.close()
    report = PeersReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        data_sha256=digest_lines(chosen),
        sources=tuple(source_name(path) for path in lines),
        environment=environment,
        median_line=shape,
        compared_with=contestants[-1].name,
        peers=tuple(
            describe(peer, found, answers[-1], chosen, macs=cost)
            for peer, found, cost in zip(contestants, answers, macs, strict=True)
        ),
    )
    markdown = render_markdown(report)
    # Printed first: a disk that is full by now must not take the measurement along.
    sys.stdout.write(markdown)
    write_atomically(files[0], report.to_json())
    write_atomically(files[1], markdown)


def _spread(lines: list[Line], count: int) -> list[Line]:
    """Return at most ``count`` lines at equal distances in their order, all of them for 0."""
    if not 0 < count < len(lines):
        return lines
    return [lines[index * len(lines) // count] for index in range(count)]


if __name__ == "__main__":
    sys.exit(run_program(app, sys.argv[1:]))
