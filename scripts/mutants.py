"""Plants small faults in the modules that measure and decide, one at a time, and shows which of them no test notices.

usage: python scripts/mutants.py [--mutants 300] [--seed 21] [--workers 2] [--again] [--out docs/results/mutants]

Cosmic Ray (the group ``mutation``) finds the places, changes the code and runs the tests. The sample is drawn by place,
one change at each, so that a place with a dozen possible changes counts no more than one with two; changes that are no
Python are left out. Each fault meets the unit tests that import its module, in a copy of the tree, until one fails.
``--again`` keeps what was noticed according to the report, as long as no module has changed, and tries the rest: after
tests were added, or where a run was stopped.

Writes OUT.json and OUT.md. Why a survivor is as good as the code stands in ``tests/mutants.toml``.
Exit code 0: nine of ten faults were noticed and each survivor is explained; 1: not so, or a test fails without a fault.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import multiprocessing
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.mutating import mutate_and_test, mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import MutationSpec, TestOutcome

from inkport.core.files import write_atomically


ROOT = Path(__file__).parents[1]
CORE = ("charset", "ctc", "metrics", "preprocess", "spec")
"""Modules of ``core`` that every reading passes through."""
TESTS = {"benchmarks": "tests/unit/benchmarks", "src": "tests/unit/core"}
"""Where the tests of a module are, by its folder at the top."""
GOAL = 0.9
"""Share of the faults that the tests must notice."""
PATIENCE, SLACK_S = 5, 30
"""A fault makes the tests endless if they take this many times as long as without it, and these seconds more."""
PYTEST = ("-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-m", "not device and not slow")
"""The first failure is enough, and nothing is written beside the sources. Slow tests would only notice more."""


Name = tuple[str, str, int]
"""What tells a change apart: module, operator, and which of the operator's places in the module."""
Lines = tuple[str, str, str]
"""Module, changed lines, and the same with the fault: what an explanation is found by."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A fault that was planted, and what came of it."""

    module: str
    """The module, from the root of the repository."""
    line: int
    """The line that was changed, counted from 1."""
    operator: str
    """Cosmic Ray's name of the change."""
    occurrence: int
    """Which of the module's places for it, counted from 0."""
    before: str
    """The changed lines as they are in the module."""
    after: str
    """The same with the fault; empty if they are gone."""
    outcome: str
    """``killed``, ``timed out`` or ``survived``."""
    by: str
    """The first test that failed."""

    @property
    def name(self) -> Name:
        """What it is identified by."""
        return self.module, self.operator, self.occurrence


def modules() -> list[Path]:
    """Return the modules that faults are planted in."""
    measure = [path for path in sorted((ROOT / "benchmarks" / "measure").glob("*.py")) if path.name != "__init__.py"]
    return [path.relative_to(ROOT) for path in (*measure, *(ROOT / f"src/inkport/core/{name}.py" for name in CORE))]


@cache
def tests_of(module: Path) -> tuple[str, ...]:
    """Return the test files that import a module, or all of its folder; the one named for it comes first."""
    *above, folder, name = module.with_suffix("").as_posix().removeprefix("src/inkport/").split("/")
    package = ".".join(["inkport", *above])
    ways = rf"\.{folder}\.{name} import|\.{folder} import .*\b{name}\b| import {folder}$"
    imports = re.compile(rf"^from {package}({ways})", re.MULTILINE)
    found = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / TESTS[module.parts[0]]).rglob("test_*.py"))
        if imports.search(path.read_text(encoding="utf-8"))
    ]
    if not found:
        raise SystemExit(f"no unit test imports {module}")
    return tuple(sorted(found, key=lambda path: not path.endswith(f"/test_{name}.py")))


def command(module: Path) -> str:
    """Return what runs the tests of a module."""
    return shlex.join([sys.executable, *PYTEST, *tests_of(module)])


def where(spec: MutationSpec) -> Path:
    """Return the module of a change, from the root."""
    return Path(spec.module_path).relative_to(ROOT)


def name_of(spec: MutationSpec) -> Name:
    """Return what a change is identified by."""
    return where(spec).as_posix(), spec.operator_name, spec.occurrence


def places(module: Path) -> list[list[MutationSpec]]:
    """Return the changes that Cosmic Ray knows, by place; annotations are left out, since nothing runs them."""
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    idle = [
        ((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset))
        for node in ast.walk(tree)
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if part
    ]
    found: dict[tuple[int, int], list[MutationSpec]] = defaultdict(list)
    for item in _all_work_items([ROOT / module], {}):
        (spec,) = item.mutations
        if not any(first <= tuple(spec.start_pos) < last for first, last in idle):
            found[tuple(spec.start_pos)].append(spec)
    return [found[start] for start in sorted(found)]


