"""Which sheet an example is taken from: a page, two of them, a composed one, or one without a line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inkport.core.errors import LineDataError
from inkport.train.finder.compose import Writing, compose_page
from inkport.train.finder.negatives import empty_sheet, picture_sheet
from inkport.train.finder.page_set import FinderPage
from inkport.train.finder.recipe import FinderRecipe
from inkport.train.finder.scene import Example, make_example
from inkport.train.finder.sheet import Sheet, sheet_of, spread


class Sheets:
    """What examples are taken from.

    Args:
        recipe: Says how often what is drawn.
        pages: Pages of page sets.
        writing: What pages are composed of; needed if the recipe has composed ones.

    Raises:
        LineDataError: If no page would ever be drawn.
    """

    def __init__(self, recipe: FinderRecipe, pages: Sequence[FinderPage], writing: Writing | None) -> None:
        self._scenes, self._pages, self._writing = recipe.scenes, pages, writing
        often = np.array([recipe.shares.get(page.dataset, 1.0) for page in pages])
        if not often.sum() > 0:
            raise LineDataError(
                f"none of {len(pages)} training pages would ever be drawn", remedy="give a data set a share above 0"
            )
        self._often = often / often.sum()

    def draw(self, rng: np.random.Generator) -> Sheet:
        """Draw a sheet."""
        chance, scenes = float(rng.random()), self._scenes
        if self._writing is not None and chance < scenes.composed:
            sheet = compose_page(self._writing, rng)
        elif chance < scenes.composed + scenes.empty:
            return empty_sheet(rng)
        elif chance < scenes.composed + scenes.empty + scenes.pictures:
            return picture_sheet(rng)
        else:
            sheet = self._page(rng)
        return spread(sheet, self._page(rng), rng) if rng.random() < scenes.spreads else sheet

    def example(self, rng: np.random.Generator) -> Example:
        """Draw an example: a piece of a sheet, with the ink of some page behind it."""
        sheet = self.draw(rng)
        return make_example(sheet.gray, sheet.lines, self._page(rng).gray, rng)

    def _page(self, rng: np.random.Generator) -> Sheet:
        return sheet_of(self._pages[int(rng.choice(len(self._pages), p=self._often))])
