"""Options of the commands that run ports of a model, and what they name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from cyclopts import Parameter

from inkport.benchmarks.run.request import Options, Request
from inkport.commands._lines import LineSets
from inkport.commands._model import names_model
from inkport.commands._options import NAME_IT_FIRST, Json, Skip, Threads, Words
from inkport.commands._request import prepare_request, problems_of
from inkport.core.errors import UsageError
from inkport.core.target import Target, load_targets, named_targets


EVERY_TARGET = "targets.toml"
"""Targets that a command takes when none are named, in ``inkport.benchmarks``."""
KIT_TARGETS = "checks/kit/targets.toml"
"""What a kit is made of: most of the other rows are about this machine."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LineOptions:
    """Lines to read, and lines to calibrate on."""

    lines: LineSets = ()
    """Line sets: Parquet files, TSV manifests, folders; the shipped sample lines if left out."""
    calibration: LineSets = ()
    """Line sets to calibrate int8 on: lines that the model was trained on."""
    skip: Skip = ""
    """Problems whose lines are left out and counted, instead of refused."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Problems that are no reason to refuse.

        Raises:
            UsageError: If one is unknown.
        """
        return problems_of(self.skip)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TargetOptions(LineOptions):
    """Targets to make or run, and lines.

    Raises:
        UsageError: If targets are named in two ways, or one of the names is a model.
    """

    target: Words = ()
    """Targets by name, RUNTIME:PRECISION[@DEVICE], such as onnxruntime:int8 or tensorrt:fp16@cuda:0, with what the
    shipped targets file says of them; several may be named."""
    targets: Path | None = None
    """TOML file with one [[target]] table per target; what inkport knows if left out."""

    def __post_init__(self) -> None:
        if swallowed := next((name for name in self.target if names_model(Path(name))), None):
            raise UsageError(f"{swallowed} is a model, and --target has taken it", remedy=NAME_IT_FIRST)
        if self.target and self.targets is not None:
            raise UsageError(
                f"--target {self.target[0]} and --targets {self.targets}: both name targets",
                remedy="leave one out, or add a [[target]] table to the file",
            )

    def chosen(self, shipped: str = EVERY_TARGET) -> tuple[Target, ...]:
        """Return the targets.

        Args:
            shipped: File in ``inkport.benchmarks`` that is taken where none are named.

        Raises:
            RecipeError: If a targets file is wrong.
            UsageError: If a name is no target.
        """
        folder = Path(str(files("inkport.benchmarks")))
        if self.target:
            return named_targets(self.target, like=load_targets(folder / EVERY_TARGET))
        return load_targets(self.targets or folder / shipped)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PortOptions(TargetOptions):
    """Targets, lines, and how to run and print."""

    threads: Threads = 1
    """Threads per target."""
    json_: Json = False
    """Print the report as JSON instead of text."""

    def request(self, model: str | None, options: Options, *, out: Path) -> Request:
        """Open, read and check what is named.

        Args:
            model: As in `inkport verify`.
            options: Settings of the check.
            out: Folder of its files.

        Raises:
            InkportError: If something cannot be used.
        """
        return prepare_request(
            model,
            targets=self.chosen(),
            lines=self.lines,
            calibration=self.calibration,
            options=options,
            out=out,
        )


PORTS = PortOptions()
"""Every target that inkport knows, on the shipped lines."""
TARGETS = TargetOptions()
"""The usual targets, on the shipped lines."""
LINES = LineOptions()
"""The shipped lines."""
