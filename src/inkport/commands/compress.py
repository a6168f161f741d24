"""``inkport compress``."""

from __future__ import annotations

import sys
from pathlib import Path

from inkport.benchmarks.run.progress import shown_progress
from inkport.commands._model import resolve_model
from inkport.commands._options import Json, OutArtifact, OutFolder, Threads
from inkport.commands._output import deliver, say
from inkport.compress.compress import Compressed, CompressRequest, compress as run_compress, parse_budget
from inkport.compress.lines import LineIndex
from inkport.compress.recipe import load_compress_recipe
from inkport.compress.stage import Context
from inkport.compress.store import copy_artifact
from inkport.compress.views import render_text
from inkport.core.console import json_for_stdout, results_only
from inkport.core.errors import UsageError
from inkport.core.target import Budget


@results_only()
def compress(
    recipe: Path,
    /,
    *,
    out: OutFolder = Path("out/compress"),
    budget: str | None = None,
    select_out: OutArtifact | None = None,
    threads: Threads | None = None,
    json_: Json = False,
) -> int:
    """Make smaller and faster models from one checkpoint, stage by stage, and find those worth having.

    If killed and started again, it continues where it stopped; a second run repeats nothing whose
    inputs are unchanged. Exit code 0: all well; 1: a stage or member failed, or none is within the budget; 2: the
    request or its data is wrong; 3: something is not available here.

    Args:
        recipe: TOML file; docs/compress.md describes every key.
        out: Folder for the stages, what was measured, compress.json, compress.md and compress.svg.
        budget: Choose the fastest member that is proven on val to lose no more: cer=0.3 allows 0.3 points of CER.
        select_out: Folder that the chosen artifact is copied to.
        threads: CPU threads of trainings; torch decides if left out. Members are measured as the recipe says.
        json_: Print the report as JSON instead of the table.
    """
    allowed = None if budget is None else parse_budget(budget)
    if select_out and allowed is None:
        raise UsageError("--select-out copies what a budget chooses", remedy="add --budget cer=0.3")
    if threads is not None and threads < 1:
        raise UsageError(f"--threads {threads}: must be at least 1")
    settings, base = load_compress_recipe(recipe), recipe.parent.resolve()
    named = base / settings.start
    with shown_progress() as progress:
        context = Context(
            base=base,
            lines=settings.lines,
            index=LineIndex(),
            exports=out / "exports",
            threads=threads,
            say=say,
            progress=progress,
        )
        request = CompressRequest(
            recipe=settings,
            name=recipe.name,
            start=resolve_model(str(named) if named.exists() else settings.start, work=out / "start"),
            context=context,
            out=out,
            margin=Budget.cer_margin if allowed is None else allowed,
            budget=allowed,
        )
        done = run_compress(request)
    return deliver(
        json_for_stdout(done.report.to_json()) if json_ else render_text(done.report),
        files=lambda: _select(done, select_out) if select_out else None,
        where=f"{out / 'compress.md'} (also .json and .svg)",
        code=done.report.exit_code,
    )


def _select(done: Compressed, out: Path) -> None:
    choice = done.report.choice
    if choice is None or choice.member is None:
        sys.stderr.write(f"nothing is copied to {out}: no member keeps the budget\n")
        return
    artifact = copy_artifact(done.artifacts[choice.member], out)
    sys.stderr.write(f"{choice.member}: {artifact.path} ({artifact.digest})\n")
