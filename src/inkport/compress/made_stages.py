"""Making the stages: each once, in order; what failed stops only what is made from it."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inkport.benchmarks.run.environment import without_folders
from inkport.compress.recipe import StageRow
from inkport.compress.stage import START, Context, Inputs
from inkport.compress.store import FORMAT_VERSION, Record, StageFolder, stage_key
from inkport.core.artifact import Artifact
from inkport.core.config import to_plain
from inkport.core.errors import InkportError, RuntimeUnavailableError, is_refusal
from inkport.core.files import write_atomically
from inkport.export.record import tool_versions
from inkport.train.recipe import digest_settings


class Status(StrEnum):
    """How a stage ended."""

    MADE = "made"
    """Its artifact was made in this run."""
    KEPT = "kept"
    """Its artifact was there, made from the same inputs, and undamaged."""
    FAILED = "failed"
    """It could not be made."""
    UNAVAILABLE = "unavailable"
    """A package that it needs is not installed here."""
    SKIPPED = "skipped"
    """Its parent was not made."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A stage after its turn."""

    row: StageRow
    """The stage."""
    status: Status
    """How it ended."""
    reason: str = ""
    """Why there is no artifact; empty if there is one."""
    artifact: Artifact | None = None
    """The artifact."""
    parent_sha256: str | None = None
    """Digest of the parent's artifact."""


def run_stages(stages: Sequence[StageRow], start: Artifact, context: Context, out: Path) -> Mapping[str, Made]:
    """Make every stage that is not there yet.

    Args:
        stages: The stages, each after its parent.
        start: What the recipe starts from.
        context: Shared things.
        out: Folder of the run; a stage's is ``stages/NAME`` in it.

    Returns:
        One entry per stage, by name, in their order.

    Raises:
        InkportError: If the settings of a stage cannot work, or lines have two roles; nothing has been made then.
    """
    inputs = {row.name: _inputs(row, context) for row in stages}
    _check_lines((found for found in inputs.values() if isinstance(found, Inputs)), context)
    artifacts: dict[str, Artifact] = {START: start}
    made: dict[str, Made] = {}
    for row in stages:
        parent, found = artifacts.get(row.parent), inputs[row.name]
        if parent is None:
            reason = f"its parent {row.parent} was not made"
            made[row.name] = Made(row=row, status=Status.SKIPPED, reason=reason)
        elif isinstance(found, RuntimeUnavailableError):
            made[row.name] = _failed(row, found, parent)
        else:
            made[row.name] = _run(row, found, parent, context, StageFolder(path=out / "stages" / row.name))
        result = made[row.name]
        context.say(f"stage {row.name}: {result.status}" + (f": {result.reason}" if result.reason else ""))
        if result.artifact is not None:
            artifacts[row.name] = result.artifact
    return made


def _check_lines(inputs: Iterable[Inputs], context: Context) -> None:
    lines = context.found
    train, val = set(lines.train), set(lines.val)
    for found in inputs:
        train.update(found.train)
        val.update(found.val)
    context.index.check_roles({"train": sorted(train), "val": sorted(val), "test": lines.test})


def _run(row: StageRow, inputs: Inputs, parent: Artifact, context: Context, folder: StageFolder) -> Made:
    # A key that a later version adds counts only away from its default.
    key = stage_key(row.kind, digest_settings(row.stage), inputs.digests, parent.digest)
    if (found := folder.find(key)) is not None:
        return Made(row=row, status=Status.KEPT, artifact=found, parent_sha256=parent.digest)
    work = folder.work(key)
    work.mkdir(parents=True, exist_ok=True)
    context.say(f"stage {row.name}: {row.kind} from {row.parent}")
    try:
        artifact = row.stage.make(parent, folder.artifact, work=work, context=context)
    except Exception as error:  # whatever a converter raises, the other stages go on, unless the machine is full
        if is_refusal(error):
            raise
        if not isinstance(error, InkportError):
            write_atomically(folder.path / "error.txt", traceback.format_exc())
        return _failed(row, error, parent)
    folder.finish(
        Record(
            schema=FORMAT_VERSION,
            kind=row.kind,
            settings=to_plain(row.stage),
            inputs=inputs.digests,
            parent=row.parent,
            parent_sha256=parent.digest,
            key=key,
            artifact_sha256=artifact.digest,
            tools={**tool_versions(), **artifact.provenance.tools},
        )
    )
    return Made(row=row, status=Status.MADE, artifact=artifact, parent_sha256=parent.digest)


def _inputs(row: StageRow, context: Context) -> Inputs | RuntimeUnavailableError:
    try:
        return row.stage.inputs(context)
    except RuntimeUnavailableError as error:
        return error  # a package is missing: that is this stage's matter, and those of its descendants


def _failed(row: StageRow, error: Exception, parent: Artifact) -> Made:
    status = Status.UNAVAILABLE if _is_missing(error) else Status.FAILED
    return Made(row=row, status=status, reason=_sentence(error), parent_sha256=parent.digest)


def _is_missing(error: Exception) -> bool:
    return isinstance(error, RuntimeUnavailableError) or isinstance(error.__cause__, ModuleNotFoundError)


def _sentence(error: Exception) -> str:
    reason = error.message if isinstance(error, InkportError) else repr(error)
    fix = f" (fix: {error.remedy})" if isinstance(error, InkportError) and error.remedy else ""
    return without_folders(reason + fix)
