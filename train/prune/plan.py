"""From a scan and a wanted speed to a ratio per group, and as a TOML file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inkport.core.config import parse_config
from inkport.core.documents import read_toml
from inkport.core.errors import UsageError
from inkport.train.prune.apply import Pruning
from inkport.train.prune.scan import Scan


@dataclass(frozen=True, kw_only=True)
class Option:
    """What one group can give."""

    ratio: float
    """Share of it to remove."""
    saved: float
    """Share of the whole cost that this saves."""
    loss: float
    """CER that it costs; never below 0, because a gain without fine-tuning is noise."""


Options = Mapping[str, tuple[Option, ...]]
"""The options of each group."""


def options_of(scan: Scan, *, most_loss: float | None = None) -> Options:
    """Return what each group can give, by a scan.

    Args:
        scan: The scan.
        most_loss: CER points (0.01 is one point) from which an option is out of the question.
    """
    base = scan.base
    found: dict[str, tuple[Option, ...]] = {}
    for trial in scan.trials[1:]:
        option = Option(ratio=trial.ratio, saved=1 - trial.cost / base.cost, loss=max(0.0, trial.cer - base.cer))
        if option.saved > 0 and (most_loss is None or option.loss <= most_loss):
            found[trial.group] = (*found.get(trial.group, ()), option)
    return found


def make_plan(
    options: Options, share: float, *, cost: Callable[[Mapping[str, float]], float] | None = None
) -> dict[str, float]:
    """Return ratios that bring the cost down to a share of what it was, greedily by least loss per saved cost.

    Each step takes the option, of any group, that loses least CER per cost that it saves beyond what the group
    gives already. So each group walks along the lower convex hull of its options, and if losses and savings add up,
    no other choice saves as much and loses less.

    Args:
        options: What each group can give.
        share: Wanted cost, as a share of the cost before, within 0..1.
        cost: Share of the cost that stays under given ratios; the sum of what the options save if left out.

    Raises:
        UsageError: If the share is out of range, or all options together do not reach it.
    """
    if not 0 < share <= 1:
        raise UsageError(f"the wanted share of the cost lies within 0..1, found {share}")
    taken: dict[str, Option] = {}

    def stays() -> float:
        if cost is not None:
            return cost({name: option.ratio for name, option in taken.items()})
        return 1 - sum(option.saved for option in taken.values())

    while (left := stays()) > share + 1e-9:
        step = _cheapest(options, taken)
        if step is None:
            raise UsageError(
                f"all that was tried together leaves {left:.3f} of the cost, wanted is {share}",
                remedy="scan higher ratios or more groups, or allow more loss",
            )
        name, option = step
        for inner in [other for other in taken if other.startswith(f"{name}.")]:
            del taken[inner]
        taken[name] = option
    return {name: option.ratio for name, option in sorted(taken.items())}


def _cheapest(options: Options, taken: Mapping[str, Option]) -> tuple[str, Option] | None:
    """Return the next step: least loss per saved cost, of equals the one that saves most."""
    best: tuple[tuple[float, float], str, Option] | None = None
    for name, some in options.items():
        if _block(name) in taken and name != _block(name):
            continue
        # A block's removal takes the place of what was taken inside it.
        replaced = [option for other, option in taken.items() if other == name or other.startswith(f"{name}.")]
        saved, loss = sum(o.saved for o in replaced), sum(o.loss for o in replaced)
        for option in some:
            if option.saved - saved <= 1e-12:
                continue
            rank = ((option.loss - loss) / (option.saved - saved), saved - option.saved)
            if best is None or rank < best[0]:
                best = (rank, name, option)
    return None if best is None else best[1:]


def _block(name: str) -> str:
    """Return ``encoder.0`` of ``encoder.0.heads``."""
    return ".".join(name.split(".")[:2])


def load_pruning(path: Path) -> Pruning:
    """Read a pruning.

    Raises:
        RecipeError: If the file is missing, is not TOML, or has an unknown key or a wrong type.
        UsageError: If a value is out of range.
    """
    return parse_config(Pruning, read_toml(path), where=str(path))


def format_pruning(pruning: Pruning, *, note: str) -> str:
    """Return a pruning as TOML, with a note as its first line."""
    lines = [
        f"# {note}",
        f'importance = "{pruning.importance.value}"',
        f"multiple = {pruning.multiple}",
        "",
        "[ratios]",
    ]
    lines += [f'"{name}" = {float(ratio)}' for name, ratio in pruning.ratios.items()]
    return "\n".join(lines) + "\n"
