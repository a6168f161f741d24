"""An ablation, one TOML file, and its trainings: side by side if wanted, each resumable and none twice."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from inkport.core.children import Process, start_tied
from inkport.core.config import parse_config, require_seed, to_plain
from inkport.core.documents import read_json, read_toml
from inkport.core.errors import DataError, RecipeError, TrainingError, UsageError
from inkport.core.files import sha256_file, write_atomically
from inkport.core.hub.reference import within
from inkport.lines.problem import Problem
from inkport.lines.roles import is_test_split, name_lines, refuse_shared
from inkport.lines.source import read_lines
from inkport.train.ablation.evaluate import EvaluationTask, task_text
from inkport.train.overrides import merge, write_overrides
from inkport.train.recipe import Recipe, load_recipe


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What is varied, how often, and what it is judged on.

    Raises:
        RecipeError: If there is no arm, no seed or no line set, the reference is not an arm, or a name fits no folder.
    """

    base: Path
    """Training recipe that all arms share, relative to this file."""
    reference: str
    """The arm that the others are compared with."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds; every arm is trained with each, and compared with the reference seed by seed."""
    evaluate: Mapping[str, tuple[Path, ...]]
    """Line sets by role, for example ``val`` and ``test``, relative to this file; roles are reported apart."""
    skip: tuple[Problem, ...] = ()
    """Problems whose lines are left out of the evaluation (and counted) instead of refused."""
    arms: Mapping[str, Mapping[str, Any]]
    """Keys of the recipe that an arm changes, nested or with dots; an empty table changes none."""

    def __post_init__(self) -> None:
        if not self.arms or not self.seeds or not any(self.evaluate.values()):
            raise RecipeError("an ablation needs at least one arm, one seed and one line set to evaluate on")
        if self.reference not in self.arms:
            raise RecipeError(
                f"reference {self.reference!r} is not an arm", remedy=f"arms: {', '.join(sorted(self.arms))}"
            )
        for seed in self.seeds:
            require_seed(seed)
        if len(set(self.seeds)) < len(self.seeds):
            raise RecipeError(f"seeds {list(self.seeds)}: one appears twice, and would give the same weights twice")
        for name in (*self.arms, *self.evaluate):
            if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
                raise RecipeError(f"{name!r}: names of arms and roles are of letters, digits, '_', '-' and '.'")
        for name, changes in self.arms.items():
            if "seed" in changes:
                raise RecipeError(f"arms.{name}.seed: every arm is trained with the same seeds", remedy="set seeds")


@dataclass(frozen=True, kw_only=True)
class AblationRun:
    """One training of an ablation."""

    arm: str
    """Its arm."""
    seed: int
    """Its seed."""
    overrides: Mapping[str, Any]
    """What it changes in the base recipe, as nested tables."""
    recipe: Recipe
    """The recipe as it is trained."""

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.arm}-{self.seed}"


def load_ablation(path: Path) -> Ablation:
    """Read an ablation.

    Raises:
        RecipeError: If the file is missing, is not TOML, or has an unknown key or an impossible value.
    """
    return parse_config(Ablation, read_toml(path), where=str(path))


def plan_runs(ablation: Ablation, folder: Path) -> list[AblationRun]:
    """Return all runs, seed by seed, so that the first arms do not finish long before the last ones begin.

    Args:
        ablation: What to run.
        folder: Where its relative paths start.

    Raises:
        RecipeError: If an arm makes a recipe that is none.
    """
    base = folder / ablation.base
    runs: list[AblationRun] = []
    for seed in ablation.seeds:
        for arm, changes in ablation.arms.items():
            overrides = merge({}, {**changes, "seed": seed})
            try:
                recipe = load_recipe(base, overrides)
            except RecipeError as error:
                raise RecipeError(f"arm {arm!r}: {error.message}", remedy=error.remedy) from error
            runs.append(AblationRun(arm=arm, seed=seed, overrides=overrides, recipe=recipe))
    return runs


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an ablation reads and writes, and how many processes it may use."""

    folder: Path
    """Where relative paths of the ablation start."""
    out: Path
    """Folder of the runs."""
    jobs: int = 1
    """Trainings side by side."""
    threads: int = 1
    """CPU threads of each."""

    def command(self, ablation: Ablation, run: AblationRun) -> list[str]:
        """Return the training command of a run, without the interpreter."""
        settings = [part for text in write_overrides(run.overrides) for part in ("--set", text)]
        out = ["--out", str(self.out / run.name), "--threads", str(self.threads)]
        return ["-m", "inkport", "train", str(self.folder / ablation.base), *out, *settings]


def run_all(
    ablation: Ablation, runs: Sequence[AblationRun], place: Place, say: Callable[[str], None]
) -> dict[str, Any]:
    """Train and evaluate every run that is not finished.

    Args:
        ablation: What to run.
        runs: Its runs.
        place: Where.
        say: Told what begins and ends.

    Returns:
        The evaluation of each run, by the run's name.

    Raises:
        UsageError: If a run's folder holds a run of another recipe, start or teacher.
        TrainingError: If a training or its evaluation fails; the others have then been finished.
    """
    keys = {run.name: _claim(run, place, ablation) for run in runs}
    workers = _Workers(say)
    with ThreadPoolExecutor(max_workers=place.jobs) as pool:
        waiting = [pool.submit(workers.finish, ablation, run, place, keys[run.name]) for run in runs]
        try:
            failed = [text for text in (job.result() for job in waiting) if text]
        finally:
            workers.stop()
    if failed:
        raise TrainingError(f"{len(failed)} of {len(runs)} runs failed:\n" + "\n".join(failed))
    return {run.name: _finished(place.out / run.name, keys[run.name]) for run in runs}


def _claim(run: AblationRun, place: Place, ablation: Ablation) -> str:
    """Bind a run's folder to what decides the run, and return the key of its evaluation."""
    base = (place.folder / ablation.base).parent
    named = {"start": run.recipe.start}
    if run.recipe.distil:
        named["teacher"] = run.recipe.distil.teacher
        named |= {f"more {index}": path for index, path in enumerate(run.recipe.distil.more)}
    files = {name: sha256_file(base / path) for name, path in named.items() if path and (base / path).is_file()}
    identity = {"arm": run.arm, "seed": run.seed, "recipe": run.recipe.digest, "files": files}
    path = place.out / run.name / "run.json"
    if path.exists():
        if read_json(path) != identity:
            raise UsageError(
                f"{path.parent}: made by another recipe, start or teacher than arm {run.arm!r} has now",
                remedy="give the ablation another --out folder, or delete this run",
            )
    else:
        write_atomically(path, json.dumps(identity, indent=1) + "\n")
    wanted = {"evaluate": to_plain(ablation.evaluate), "skip": to_plain(ablation.skip), **identity}
    return sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def _finished(folder: Path, key: str) -> Mapping[str, Any] | None:
    try:
        found = read_json(folder / "evaluation.json")
    except DataError:
        return None
    return found if isinstance(found, dict) and found.get("key") == key else None


