"""What is asked of a check: one request, whatever is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inkport.benchmarks.run.options import VerifyOptions
from inkport.benchmarks.run.reference import Provide
from inkport.core.artifact import Artifact
from inkport.core.beam import BeamDecoder
from inkport.core.errors import LineDataError, UnknownRuntimeError
from inkport.core.registry import runtime_names
from inkport.core.target import Target
from inkport.lines.audit import Audit


@dataclass(frozen=True, kw_only=True)
class Request:
    """A model, targets, and lines to check them on."""

    model: Artifact
    """The model as handed in."""
    targets: Sequence[Target]
    """The targets, names unique."""
    audit: Audit
    """The usable lines, prepared for this model."""
    sources: Sequence[str] = ()
    """Names of the line sets."""
    provide: Provide
    """Returns the artifact of a target."""
    options: Any = field(default_factory=VerifyOptions)
    """Settings, in the class of the check."""
    out: Path | None = None
    """Folder of the run, for a check that writes more than its report."""
    beam: BeamDecoder | None = None
    """Decodes the logits of the reference and of every target with a language model; greedy decoding if None."""

    def refuse(self) -> None:
        """Refuse what cannot be checked.

        Raises:
            LineDataError: If there is no usable line.
            UnknownRuntimeError: If a target names a runtime that is not registered.
        """
        check_targets(self.targets)
        if not self.audit.lines:
            raise LineDataError("there is no usable line to check on", remedy="pass line sets with --lines")


def check_targets(targets: Sequence[Target]) -> None:
    """Refuse targets whose runtime nobody registered: that is a misspelt request, not an unavailable target.

    Raises:
        UnknownRuntimeError: If there is one.
    """
    names = runtime_names()
    for target in targets:
        if target.runtime not in names:
            raise UnknownRuntimeError(
                f"target {target.name!r}: runtime {target.runtime!r} is not registered",
                remedy=f"registered runtimes: {', '.join(names)}",
            )
