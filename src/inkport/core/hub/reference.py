"""``hf://user/model@revision/path``: what a name on the hub means, without asking the hub.

Written as huggingface_hub's file system has it: ``datasets/`` before the repository of a line set, a branch, tag or
commit behind ``@``, and a place inside the repository behind a slash.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inkport.core.documents import shorten
from inkport.core.errors import UsageError


SCHEME = "hf:"
"""What a reference begins with."""
REMEDY = "write hf://user/model, hf://user/model@revision, or hf://datasets/user/set/lines.parquet"
_NAME = r"[A-Za-z0-9][\w.-]*"
# No owner is called like a kind of repository.
_OWNER = rf"(?!(?:buckets|datasets|kernels|models|spaces)/){_NAME}"
# Revisions hold no slash, but for those that the hub itself makes of pull requests and of conversions.
_REVISION = r"(?:refs/(?:pr|convert)/)?[\w.-]+"
# One slash is enough: paths of Python hold no two of them in a row.
_REFERENCE = re.compile(
    rf"hf:/{{1,2}}(?P<kind>(?:datasets|models)/)?(?P<repo>{_OWNER}/{_NAME})(?:@(?P<revision>{_REVISION}))?"
    rf"(?:/(?P<path>.*))?",
    re.ASCII,
)


class Kind(StrEnum):
    """What a repository holds, in the hub's words."""

    MODEL = "model"
    DATASET = "dataset"


@dataclass(frozen=True, kw_only=True)
class HubReference:
    """A repository on the hub, or a place inside it."""

    repo: str
    """Owner and name, with a slash."""
    kind: Kind = Kind.MODEL
    """What it holds."""
    revision: str | None = None
    """Branch, tag or commit; the main branch if None."""
    path: str = ""
    """A file or folder in it, with forward slashes; the whole repository if empty."""

    @property
    def page(self) -> str:
        """Where the repository's page is, behind the hub's address."""
        return f"datasets/{self.repo}" if self.kind is Kind.DATASET else self.repo

    @property
    def repository(self) -> str:
        """The repository and its revision as they are written."""
        return f"hf://{self.page}" + (f"@{self.revision}" if self.revision else "")

    def __str__(self) -> str:
        return f"{self.repository}/{self.path}" if self.path else self.repository

    def within(self, name: str) -> str:
        """Return where in the repository a file is that lies in ``path``."""
        return f"{self.path}/{name}" if self.path else name


def is_reference(name: str | os.PathLike[str]) -> bool:
    """Whether a name can only be meant as one on the hub, rightly written or not."""
    return Path(name).as_posix().startswith(f"{SCHEME}/")


def parse_reference(name: str | os.PathLike[str]) -> HubReference:
    """Return what a name on the hub means.

    Args:
        name: The reference; a path that was made of it does as well.

    Raises:
        UsageError: If it is no reference.
    """
    text = Path(name).as_posix()
    found = _REFERENCE.fullmatch(text)
    path = (found["path"] or "").rstrip("/") if found else ""
    if found is None or "\0" in path or "\\" in path or {"", ".", ".."} & set(path.split("/") if path else ()):
        raise UsageError(f"{shorten(text)} names nothing on the hub", remedy=REMEDY)
    return HubReference(
        repo=found["repo"],
        kind=Kind.DATASET if found["kind"] == "datasets/" else Kind.MODEL,
        revision=found["revision"],
        path=path,
    )


def within(base: Path, name: Path) -> Path:
    """Return a path that a file in ``base`` names: relative to that folder, unless it is one on the hub."""
    return name if is_reference(name) else base / name
