"""Connected parts of a mask are those that OpenCV finds."""

from __future__ import annotations

import cv2  # noqa: TID251 - the other library
import numpy as np
import pytest

from inkport.pages.components import components


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.5, 0.8, 1.0])
def test_they_are_those_of_another_library(share):
    rng = np.random.default_rng(round(10 * share))
    for _ in range(30):
        mask = rng.random(rng.integers(1, 40, 2)) < share
        labels, count = components(mask)
        theirs, labelled = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1], labels[mask]
        pairs = {*zip(labels[mask].tolist(), theirs[mask].tolist(), strict=True)}
        assert (labels == 0).tolist() == (~mask).tolist()
        assert len(pairs) == count == len({*labelled.tolist()}) == len({*theirs[mask].tolist()})
        assert {*labelled.tolist()} == {*range(1, count + 1)}


def test_parts_are_numbered_by_their_first_cell():
    mask = np.array([[0, 0, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 0, 0, 0], [0, 0, 0, 1, 1]], bool)
    labels, count = components(mask)
    assert count == 4
    assert labels.tolist() == [[0, 0, 1, 0, 2], [3, 0, 0, 0, 2], [3, 3, 0, 0, 0], [0, 0, 0, 4, 4]]
