"""``python -m campaign``: all of the campaign, parts of it, or one input again.

With ``tests`` and the package on the path: ``PYTHONPATH=tests python -P -m campaign [PART...]``. Each part's figures
are kept when it ends, so a campaign that was stopped goes on with the part that it was at; figures of other code never
count.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from campaign import images
from campaign.case import KINDS, run_case
from campaign.home import run_home
from campaign.hostile import run_hostile
from campaign.kills import Kills, run_kills
from campaign.leaks import run_leaks
from campaign.readers import READERS
from campaign.report import LEAST, PARTS, fuzzed, write
from campaign.watch import Limits, Plan, Tally, Watch, environment


ROOT = Path(__file__).resolve().parents[2]
SEED = 20
JOBS = 2
"""Processes at once."""
HANG_S = 10.0
"""Longest time of one input, in seconds."""
EXTRA = 1.05
"""More inputs than asked for, because the least is a promise and kinds do not divide evenly."""


def main() -> int:
    """Run what is asked for; return 0 if everything held."""
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"parts to run: {', '.join(PARTS)}; all by default")
    parser.add_argument("--out", type=Path, default=ROOT / "out/campaign", help="where inputs that failed are kept")
    parser.add_argument("--report", type=Path, help="report to write; in --out by default")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--scale", type=float, default=1.0, help="share of a whole campaign to run")
    parser.add_argument("--again", action="store_true", help="run parts again whose figures are there")
    parser.add_argument("--only", choices=KINDS, help="make one input again, show what comes of it, and keep it")
    parser.add_argument("--index", type=int, default=0, help="number of that input")
    options = parser.parse_args()
    if unknown := sorted(set(options.parts) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)}")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.only:
        return _repeat(options)
    least = {part: int(count * options.scale) for part, count in LEAST.items()}
    parts: dict[str, Any] = {}
    code = code_digest()
    for part in PARTS:
        kept = options.out / f"{part}-{options.seed}-{options.scale:g}-{code[:12]}.json"
        if part in (options.parts or PARTS) and (options.again or not kept.is_file()):
            began = time.monotonic()
            found = _run(part, least, options)
            found["minutes"] = round((time.monotonic() - began) / 60, 1)
            kept.write_text(json.dumps(found), encoding="utf-8")
        if kept.is_file():
            parts[part] = json.loads(kept.read_text(encoding="utf-8"))
    report = options.report or options.out / "campaign.json"
    held = write(report, parts, seed=options.seed, code=code, least=least)
    sys.stdout.write(report.with_suffix(".md").read_text(encoding="utf-8"))
    return 0 if held else 1


def code_digest() -> str:
    """Return the SHA-256 (hex) of all of inkport's modules and of the campaign's."""
    digest = hashlib.sha256()
    folders = [ROOT / "src/inkport", *(path for path in (ROOT / "src/inkport").iterdir() if path.is_symlink())]
    for folder in (*folders, Path(__file__).parent):
        for path in sorted(folder.resolve().rglob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def seeds(out: Path) -> Path:
    """Make the whole files, in a process of its own: torch stays out of this one."""
    folder = Path(tempfile.mkdtemp(prefix="seeds-", dir=out))
    subprocess.run([sys.executable, "-P", "-m", "campaign.seeds", str(folder)], env=environment(), check=True)
    return folder


def plans(part: str, count: int) -> list[Plan]:
    """Return the inputs of a part, shared out to processes."""
    if part == images.NAME:
        share = -(-count // JOBS)
        return [[(images.NAME, job * share, share)] for job in range(JOBS)]
    each = -(-int(count * EXTRA) // len(READERS))
    return [[(kind, 0, each) for kind in list(READERS)[job::JOBS]] for job in range(JOBS)]


def fuzz(part: str, count: int, out: Path, *, seed: int, hang_s: float = HANG_S) -> Tally:
    """Run a fuzzer.

    Args:
        part: ``images`` or ``structured``.
        count: How many inputs, at least.
        out: Where inputs that failed are kept.
        seed: Of the campaign.
        hang_s: Longest time of one input, in seconds.
    """
    watch = Watch(seeds(out), out, seed=seed, limits=Limits(hang_s=hang_s), progress=_say(part))
    whole = Tally()
    with ThreadPoolExecutor(JOBS) as pool:
        for tally in pool.map(watch.run, plans(part, count)):
            whole.add(tally)
    return whole


def _run(part: str, least: Mapping[str, int], options: argparse.Namespace) -> dict[str, Any]:
    count = least.get(part, 0)
    if part in {"images", "structured"}:
        return fuzzed(fuzz(part, count, options.out, seed=options.seed))
    if part == "kills":
        with ThreadPoolExecutor(JOBS) as pool:
            shares = [-(-count // JOBS)] * JOBS
            found = [
                pool.submit(run_kills, share, seed=options.seed + job, progress=_say(f"kills {job}"))
                for job, share in enumerate(shares)
            ]
        return _together([one.result() for one in found])
    if part == "hostile":
        with tempfile.TemporaryDirectory() as folder:
            hostile = run_hostile(Path(folder), progress=_say(part))
        return {"tried": hostile.runtimes, "faults": hostile.faults}
    if part == "leaks":
        leaks = run_leaks(count)
        return {"tried": leaks.reads, "faults": leaks.faults, **asdict(leaks)}
    home = run_home(progress=_say(part))
    faults = [*home.faults, *([home.unavailable] if home.unavailable else [])]
    return {"tried": len(home.commands), "faults": faults, "commands": home.commands}


def _together(found: list[Kills]) -> dict[str, Any]:
    names = {name for one in found for name in one.by_command}
    return {
        "tried": sum(one.kills for one in found),
        "early": sum(one.early for one in found),
        "by_command": {name: sum(one.by_command.get(name, 0) for one in found) for name in sorted(names)},
        "faults": [fault for one in found for fault in one.faults],
    }


def _repeat(options: argparse.Namespace) -> int:
    folder = options.out / f"{options.only}-{options.index}-again"
    if folder.exists():
        sys.stderr.write(f"{folder}: is there already\n")
        return 2
    folder.mkdir()
    result = run_case(options.only, options.index, seed=options.seed, seeds=seeds(options.out), folder=folder)
    sys.stdout.write(f"{result!r}\n{folder}\n")
    return 0


def _say(part: str):
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:6.0f} s  {part}: {text}\n")

    return say


if __name__ == "__main__":
    sys.exit(main())