def is_python(spec: MutationSpec) -> bool:
    """Return whether a change leaves a module that can be compiled."""
    changed = mutate_code(
        spec.module_path.read_text(encoding="utf-8"), get_operator(spec.operator_name)(), spec.occurrence
    )
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(changed, spec.module_path, "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def draw(count: int, seed: int) -> list[MutationSpec]:
    """Return a sample of places, all equally likely, with one change drawn for each, in the order of the modules."""
    known = [(module, number, place) for module in modules() for number, place in enumerate(places(module))]
    rng = random.Random(seed)  # noqa: S311 - a sample, no secret
    drawn: list[tuple[Path, int, MutationSpec]] = []
    for module, number, place in rng.sample(known, len(known)):
        if len(drawn) < count and is_python(spec := rng.choice(place)):
            drawn.append((module, number, spec))
    return [spec for *_, spec in sorted(drawn, key=lambda entry: entry[:2])]


def enter_copy(folder: str) -> None:
    """Make this process work in its own copy of what git tracks or would track, links as links."""
    own = Path(folder) / str(os.getpid())
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if os.path.lexists(ROOT / name):
            (own / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, own / name, follow_symlinks=False)
    os.chdir(own)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # Plugins of packages that happen to be installed take longer to import than the tests to run.
    os.environ.update(threads, PYTHONPATH=str(own / "src"), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


def time_tests(module: Path) -> tuple[Path, float, str]:
    """Return how long a module's tests take without a fault, in seconds, and what they say if they fail."""
    start = time.monotonic()
    outcome, output = run_tests(command(module), None)
    return module, time.monotonic() - start, "" if outcome is TestOutcome.SURVIVED else output


def judge(task: tuple[MutationSpec, float]) -> Mutant:
    """Plant one fault, run the tests of its module, and take it out again."""
    spec, limit_s = task
    module = where(spec)
    inside = MutationSpec(module, spec.operator_name, spec.occurrence, spec.start_pos, spec.end_pos)
    result = mutate_and_test([inside], command(module), limit_s)
    output, lines = result.output or "", (result.diff or "").splitlines()
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    if output == "timeout":
        outcome = "timed out"
    elif result.test_outcome is TestOutcome.SURVIVED:
        outcome = "survived"
    elif failed or "Error" in output:
        outcome = "killed"
    else:
        raise RuntimeError(f"{module}, {spec.operator_name} {spec.occurrence}: the tests did not run\n{output}")
    return Mutant(
        module=module.as_posix(),
        line=spec.start_pos[0],
        operator=spec.operator_name,
        occurrence=spec.occurrence,
        before=flat(line[1:] for line in lines if line.startswith("-") and not line.startswith("---")),
        after=flat(line[1:] for line in lines if line.startswith("+") and not line.startswith("+++")),
        outcome=outcome,
        by=failed[1] if failed else "",
    )


def run(specs: Sequence[MutationSpec], workers: int) -> Iterator[Mutant]:
    """Judge mutants, each worker in its own copy of the tree."""
    if not specs:
        return
    limits: dict[Path, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="inkport-mutants-") as folder,
        multiprocessing.Pool(workers, enter_copy, (folder,)) as pool,
    ):
        for module, seconds, fault in pool.imap_unordered(time_tests, sorted({where(spec) for spec in specs})):
            if fault:
                raise SystemExit(f"the tests of {module} fail without a fault:\n{fault}")
            limits[module] = PATIENCE * seconds + SLACK_S
            sys.stderr.write(f"{module}: {seconds:.0f} s without a fault\n")
        tasks = [(spec, limits[where(spec)]) for spec in specs]
        for number, found in enumerate(pool.imap_unordered(judge, tasks), start=1):
            sys.stderr.write(f"{number}/{len(specs)} {found.outcome}: {found.module}:{found.line} {found.after}\n")
            yield found


def digests() -> dict[str, str]:
    """Return the SHA-256 of each module."""
    return {path.as_posix(): hashlib.sha256((ROOT / path).read_bytes()).hexdigest() for path in modules()}


def kept(report: Path, why: Mapping[Lines, str]) -> dict[Name, Mutant]:
    """Return what a report of these modules says was noticed, and what is explained by now."""
    old = json.loads(report.read_text(encoding="utf-8"))
    if old["sources"] != digests():
        raise SystemExit(f"modules have changed since {report.name}: run without --again")
    fields = [{key: value for key, value in found.items() if key != "reason"} for found in old["survivors"]]
    found = [Mutant(**values) for values in (*old["noticed"], *fields)]
    return {m.name: m for m in found if m.outcome != "survived" or (m.module, m.before, m.after) in why}


def reasons() -> dict[Lines, str]:
    """Return why a fault is none for whoever calls the code, by module, line and changed line."""
    known = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))["same"]
    stale = [
        entry
        for entry in known
        if entry["before"] not in flat((ROOT / entry["module"]).read_text(encoding="utf-8").splitlines())
    ]
    if stale:
        raise SystemExit(f"tests/mutants.toml explains lines that are no longer there: {stale}")
    return {(entry["module"], entry["before"], entry["after"]): entry["reason"] for entry in known}


