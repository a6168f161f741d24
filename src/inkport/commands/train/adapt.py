"""``inkport train adapt`` and ``inkport train adapt curve``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.progress import shown_progress
from inkport.commands._lines import LineSets
from inkport.commands._model import shipped_weights
from inkport.commands._options import Assignments, Jobs, OutFile, OutFolder, Skip, Threads
from inkport.commands._output import deliver, say
from inkport.commands._request import problems_of
from inkport.core.config import parse_config, to_plain
from inkport.core.documents import read_toml
from inkport.core.errors import UsageError, needing
from inkport.core.files import sha256_file, write_atomically
from inkport.lines.line import Line
from inkport.lines.roles import refuse_test_lines
from inkport.lines.source import digest_lines, read_lines, source_name
from inkport.train.adapt.curve_report import AdaptReport, points_of, to_markdown, to_svg
from inkport.train.overrides import merge, parse_overrides


if TYPE_CHECKING:
    from inkport.train.adapt.adapt import AdaptSettings
    from inkport.train.adapt.exposure import Exposure

adapt = App(name="adapt", help="Adapt a recogniser to one hand with few of its lines, and measure what that brings.")

Counts = Annotated[tuple[int, ...], Parameter(consume_multiple=True)]


@adapt.default
def run(
    *,
    lines: LineSets,
    out: OutFile,
    weights: Path | None = None,
    rehearse: LineSets = (),
    skip: Skip = "",
    settings: Path | None = None,
    set_: Assignments = (),
    version: str | None = None,
    threads: Threads | None = None,
) -> None:
    """Fine-tune weights on a few lines by one writer.

    The result is a mixture of the fine-tuned weights with those it started from, in shares that cross-validation over
    the given lines chooses. The same arguments give the same weights.

    Args:
        lines: Line sets of the writer: Parquet files, TSV manifests, folders.
        out: The new weights file.
        weights: Weights to start from (.safetensors); the shipped ones if left out.
        rehearse: Line sets of other writers, some lines of which are mixed in so that these are not forgotten.
        skip: Problems whose lines are left out and counted, instead of refused.
        settings: TOML file with settings; the documentation's page on adaptation lists them.
        set_: Change one of them, KEY=VALUE as in TOML: `--set extend_charset=true` adds symbols that the recogniser
            lacks, `--set steps=200`, `--set seed=2`, `--set 'freeze=["cnn"]'`; once per key.
        version: Version of the result; that of the start weights if left out.
        threads: CPU threads; torch decides if left out.
    """
    torch = _torch()
    from inkport.model.weights import save_weights
    from inkport.train.adapt.adapt import AdaptRequest, adapt as adapt_weights

    if threads is not None:
        torch.set_num_threads(threads)
    request = AdaptRequest(
        start=weights or shipped_weights(),
        lines=list(refuse_test_lines(read_lines(lines), purpose="adaptation")),
        sources=lines,
        rehearse=list(refuse_test_lines(read_lines(rehearse), purpose="adaptation")),
        settings=_settings(settings, set_, skip),
    )
    adapted = adapt_weights(request, say=say)
    result = adapted.weights
    if version is not None:
        result = replace(result, spec=replace(result.spec, version=version))
    save_weights(out, result)
    sys.stdout.write(f"share of the adapted weights {adapted.share:g}: {out}\n")


@adapt.command
def curve(
    *,
    pool: LineSets,
    test: LineSets,
    out: OutFolder,
    weights: Path | None = None,
    others: LineSets = (),
    most_others: int = 0,
    rehearse: LineSets = (),
    counts: Counts = (10, 50, 200),
    draws: int = 3,
    base_lines: LineSets = (),
    skip: Skip = "",
    settings: Path | None = None,
    set_: Assignments = (),
    jobs: Jobs = 1,
    threads: Threads | None = None,
) -> int:
    """Measure how much lines by a writer that the recogniser has never seen help: CER against their number.

    Weights that have seen the writer are refused, as far as their provenance shows. If killed and started again,
    it continues after the last adaptation that ended.

    Args:
        pool: Line sets of the writer to draw from.
        test: Line sets of the writer to read; nothing is chosen by them.
        out: Folder for curve.json, curve.md, curve.svg, and a file per adaptation.
        weights: Weights that have not seen the writer; the shipped ones if left out.
        others: Line sets of other writers to read, too: what is forgotten.
        most_others: Maximum number of lines per data set of these (the first ones); 0 for all.
        rehearse: As in `inkport train adapt`.
        counts: Numbers of lines to adapt to; 0 comes by itself.
        draws: Draws of lines. Within a draw the smaller numbers are parts of the larger ones.
        base_lines: The line sets that the weights were trained on, in the order of their recipe: proves by their
            digest that the writer is not among them.
        skip: As in `inkport train adapt`.
        settings: As in `inkport train adapt`.
        set_: As in `inkport train adapt`.
        jobs: Processes, with one adaptation at a time each.
        threads: CPU threads per process; torch decides if left out.
    """
    _torch()
    from inkport.train.adapt.curve import Experiment, run_experiment

    if jobs < 1 or most_others < 0:
        raise UsageError(f"--jobs {jobs} --most-others {most_others}: jobs must be at least 1, the other at least 0")
    experiment = Experiment(
        weights=weights or shipped_weights(),
        pool=list(refuse_test_lines(read_lines(pool), purpose="adaptation")),
        test=list(read_lines(test)),
        others=_first(read_lines(others), most_others),
        rehearse=list(refuse_test_lines(read_lines(rehearse), purpose="adaptation")),
        counts=counts,
        draws=draws,
        settings=_settings(settings, set_, skip),
    )
    exposure = _check_exposure(experiment.weights, [*pool, *test], [*experiment.pool, *experiment.test], base_lines)
    with shown_progress() as progress:

        def tell(done: int, total: int) -> None:
            progress("adapting", done, total)

        cells = run_experiment(experiment, out / "cells", jobs=jobs, threads=threads, say=say, report=tell)
    report = AdaptReport(
        model=_describe_model(experiment.weights, exposure),
        data={
            "pool": _describe_lines(pool, experiment.pool),
            "test": _describe_lines(test, experiment.test),
            "others": _describe_lines(others, experiment.others),
            "rehearse": _describe_lines(rehearse, experiment.rehearse),
        },
        settings={"counts": list(counts), "draws": draws, "nested": True, **to_plain(experiment.settings)},
        environment=to_plain(read_environment(threads=threads or 0)),
        points=points_of(experiment, cells),
    )

    def write() -> None:
        write_atomically(out / "curve.json", report.to_json())
        write_atomically(out / "curve.md", to_markdown(report))
        write_atomically(out / "curve.svg", to_svg(report))

    return deliver(to_markdown(report), files=write, where=str(out / "curve.json"))


def _torch() -> Any:
    with needing("adapting", extra="train"):
        import torch
    return torch


def _settings(path: Path | None, assignments: Sequence[str], skip: str) -> AdaptSettings:
    from inkport.train.adapt.adapt import AdaptSettings

    values = merge({} if path is None else read_toml(path), parse_overrides(assignments))
    if skip:
        values["skip"] = list(problems_of(skip))
    return parse_config(AdaptSettings, values, where="options" if path is None else str(path))


def _check_exposure(weights: Path, held: Sequence[Path], lines: Sequence[Line], base_lines: Sequence[Path]) -> Exposure:
    from inkport.model.weights import load_weights
    from inkport.train.adapt.exposure import Verdict, exposure_by_contents, exposure_by_lines, exposure_by_names

    provenance = load_weights(weights).provenance
    names = exposure_by_names(provenance, [source_name(path) for path in held], {line.dataset for line in lines})
    exposure = exposure_by_contents(provenance, lines) or names
    if names.verdict is not Verdict.SEEN and base_lines:
        exposure = exposure_by_lines(provenance, list(read_lines(base_lines)), lines)
    if exposure.verdict is Verdict.SEEN:
        raise UsageError(
            f"{weights} has seen the hand that is to be held out: {exposure.reasons[0]}",
            remedy="take weights that were trained without it",
        )
    if exposure.verdict is Verdict.UNDECIDED:
        say(f"not decided whether the weights have seen the hand: {'; '.join(exposure.reasons)}")
    return exposure


def _describe_model(weights: Path, exposure: Exposure) -> dict[str, Any]:
    from inkport.model.weights import load_weights

    spec = load_weights(weights).spec
    return {
        "name": spec.name,
        "version": spec.version,
        "sha256": sha256_file(weights),
        "exposure": to_plain(exposure),
    }


def _describe_lines(sources: Sequence[Path], lines: Sequence[Line]) -> dict[str, Any]:
    return {"sources": [source_name(path) for path in sources], "lines": len(lines), "sha256": digest_lines(lines)}


def _first(lines: Any, most: int) -> list[Line]:
    taken: dict[str, int] = {}
    kept = []
    for line in lines:
        taken[line.dataset] = taken.get(line.dataset, 0) + 1
        if not most or taken[line.dataset] <= most:
            kept.append(line)
    return kept
