"""``inkport train run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkport.benchmarks.run.progress import Progress, shown_progress, silent
from inkport.commands._options import Assignments, OutFolder, Threads
from inkport.commands._output import say
from inkport.core.errors import needing


if TYPE_CHECKING:
    from collections.abc import Callable

    from inkport.lines.audit import Audit
    from inkport.train.prepare import Prepared


def run(
    recipe: Path,
    /,
    *,
    out: OutFolder,
    threads: Threads | None = None,
    set_: Assignments = (),
) -> None:
    """Train a recogniser from a recipe, on CUDA if there is one, else on the CPU.

    If killed and started again with the same arguments, it continues from its last checkpoint and ends with the
    weights of an uninterrupted run. Several processes: ``torchrun --nproc-per-node 2 -m inkport train run ...``.

    Args:
        recipe: TOML file; ``recipes/`` has examples, ``docs/training.md`` describes every key.
        out: Folder for ``best.safetensors`` (by validation CER), ``last.safetensors``,
            ``checkpoint.safetensors`` and ``log.jsonl``; ``tensorboard`` in it where TensorBoard is installed.
        threads: CPU threads per process; torch decides if left out.
        set_: Change keys of the recipe: key=value as in TOML, dots for sections, for example ``--set optim.lr=5e-4``;
            once per key.
    """
    with needing("training", extra="train"):
        import torch
    from inkport.train.device import join, leave
    from inkport.train.loop import Trainer
    from inkport.train.overrides import parse_overrides
    from inkport.train.prepare import prepare_data
    from inkport.train.recipe import load_recipe
    from inkport.train.viewers import installed_viewers

    settings = load_recipe(recipe, parse_overrides(set_))
    if threads is not None:
        torch.set_num_threads(threads)
    data = prepare_data(settings, recipe.parent)
    group = join()
    try:
        if group.leads:
            for name, audit in (("train", data.train), ("unlabelled", data.unlabelled), ("val", data.val)):
                if audit is not None:
                    say(f"{name}: {_audit_report(audit)}")
            if warning := _unlearnt(data):
                say(f"val: warning: {warning}")
        with shown_progress() as progress, installed_viewers(out, leads=group.leads) as viewers:
            report = _telling(progress, settings.optim.steps)
            trainer = Trainer(settings, data, out, group=group, report=report, viewers=viewers)
            if group.leads and trainer.step:
                say(f"continuing after step {trainer.step}")
            best = trainer.run()
    finally:
        leave(group)
    if group.leads:
        sys.stdout.write(f"best validation CER {best:.4f}: {out / 'best.safetensors'}\n")


def _audit_report(audit: Audit) -> str:
    named = "".join(f"\n  skipped {f.id}: {f.problem}: {f.detail}" for f in audit.findings)
    return audit.summary() + named


def _unlearnt(data: Prepared) -> str:
    known = data.spec.charset
    lines = [line for line in data.val.lines if known.unknown(line.text)]
    symbols = sorted({symbol for line in lines for symbol in known.unknown(line.text)})
    if not lines:
        return ""
    return f"{len(lines)} lines have symbols that no training line has, which count as errors: {' '.join(symbols)}"


def _telling(progress: Progress, steps: int) -> Callable[[dict[str, Any]], None]:
    """Return a function that shows log entries: as progress on a terminal, as lines elsewhere."""

    def show(entry: dict[str, Any]) -> None:
        step = entry["step"]
        if "val_cer" in entry:
            rates = ", ".join(f"{name} {rate:.4f}" for name, rate in entry["val_cer"].items())
            say(f"step {step}/{steps}  validation CER: {rates}")
            return
        text = f"loss {entry['loss']:.3f}, {entry['lines_per_s']:.0f} lines/s, data wait {entry['data_wait']:.1%}"
        progress(text, step, steps)
        if progress is silent:
            say(f"step {step}/{steps}  {text}")

    return show
