"""One revision of a repository on the hub: what lies in it, and a copy here of what is wanted of it.

Files are kept in its cache, whose
place ``HF_HOME`` sets; with ``HF_HUB_OFFLINE=1`` nothing is asked of anybody, and what is in the cache is taken.
"""

from __future__ import annotations

import glob
import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inkport.core.errors import HubError, HubUnavailableError, needing
from inkport.core.files import sha256_file
from inkport.core.hub.manners import bars_for_a_viewer, hub_errors
from inkport.core.hub.reference import HubReference


MOST_SHOWN = 8
"""Names of a listing that an error shows."""
MOST_NAMED = 200
"""Files that are asked for by name. huggingface_hub compares every name with every file of the repository, which takes
minutes for the 20,000 files of 10,000 lines."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """One revision of a repository."""

    reference: HubReference
    """What was asked for."""
    commit: str
    """The commit that it is, in hex; what the cache calls its newest one without a network."""
    files: Mapping[str, str | None] = field(repr=False)
    """SHA-256 (hex) of each file as the hub knows it, by its path; None where it knows none, as of small ones."""
    licence: str
    """What the repository's card names as the licence; empty if it does not say, or without a network."""
    root: Path | None = None
    """Its folder in the cache, where the network is not to be used."""

    def fetch(self, names: Collection[str]) -> Path:
        """Bring files here, unless they are, and return the folder that they lie in, under these names.

        Args:
            names: Paths in the repository, each of them in ``files``.

        Raises:
            HubUnavailableError: If the hub cannot be reached, or does not let us have them.
            HubError: If one came damaged.
        """
        root = self.root or self._download(names)
        for name in names:
            if not (root / name).is_file():
                raise HubUnavailableError(f"{self.reference.repository}: {name} did not arrive", remedy="try again")
            known = self.files[name]
            if known is not None and (found := sha256_file(root / name)) != known:
                raise HubError(
                    f"{self.reference.repository}: {name} came with SHA-256 {found[:12]}..., the hub says "
                    f"{known[:12]}...: it is damaged",
                    remedy=f"remove {(root / name).resolve()}, and fetch it again",
                )
        return root

    def _download(self, names: Collection[str]) -> Path:
        from huggingface_hub import snapshot_download

        with hub_errors(self.reference), bars_for_a_viewer():
            folder = snapshot_download(
                self.reference.repo,
                repo_type=self.reference.kind.value,
                # Not the commit: what the cache is asked for without a network is the branch.
                revision=self.reference.revision,
                allow_patterns=_patterns(names),
            )
        if Path(folder).name != self.commit:
            raise HubUnavailableError(
                f"{self.reference.repository}: found commit {self.commit[:12]}, and then {Path(folder).name[:12]}",
                remedy="try again: it changed meanwhile, or the connection was lost",
            )
        return Path(folder)

    def listing(self, below: str = "", *, suffixes: tuple[str, ...] = ("",)) -> str:
        """Return the names of a few files, for an error's sentence: those below a folder, with one of the suffixes."""
        names = sorted(name for name in self.files if name.startswith(below) and name.lower().endswith(suffixes))
        rest = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
        return (", ".join(names[:MOST_SHOWN]) + rest) or "nothing"


def open_repository(reference: HubReference) -> Repository:
    """Look up a repository on the hub, or in the cache where the network is not to be used.

    Raises:
        HubUnavailableError: If the hub cannot be reached, does not let us in, or the cache lacks it.
        HubError: If there is no such repository or revision.
        RuntimeUnavailableError: If huggingface_hub is not installed.
    """
    with needing(f"{reference.repository}:", extra="hub"):
        from huggingface_hub import HfApi, constants, snapshot_download
    where = {"repo_id": reference.repo, "repo_type": reference.kind.value, "revision": reference.revision}
    with hub_errors(reference):
        if constants.HF_HUB_OFFLINE:
            # No file is called like this: what is asked for is only the folder.
            root = Path(snapshot_download(**where, local_files_only=True, allow_patterns=["\0"]))
            names = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()}
            return Repository(reference=reference, commit=root.name, files=dict.fromkeys(names), licence="", root=root)
        info = HfApi().repo_info(**where, files_metadata=True)
    return Repository(
        reference=reference,
        commit=str(info.sha),
        files={file.rfilename: file.lfs.sha256 if file.lfs else None for file in info.siblings or ()},
        licence=_licence(info.card_data),
    )


def _patterns(names: Collection[str]) -> list[str]:
    """Return what huggingface_hub picks files by: their names, or of many files the folders and the suffixes."""
    if len(names) <= MOST_NAMED:
        return [glob.escape(name) for name in names]
    kinds = {(posixpath.dirname(name), posixpath.splitext(name)[1]) for name in names}
    return sorted(f"{glob.escape(posixpath.join(folder, ''))}*{glob.escape(suffix)}" for folder, suffix in kinds)


def _licence(card: Any) -> str:
    named = card.get("license") if card is not None else None
    if named == "other":
        named = card.get("license_name")
    return ", ".join(map(str, named)) if isinstance(named, list) else str(named or "")
