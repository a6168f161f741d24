"""That no line that an arm learns from or is stopped by is also one that it is judged on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from inkport.lines.roles import is_test_split, name_lines, refuse_shared
from inkport.lines.source import read_lines
from inkport.train.ablation.recipe import Ablation, Run


def check_roles(ablation: Ablation, runs: Sequence[Run], folder: Path) -> None:
    """Refuse a line that a run trains on and is evaluated on, and one of validation in a role for testing.

    Training lines may be evaluated on in a role of the name ``train``, which says what is measured, and validation
    lines in any that is not for testing. Images decide, whatever their texts: a training may leave these aside.

    Args:
        ablation: What is evaluated on.
        runs: Its runs.
        folder: Where its relative paths start.

    Raises:
        LineDataError: If there is one, or a path is no line set.
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
            judged = {f"evaluate.{role}": union(folder / path for path in paths)}
            learnt = {} if role == "train" else {"train": lines.train, "unlabelled": lines.unlabelled}
            sources = learnt | ({"val": lines.val} if is_test_split(role) else {})
            for name, some in sources.items():
                refuse_shared(
                    {f"{name} of arm {arm!r}": union(base / path for path in some), **judged},
                    because="an arm is not judged by what it learnt from",
                    remedy="take it out of one of them",
                )
