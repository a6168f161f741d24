"""How much reading suffers when one group is pruned, for every group and several ratios, without fine-tuning."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inkport.core.config import parse_config, to_plain
from inkport.core.documents import read_json
from inkport.core.errors import UsageError
from inkport.core.files import write_atomically
from inkport.core.tables import Table, markdown_table
from inkport.lines.audit import Audit
from inkport.model.weights import Weights
from inkport.train.evaluate import rates_by_dataset, read_all
from inkport.train.prune.apply import Pruning, prune_weights
from inkport.train.prune.batches import Calibration
from inkport.train.prune.groups import PruneGroup, convtext_network, prunable_groups
from inkport.train.prune.importance import Gradients, Importance, gradients_on


Cost = Callable[[Weights], float]
"""What the network of weights costs: multiply-accumulates, or nanoseconds."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One group pruned alone."""

    group: str
    """Name of the group; empty for the network as it is."""
    ratio: float
    """Share that was to be removed."""
    kept: int
    """Members that stay, of a block 0; of the network as it is, 0."""
    cer: float
    """CER on the lines, 0.1 is 10 %."""
    cost: float
    """What the network costs, in the scan's unit."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What was tried on one network, all on the same lines."""

    weights: str
    """SHA-256 (hex) of the weights file."""
    lines: str
    """SHA-256 (hex) of the lines."""
    count: int
    """Number of the lines."""
    importance: Importance
    """Measure that chose what goes."""
    multiple: int
    """What sizes are rounded to."""
    statistics: bool
    """Whether batch-norm statistics were re-estimated in every trial."""
    unit: str
    """Unit of the cost."""
    calibration: str | None = None
    """SHA-256 (hex) of the training lines, where there were some."""
    trials: tuple[Trial, ...] = ()
    """The network as it is first, then each trial, as far as the scan came."""

    @property
    def base(self) -> Trial:
        """The network as it is."""
        return self.trials[0]

    def table(self) -> str:
        """Return a Markdown table: what each trial loses and saves, the cheapest loss first."""
        base = self.base
        made = f"{self.count} lines, {self.importance.value}, multiples of {self.multiple}"
        as_it_is = f"As it is: CER {100 * base.cer:.2f} %, {base.cost:.4g} {self.unit}; {made}."
        rows = []
        for trial in sorted(self.trials[1:], key=lambda t: (t.cer - base.cer) / max(base.cost - t.cost, 1e-9)):
            loss, saved = 100 * (trial.cer - base.cer), 100 * (1 - trial.cost / base.cost)
            rows.append((trial.group, f"{trial.ratio:g}", str(trial.kept), f"{loss:+.2f}", f"{saved:.1f}"))
        head = ("group", "ratio", "kept", "CER, points more", "cost saved, %")
        return f"{as_it_is}\n\n{markdown_table(Table(head, tuple(rows), 1))}\n"


@dataclass(frozen=True, kw_only=True)
class ScanJob:
    """Everything that trials need."""

    weights: Weights
    """The network."""
    lines: Audit
    """Validation lines."""
    cost: Cost
    """Measures a network."""
    calibration: Calibration | None = None
    """Training lines, where the measure or the statistics need them."""
    ratios: Sequence[float] = (0.125, 0.25, 0.5)
    """Ratios of every group of channels; blocks are removed whole."""
    groups: Sequence[str] = field(default_factory=tuple)
    """Groups to try; all if empty."""

    @cached_property
    def gradients(self) -> Gradients | None:
        """Gradients on the training lines, computed once for all trials; None without lines."""
        if self.calibration is None:
            return None
        return gradients_on(convtext_network(self.weights), self.calibration)


def run_scan(job: ScanJob, scan: Scan, path: Path) -> Iterator[Trial]:
    """Try every group at every ratio; yield each trial as it is done, and write the scan after each.

    A file that an interrupted scan left is continued; trials that it holds are not repeated.

    Args:
        job: What to try.
        scan: The scan without trials.
        path: JSON file of the scan; a Markdown table is written beside it.

    Raises:
        UsageError: If the file holds a scan of something else, or a group is unknown.
    """
    trials = list(_begun(scan, path))
    done = {(trial.group, trial.ratio) for trial in trials}
    for group, ratio in _wanted(job):
        name = "" if group is None else group.name
        if (name, ratio) in done:
            continue
        trial = _try(job, scan, group, ratio)
        trials.append(trial)
        done.add((name, ratio))
        save_scan(path, Scan(**{**vars(scan), "trials": tuple(trials)}))
        yield trial


def load_scan(path: Path) -> Scan:
    """Read a scan.

    Raises:
        UsageError: If the file is missing or is not a scan.
    """
    scan = parse_config(Scan, read_json(path, error=UsageError, remedy="inkport prune scan"), where=str(path))
    if not scan.trials or scan.base.group:
        raise UsageError(f"{path}: a scan without the network as it is", remedy="inkport prune scan")
    return scan


def save_scan(path: Path, scan: Scan) -> None:
    """Write a scan as JSON, and its table beside it as ``.md``."""
    write_atomically(path, json.dumps(to_plain(scan), indent=1) + "\n")
    write_atomically(path.with_suffix(".md"), scan.table())


def _begun(scan: Scan, path: Path) -> Sequence[Trial]:
    if not path.exists():
        return ()
    found = load_scan(path)
    wanted = Scan(**{**vars(scan), "trials": found.trials})
    if found != wanted:
        differs = [name for name in vars(scan) if getattr(found, name) != getattr(wanted, name)]
        raise UsageError(
            f"{path}: a scan with other {', '.join(differs)}", remedy="name another file, or remove this one"
        )
    return found.trials


def _wanted(job: ScanJob) -> Iterator[tuple[PruneGroup | None, float]]:
    groups: Mapping[str, PruneGroup] = prunable_groups(convtext_network(job.weights).config)
    if unknown := [name for name in job.groups if name not in groups]:
        raise UsageError(f"{unknown[0]!r} is not a group of this network", remedy=f"groups: {', '.join(groups)}")
    yield None, 0.0
    for name, group in groups.items():
        if not job.groups or name in job.groups:
            for ratio in (1.0,) if group.block else job.ratios:
                yield group, ratio


def _try(job: ScanJob, scan: Scan, group: PruneGroup | None, ratio: float) -> Trial:
    weights = job.weights
    if group is not None:
        pruning = Pruning(ratios={group.name: ratio}, importance=scan.importance, multiple=scan.multiple)
        weights = prune_weights(
            weights,
            pruning,
            calibration=job.calibration,
            gradients=job.gradients if scan.importance is Importance.TAYLOR else None,
            statistics=scan.statistics,
        )
    readings = read_all(weights.network(), job.lines, weights.spec.charset)
    return Trial(
        group="" if group is None else group.name,
        ratio=ratio,
        kept=0 if group is None or group.block else group.kept(ratio, scan.multiple),
        cer=rates_by_dataset(job.lines, readings)["all"].rate,
        cost=job.cost(weights),
    )


def count_macs(network: nn.Module, *, height: int, width: int = 1024) -> int:
    """Return the multiply-accumulates of one line, those of convolutions and matrix products.

    Args:
        network: The network.
        height: Of its images, in pixels.
        width: Of the line, in pixels, a multiple of 8.
    """
    parameter = next(network.parameters())
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(torch.zeros(1, 1, height, width, device=parameter.device))
    return int(counter.get_total_flops()) // 2
