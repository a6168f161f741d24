"""From a finder's recipe to pages in memory, and what pages are composed of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inkport.core.errors import LineDataError
from inkport.lines.roles import Role, record_digests
from inkport.train.finder.compose import Writing
from inkport.train.finder.page_set import FinderPage, read_pages
from inkport.train.finder.recipe import FinderRecipe
from inkport.train.synth.corpus import load_corpus
from inkport.train.synth.fonts import find_fonts, load_font


@dataclass(frozen=True, kw_only=True)
class PreparedPages:
    """What a finder learns from."""

    train: tuple[FinderPage, ...]
    """Pages to train on."""
    val: tuple[FinderPage, ...]
    """Pages that choose the best weights; none of them is trained on."""
    writing: Writing | None
    """What pages are composed of, if the recipe has composed ones."""
    digest: str
    """SHA-256 (hex) of the training pages with their lines, and of fonts and texts: what a checkpoint belongs to."""
    page_digests: Mapping[str, str]
    """Digests of the pages by role, for the provenance of the weights."""


def prepare_pages(recipe: FinderRecipe, base: Path) -> PreparedPages:
    """Read the recipe's pages, fonts and texts.

    Args:
        recipe: Names them.
        base: Folder that the recipe's relative paths start from.

    Raises:
        LineDataError: If a page cannot be used (``read_pages``), a page is both for training and for validation, or
            there is none; or if a text cannot be read.
        UsageError: If there is no folder of fonts.
        DataError: If a font cannot be used.
        RuntimeUnavailableError: If pyarrow is missing, or fontTools for composed pages.
    """
    train, val = (
        tuple(read_pages((base / path for path in paths), purpose=purpose))
        for paths, purpose in ((recipe.train, "training"), (recipe.val, "validation"))
    )
    if not train or not any(page.lines for page in val):
        lines = sum(len(page.lines) for page in val)
        raise LineDataError(f"train has {len(train)} pages and val {lines} lines; both need at least one")
    _refuse_shared(train, val)
    scenes = recipe.scenes
    fonts = find_fonts(base / scenes.fonts) if scenes.composed and scenes.fonts is not None else ()
    texts = tuple(base / path for path in scenes.texts) if scenes.composed else ()
    writing = Writing(fonts=tuple(map(load_font, fonts)), corpora=tuple(map(load_corpus, texts))) if fonts else None
    return PreparedPages(
        train=train,
        val=val,
        writing=writing,
        digest=_digest(train, (*fonts, *texts)),
        page_digests=record_digests(
            {Role.TRAIN: {page.digest for page in train}, Role.VAL: {page.digest for page in val}}
        ),
    )


def _refuse_shared(train: Sequence[FinderPage], val: Sequence[FinderPage]) -> None:
    named = {page.digest: page for page in train}
    for page in val:
        if (twin := named.get(page.digest)) is not None:
            raise LineDataError(
                f"page {page.id!r} ({page.dataset}) is in val, and in train as {twin.id!r} ({twin.dataset}): a "
                "validation page that was trained on says nothing",
                remedy="take it out of one of them: a page trains, or it validates",
            )


def _digest(pages: Sequence[FinderPage], files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for page in pages:
        digest.update(f"{page.digest} {page.dataset}".encode())
        for line in page.lines:
            digest.update(line.baseline.tobytes() + f"{line.above} {line.below} {line.measured}".encode())
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
