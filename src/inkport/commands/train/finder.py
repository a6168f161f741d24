"""``inkport train finder``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkport.benchmarks.run.progress import Progress, shown_progress, silent
from inkport.commands._options import OutFolder, Threads
from inkport.commands._output import say
from inkport.core.errors import needing


if TYPE_CHECKING:
    from collections.abc import Callable


def finder(recipe: Path, /, *, out: OutFolder, threads: Threads | None = None) -> None:
    """Train a line finder on pages whose lines are known, on the CPU.

    If killed and started again with the same arguments, it continues from its last checkpoint and ends with the
    weights of an uninterrupted run.

    Args:
        recipe: TOML file; ``recipes/finder.toml`` is one, ``docs/training.md`` describes every key.
        out: Folder for ``finder.safetensors`` (the last weights), ``best.safetensors`` (by recall and precision),
            ``checkpoint.safetensors`` and ``log.jsonl``; ``tensorboard`` in it where TensorBoard is installed.
        threads: CPU threads; torch decides if left out.
    """
    with needing("training", extra="train"):
        import torch
    from inkport.train.finder.loop import BEST, FinderTrainer
    from inkport.train.finder.prepare import prepare_pages
    from inkport.train.finder.recipe import load_finder_recipe
    from inkport.train.viewers import installed_viewers

    settings = load_finder_recipe(recipe)
    if threads is not None:
        torch.set_num_threads(threads)
    data = prepare_pages(settings, recipe.parent)
    for name, pages in (("train", data.train), ("val", data.val)):
        say(f"{name}: {len(pages)} pages, {sum(len(page.lines) for page in pages)} lines")
    with shown_progress() as progress, installed_viewers(out) as viewers:
        trainer = FinderTrainer(settings, data, out, report=_telling(progress, settings.optim.steps), viewers=viewers)
        if trainer.step:
            say(f"continuing after step {trainer.step}")
        best = trainer.run()
    sys.stdout.write(f"best mean of recall and precision {best:.4f}: {out / BEST}\n")


def _telling(progress: Progress, steps: int) -> Callable[[dict[str, Any]], None]:
    """Return a function that shows log entries: as progress on a terminal, as lines elsewhere."""

    def show(entry: dict[str, Any]) -> None:
        step = entry["step"]
        if "val_recall" in entry:
            recall, precision = entry["val_recall"], entry["val_precision"]
            rates = ", ".join(f"{name} {recall[name]:.4f} {precision[name]:.4f}" for name in recall)
            say(f"step {step}/{steps}  recall and precision: {rates}")
            return
        text = f"loss {entry['loss']:.3f}"
        progress(text, step, steps)
        if progress is silent:
            say(f"step {step}/{steps}  {text}")

    return show
