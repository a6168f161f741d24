"""``inkport train ablate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkport.commands._options import Jobs, OutFolder, Threads
from inkport.commands._output import deliver, say
from inkport.core.errors import UsageError
from inkport.core.files import write_atomically
from inkport.train.ablation.ablation_report import AblationReport, ArmInfo, gather, render_ablation, rows_of


if TYPE_CHECKING:
    from inkport.train.ablation.runs import Ablation, AblationRun


def ablate(ablation: Path, /, *, out: OutFolder, jobs: Jobs = 1, threads: Threads = 1) -> int:
    """Train every arm of an ablation with every seed, and compare the arms with intervals.

    Each run is an ordinary training in OUT/<arm>-<seed>. If killed and started again, it continues:
    finished runs are not repeated, the others continue from their checkpoints. OUT gets ablation.json and ablation.md.

    Args:
        ablation: TOML file: a base recipe, arms that change keys of it, seeds, and line sets to evaluate on;
            docs/distillation.md describes every key.
        out: Folder of the runs and the report.
        jobs: Trainings side by side.
        threads: CPU threads of each.
    """
    from inkport.train.ablation.runs import Place, check_roles, load_ablation, plan_runs, run_all

    if jobs < 1 or threads < 1:
        raise UsageError(f"--jobs {jobs} --threads {threads}: both must be at least 1")
    settings = load_ablation(ablation)
    runs = plan_runs(settings, ablation.parent)
    check_roles(settings, runs, ablation.parent)
    place = Place(folder=ablation.parent, out=out, jobs=jobs, threads=threads)
    report = _report(settings, runs, run_all(settings, runs, place, say))
    text = render_ablation(report)

    def write() -> None:
        write_atomically(out / "ablation.json", report.to_json())
        write_atomically(out / "ablation.md", text)

    return deliver(text, files=write)


def _report(ablation: Ablation, runs: Sequence[AblationRun], found: Mapping[str, Mapping[str, Any]]) -> AblationReport:
    by_arm = {arm: [found[run.name] for run in runs if run.arm == arm] for arm in ablation.arms}
    arms = []
    for arm, changes in ablation.arms.items():
        optim = next(run.recipe.optim for run in runs if run.arm == arm)
        arms.append(
            ArmInfo(
                name=arm,
                changes=changes,
                steps=optim.steps,
                batch=optim.batch,
                lines_seen=optim.steps * optim.batch,
                weights_sha256=tuple(run["weights_sha256"] for run in by_arm[arm]),
            )
        )
    first = found[runs[0].name]["roles"]
    evaluated = {role: gather(by_arm, role) for role in ablation.evaluate}
    return AblationReport(
        base=ablation.base.as_posix(),
        reference=ablation.reference,
        seeds=ablation.seeds,
        equal_budgets=len({(arm.steps, arm.batch) for arm in arms}) == 1,
        arms=tuple(arms),
        sets={role: tuple(part["sha256"] for part in parts) for role, parts in first.items()},
        skipped={role: sum(part["skipped"] for part in parts) for role, parts in first.items()},
        rows=tuple(row for role, lines in evaluated.items() for row in rows_of(role, lines, ablation.reference)),
    )
