"""``inkport prune groups``, ``scan``, ``plan``, ``apply`` and ``factorize``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from inkport.benchmarks.run.progress import shown_progress
from inkport.commands._lines import LineSets
from inkport.commands._options import (
    NAME_IT_FIRST,
    Count,
    OutFile,
    Skip,
    Threads,
    Words,
    refuse_impossible_numbers,
    say_skipped,
)
from inkport.commands._output import say
from inkport.core.errors import LineDataError, UsageError, needing
from inkport.core.files import sha256_file, write_atomically


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inkport.lines.audit import Audit
    from inkport.model.weights import Weights
    from inkport.train.prune.apply import Pruning
    from inkport.train.prune.importance import Calibration
    from inkport.train.prune.scan import Cost


prune = App(name="prune", help="Remove channels, heads, hidden units and blocks from trained weights.")

Measure = Literal["l1", "l2", "group-l1", "group-l2", "bn-scale", "taylor"]


@prune.command
def groups(weights: Path, /) -> None:
    """List what can be removed: name, how many, and the share of multiply-accumulates that half of it costs.

    Args:
        weights: Weights file (.safetensors) of a convtext-family network.
    """
    _need()
    from inkport.model.weights import load_weights
    from inkport.train.prune.apply import Pruning, prune_weights
    from inkport.train.prune.groups import convtext_network, prunable_groups
    from inkport.train.prune.scan import count_macs

    loaded = load_weights(weights)
    network = convtext_network(loaded)
    whole = count_macs(network, height=network.config.height)
    sys.stdout.write(f"{whole / 1e6:.1f} million multiply-accumulates in a line of 1024 columns\n")
    for name, group in prunable_groups(network.config).items():
        ratio = 1.0 if group.block else 0.5
        small = prune_weights(loaded, Pruning(ratios={name: ratio})).network()
        saved = 1 - count_macs(small, height=network.config.height) / whole
        what = "block" if group.block else str(group.size)
        sys.stdout.write(f"{name:24} {what:>6} {100 * saved:6.1f} % saved by removing {ratio:g}\n")


@prune.command
def scan(
    weights: Path,
    /,
    *,
    lines: LineSets,
    out: OutFile,
    most_lines: Count = 200,
    ratios: Annotated[tuple[float, ...], Parameter(consume_multiple=True)] = (0.125, 0.25, 0.5),
    group: Words = (),
    importance: Measure = "group-l2",
    multiple: Count = 8,
    train: LineSets = (),
    train_lines: Count = 512,
    statistics: bool = False,
    cost: Literal["macs", "latency"] = "macs",
    skip: Skip = "",
    threads: Threads = 1,
) -> None:
    """Measure the CER of every group pruned alone, without fine-tuning, and what that saves.

    If killed and started again, it continues where it stopped. Writes a Markdown table beside the JSON file.

    Args:
        weights: Weights file of a convtext-family network, pruned before or not.
        lines: Validation lines; never test lines.
        out: JSON file of the scan.
        most_lines: Lines to use, spread evenly over all.
        ratios: Shares to remove from each group; blocks are removed whole.
        group: Groups to try (`inkport prune groups` lists them); all if left out.
        importance: Importance measure that chooses what is removed; taylor needs --train.
        multiple: Multiple that sizes are rounded to.
        train: Training lines, for Taylor importance and statistics.
        train_lines: How many of them to use, spread evenly over all.
        statistics: Re-estimate batch-norm statistics on the training lines in every trial.
        cost: What a trial saves: multiply-accumulates, or measured time in ONNX Runtime, fp32, one thread.
        skip: Problems whose lines are left out and counted, instead of refused.
        threads: CPU threads of torch.
    """
    _need()
    import torch

    from inkport.lines.line import digest_lines
    from inkport.model.weights import load_weights
    from inkport.train.prune.importance import Importance
    from inkport.train.prune.scan import Scan, ScanJob, run_scan

    torch.set_num_threads(threads)
    loaded = load_weights(weights)
    _check_roles(lines, train)
    audit = _audit(lines, loaded, most_lines, skip)
    calibration = _calibration(loaded, train, train_lines, skip)
    begun = Scan(
        weights=sha256_file(weights),
        lines=digest_lines(audit.lines),
        count=len(audit.lines),
        importance=Importance(importance),
        multiple=multiple,
        statistics=statistics,
        unit="ns" if cost == "latency" else "multiply-accumulates",
        calibration=None if calibration is None else calibration.digest,
    )
    job = ScanJob(
        weights=loaded,
        lines=audit,
        cost=_cost(cost, loaded),
        calibration=calibration,
        ratios=ratios,
        groups=group,
    )
    with shown_progress() as progress:
        for number, trial in enumerate(run_scan(job, begun, out), 1):
            name = trial.group or "as it is"
            say(f"{name} {trial.ratio:g}: CER {100 * trial.cer:.2f} %, cost {trial.cost:.4g}")
            progress("pruning one group at a time", number)
    sys.stdout.write(f"{out}\n{out.with_suffix('.md')}\n")


@prune.command
def plan(weights: Path, /, *, scan: Path, share: float, out: OutFile, most_loss: float | None = None) -> None:
    """Turn a scan into ratios per group that bring the cost down to a share, at the least CER per saved cost.

    Multiply-accumulates of the whole plan are counted, measured times are taken to add up.

    Args:
        weights: The scanned weights file.
        scan: JSON file of `inkport prune scan`.
        share: Wanted cost as a share of what it is now: 0.6 for 40 % less.
        out: TOML file for `inkport prune apply --recipe`.
        most_loss: Exclude single removals that cost more than this many CER points.
    """
    _need()
    from inkport.model.weights import load_weights
    from inkport.train.prune.apply import Pruning
    from inkport.train.prune.scan import load_scan, make_plan, options_of

    found = load_scan(scan)
    if found.weights != sha256_file(weights):
        raise UsageError(f"{scan} is a scan of other weights than {weights}", remedy="scan these weights")
    options = options_of(found, most_loss=None if most_loss is None else most_loss / 100)
    measured = found.unit == "ns"
    shared = None if measured else _share_of(load_weights(weights), found.multiple)
    ratios = make_plan(options, share, cost=shared)
    note = f"By inkport prune plan: {share:g} of the {'time' if measured else 'multiply-accumulates'} of the scan."
    _write_plan(out, Pruning(ratios=ratios, importance=found.importance, multiple=found.multiple), note)


@prune.command
def apply(
    weights: Path,
    /,
    *,
    out: OutFile,
    recipe: Path | None = None,
    ratio: Words = (),
    every: float | None = None,
    importance: Measure | None = None,
    multiple: Count | None = None,
    train: LineSets = (),
    train_lines: Count = 512,
    statistics: bool = False,
    skip: Skip = "",
    version: str | None = None,
) -> None:
    """Remove what a recipe or ratios say, and write the smaller weights; fine-tune them with `inkport train run`.

    The result is weights like any others: a training's `start`, what `inkport export` takes, and what is pruned
    again in the next round.

    Args:
        weights: Weights file of a convtext-family network, pruned before or not.
        out: The new weights file.
        recipe: TOML file with `importance`, `multiple` and a table `ratios`, as `inkport prune plan` writes it.
        ratio: Ratios of single groups, as `stage.0=0.25`; a block is removed by 1. They override the recipe's.
        every: Ratio of all groups of channels, heads and hidden units that nothing else names.
        importance: Importance measure that chooses what is removed; that of the recipe, or group-l2, if left out.
        multiple: Multiple that sizes are rounded to; that of the recipe, or 8, if left out.
        train: Training lines, for Taylor importance and statistics.
        train_lines: How many of them to use, spread evenly over all.
        statistics: Re-estimate batch-norm statistics of the result on the training lines.
        skip: As in `scan`.
        version: Version of the result; that of the given weights if left out.
    """
    _need()
    from inkport.model.weights import load_weights, save_weights
    from inkport.train.prune.apply import Pruning, prune_weights
    from inkport.train.prune.groups import convtext_network, prunable_groups
    from inkport.train.prune.importance import Importance
    from inkport.train.prune.scan import count_macs, load_pruning

    loaded = load_weights(weights)
    network = convtext_network(loaded)
    base = Pruning(ratios={}) if recipe is None else load_pruning(recipe)
    parts = {n for n, g in prunable_groups(network.config).items() if not g.block}
    chosen = ({} if every is None else dict.fromkeys(sorted(parts), every)) | dict(base.ratios) | _ratios(ratio)
    if not chosen:
        raise UsageError("nothing is to be removed", remedy="name --recipe, --ratio or --every")
    pruning = Pruning(
        ratios=chosen,
        importance=base.importance if importance is None else Importance(importance),
        multiple=base.multiple if multiple is None else multiple,
    )
    calibration = _calibration(loaded, train, train_lines, skip)
    small = prune_weights(loaded, pruning, calibration=calibration, statistics=statistics, version=version)
    save_weights(out, small)
    before = count_macs(network, height=network.config.height)
    after = count_macs(small.network(), height=network.config.height)
    sys.stdout.write(f"{out}: {before / 1e6:.1f} -> {after / 1e6:.1f} million multiply-accumulates {small.config}\n")


@prune.command
def factorize(
    weights: Path,
    /,
    *,
    rank: Words,
    out: OutFile,
    train: LineSets = (),
    train_lines: Count = 512,
    skip: Skip = "",
    version: str | None = None,
) -> None:
    """Factorize layers into two thinner ones, and write the weights; fine-tune them with `inkport train run`.

    Args:
        weights: Weights file of a convtext-family network, pruned before or not.
        rank: Ranks of layers, as `encoder.0.feed_in.0=64`; linear layers and convolutions, by their names.
        out: The new weights file.
        train: Training lines whose inputs decide what is best for linear layers; the weights alone if left out.
        train_lines: How many of them to use, spread evenly over all.
        skip: As in `scan`.
        version: Version of the result; that of the given weights if left out.
    """
    _need()
    from inkport.model.weights import load_weights, save_weights
    from inkport.train.prune.apply import factorise_weights
    from inkport.train.prune.scan import count_macs

    loaded = load_weights(weights)
    ranks = {name: _whole(name, value) for name, value in _ratios(rank, "--rank").items()}
    calibration = _calibration(loaded, train, train_lines, skip)
    small = factorise_weights(loaded, ranks, calibration=calibration, version=version)
    save_weights(out, small)
    height = loaded.spec.preprocess.height
    before, after = (count_macs(some.network(), height=height) for some in (loaded, small))
    sys.stdout.write(f"{out}: {before / 1e6:.1f} -> {after / 1e6:.1f} million multiply-accumulates\n")


def _need() -> None:
    with needing("pruning", extra="prune"):
        import torch_pruning  # noqa: F401 - it brings torch


def _audit(paths: tuple[Path, ...], weights: Weights, limit: int, skip: str) -> Audit:
    """Return prepared lines, at most ``limit``, spread evenly; test lines are refused."""
    from inkport.commands._request import problems_of
    from inkport.lines.audit import audit_for
    from inkport.lines.problem import Problem
    from inkport.lines.roles import refuse_test_lines
    from inkport.lines.source import read_lines

    if limit < 1:
        raise UsageError(f"at least 1 line is needed, found a limit of {limit}")
    lines = list(refuse_test_lines(read_lines(paths), purpose="pruning"))
    count = min(limit, len(lines))
    spec = weights.spec
    audit = audit_for(
        [lines[i * len(lines) // count] for i in range(count)], spec, skip=[Problem(name) for name in problems_of(skip)]
    )
    say_skipped(audit.findings)
    if not audit.lines:
        raise LineDataError(f"{', '.join(map(str, paths))}: there is no usable line", remedy="pass other line sets")
    return audit


def _calibration(weights: Weights, paths: tuple[Path, ...], limit: int, skip: str) -> Calibration | None:
    from inkport.lines.line import digest_lines
    from inkport.train.prune.importance import calibration_of

    if not paths:
        return None
    audit = _audit(paths, weights, limit, skip)
    count = max(1, len(audit.lines) // 32)
    return calibration_of(audit, weights.spec, digest=digest_lines(audit.lines), count=count, size=32, seed=1)


def _check_roles(lines: tuple[Path, ...], train: tuple[Path, ...]) -> None:
    from inkport.lines.roles import name_lines, refuse_shared
    from inkport.lines.source import read_lines

    if train:
        refuse_shared(
            {"--lines": name_lines(read_lines(lines)), "--train": name_lines(read_lines(train))},
            because="what chooses the channels does not measure the loss",
            remedy="measure it on validation lines",
        )


def _whole(name: str, value: float) -> int:
    if value != int(value):
        raise UsageError(f"--rank {name}={value}: a rank is a whole number")
    return int(value)


def _ratios(words: tuple[str, ...], option: str = "--ratio") -> dict[str, float]:
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name] = float(value)
            refuse_impossible_numbers(float, found[name])
        except ValueError as error:
            raise UsageError(
                f"{option} {word!r}: expected NAME=NUMBER, for example stage.0=0.25; {NAME_IT_FIRST}"
            ) from error
    return found


def _cost(kind: str, weights: Weights) -> Cost:
    from inkport.commands._latency import LatencyCost
    from inkport.train.prune.scan import count_macs

    if kind == "latency":
        return LatencyCost(weights)
    height = weights.spec.preprocess.height
    return lambda small: float(count_macs(small.network(), height=height))


def _share_of(weights: Weights, multiple: int) -> Callable[[Mapping[str, float]], float]:
    from inkport.train.prune.apply import Pruning, prune_weights
    from inkport.train.prune.scan import count_macs

    height = weights.spec.preprocess.height
    whole = count_macs(weights.network(), height=height)

    def share(ratios: Mapping[str, float]) -> float:
        small = prune_weights(weights, Pruning(ratios=ratios, multiple=multiple))
        return count_macs(small.network(), height=height) / whole

    return share


def _write_plan(out: Path, pruning: Pruning, note: str) -> None:
    from inkport.train.prune.scan import format_pruning

    text = format_pruning(pruning, note=note)
    write_atomically(out, text)
    sys.stdout.write(text)