def flat(lines: Iterable[str]) -> str:
    """Return lines as a mutant records them: without indentation and empty ones, a space between."""
    return " ".join(filter(None, (line.strip() for line in lines)))


def brief(found: Mutant) -> dict[str, Any]:
    """Return a fault that was noticed without its lines, which `git` and Cosmic Ray have."""
    return asdict(found) | {"before": "", "after": ""}


def document(mutants: Sequence[Mutant], seed: int, why: Mapping[Lines, str]) -> dict[str, Any]:
    """Return the report as plain data."""
    counts = Counter(found.outcome for found in mutants)
    by_module = {
        module: Counter(found.outcome for found in mutants if found.module == module)
        for module in sorted({found.module for found in mutants})
    }
    return {
        "seed": seed,
        "mutants": len(mutants),
        "killed": counts["killed"],
        "timed_out": counts["timed out"],
        "survived": counts["survived"],
        "share_noticed": round(1 - counts["survived"] / max(len(mutants), 1), 4),
        "modules": by_module,
        "survivors": [
            asdict(found) | {"reason": why.get((found.module, found.before, found.after), "")}
            for found in mutants
            if found.outcome == "survived"
        ],
        "noticed": [brief(found) for found in mutants if found.outcome != "survived"],
        "sources": digests(),
    }


def render(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    count, seed = report["mutants"], report["seed"]
    summary = (
        f"`python scripts/mutants.py --mutants {count} --seed {seed}` planted {count} faults, one at a time. The unit "
        f"tests of the module failed on {report['killed']}, never ended on {report['timed_out']}, and passed on "
        f"{report['survived']}: {100 * report['share_noticed']:.1f} % were noticed."
    )
    rows = [
        f"| {module} | {sum(found.values())} | {found['killed']} | {found['timed out']} | {found['survived']} |"
        for module, found in report["modules"].items()
    ]
    survivors = [
        f"- `{found['module']}`, line {found['line']}: `{found['before']}` → `{found['after'] or '(nothing)'}`. "
        f"{found['reason'] or '**Not explained.**'}"
        for found in report["survivors"]
    ]
    head = ["| module | faults | failed | never ended | passed |", "| --- | --: | --: | --: | --: |"]
    return "\n".join(
        ["# Planted faults", "", summary, "", *head, *rows, "", "## Passed", "", *(survivors or ["None."]), ""]
    )


def main() -> int:
    """Draw, judge, write the report, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=300, help="how many (default: 300)")
    parser.add_argument("--seed", type=int, default=21, help="of the sample (default: 21)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="at once (default: one per processor)")
    parser.add_argument("--again", action="store_true", help="keep what the report says was noticed, try the rest")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/results/mutants", help="the report, without suffix")
    options = parser.parse_args()
    written, why = options.out.with_suffix(".json"), reasons()
    known = kept(written, why) if options.again else {}
    specs = {name_of(spec): spec for spec in draw(options.mutants, options.seed)}
    report = document([known[name] for name in specs if name in known], options.seed, why)
    for found in run([spec for name, spec in specs.items() if name not in known], options.workers):
        known[found.name] = found
        # After each, so that a run that is stopped can go on with --again.
        report = document([known[name] for name in specs if name in known], options.seed, why)
        write_atomically(written, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    write_atomically(options.out.with_suffix(".md"), render(report))
    sys.stdout.write(render(report))
    explained = all(survivor["reason"] for survivor in report["survivors"])
    return 0 if report["share_noticed"] >= GOAL and explained else 1


if __name__ == "__main__":
    sys.exit(main())