class _Workers:
    """Child processes that end when the ablation ends."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.lock, self.stopped = say, threading.Lock(), False
        self.running: set[Process] = set()

    def finish(self, ablation: Ablation, run: AblationRun, place: Place, key: str) -> str:
        """Train and evaluate a run unless it is done; return what went wrong, or nothing."""
        folder = place.out / run.name
        if _finished(folder, key) is not None:
            self.say(f"{run.name}: finished before")
            return ""
        self.say(f"{run.name}: training")
        if not self._call(place.command(ablation, run), folder, place.threads):
            return f"  {run.name}: training failed, see {folder / 'output.log'}"
        request = EvaluationTask(
            weights=folder / "last.safetensors",
            lines={role: tuple(within(place.folder, p) for p in paths) for role, paths in ablation.evaluate.items()},
            skip=ablation.skip,
            out=folder / "evaluation.json",
            key=key,
            threads=place.threads,
        )
        self.say(f"{run.name}: evaluating")
        if not self._call(["-m", "inkport.train.ablation.evaluate", task_text(request)], folder, place.threads):
            return f"  {run.name}: evaluation failed, see {folder / 'output.log'}"
        self.say(f"{run.name}: finished")
        return ""

    def stop(self) -> None:
        """End what runs, and start nothing more."""
        with self.lock:
            self.stopped = True
            for process in self.running:
                process.terminate()

    def _call(self, arguments: Sequence[str], folder: Path, threads: int) -> bool:
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        with (folder / "output.log").open("ab") as log:
            with self.lock:
                if self.stopped:
                    return False
                process = start_tied([sys.executable, *arguments], stdout=log, stderr=log, env=environment)
                self.running.add(process)
            code = process.wait()
        with self.lock:
            self.running.discard(process)
        return code == 0


def check_roles(ablation: Ablation, runs: Sequence[AblationRun], folder: Path) -> None:
    """Refuse a line that a run trains on and is evaluated on, and one of validation in a role for testing.

    Training lines may be evaluated on in a role of the name ``train``, which says what is measured, and validation
    lines in any that is not for testing. Images decide, whatever their texts: a training may leave these aside.

    Args:
        ablation: What is evaluated on.
        runs: Its runs.
        folder: Where its relative paths start.

    Raises:
        LineDataError: If there is one, or a path is not a line set.
    """

    @cache
    def named(path: Path) -> dict[str, str]:
        return name_lines(read_lines([path]), by_image=True)

    def union(paths: Iterable[Path]) -> dict[str, str]:
        return {digest: name for path in paths for digest, name in named(path).items()}

    base = (folder / ablation.base).parent
    data = {run.arm: run.recipe.data for run in runs}
    for arm, lines in data.items():
        for role, paths in ablation.evaluate.items():
            judged = {f"evaluate.{role}": union(within(folder, path) for path in paths)}
            learnt = {} if role == "train" else {"train": lines.train, "unlabelled": lines.unlabelled}
            sources = learnt | ({"val": lines.val} if is_test_split(role) else {})
            for name, some in sources.items():
                refuse_shared(
                    {f"{name} of arm {arm!r}": union(within(base, path) for path in some), **judged},
                    because="an arm is not judged by what it learned from",
                    remedy="take it out of one of them",
                )
