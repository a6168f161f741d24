"""A line that is cropped otherwise is the same line, smaller and elsewhere; what is around it is paper or ink."""

from __future__ import annotations

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train.augment import augment  # noqa: E402
from inkport.train.crop import LEAST_MARGIN, MOST_MARGIN, TILT, recrop  # noqa: E402
from inkport.train.draw import generators  # noqa: E402
from inkport.train.recipe import AugmentRecipe  # noqa: E402


PAPER, PADDING = 0.8, 1.0


def cropped(images, widths, *, seed=0, probability=1.0, least=None):
    least = torch.zeros_like(widths) if least is None else least
    return recrop(images, widths, least, probability, generators(torch.device("cpu"), seed), background=PADDING)


def square(count=1):
    """A line of paper with a black square of 16 px in its middle, padded right."""
    images = torch.full((count, 1, 48, 220), PAPER)
    images[..., 200:] = PADDING
    images[:, :, 16:32, 92:108] = 0.0
    return images, torch.full((count,), 200)


def measured(image, width):
    """Height, width and centre of the ink, in pixels, and the share of the paper that is as light as it was."""
    ink = (PAPER - image[0, :, :width]).clamp(min=0) / PAPER
    down, along = ink.sum(1), ink.sum(0)
    rows, columns = torch.arange(len(down)) + 0.5, torch.arange(len(along)) + 0.5
    total = ink.sum()
    return down.sum() / along.max(), down.sum() / down.max(), (down @ rows) / total, (along @ columns) / total


def test_a_square_stays_a_square_as_much_smaller_as_the_crop_is_higher():
    heights, centres = [], []
    for seed in range(40):
        images, widths = square()
        result, (width,) = cropped(images, widths, seed=seed)
        high, wide, middle, place = measured(result[0], int(width))
        assert high == pytest.approx(wide, abs=1.0)
        size = 16 / float(high)
        assert 1 + 2 * LEAST_MARGIN - 0.05 <= size <= 1 + 2 * MOST_MARGIN + 0.05
        # To the left there are half the line's columns, and the margin.
        left = float(place) - 100 / size
        assert LEAST_MARGIN * 48 - 1 <= left * size <= MOST_MARGIN * 48 + 1
        assert abs(float(middle) - 24) * size <= (MOST_MARGIN - LEAST_MARGIN) / 2 * 48 + 1
        heights.append(size)
        centres.append(float(middle))
    assert max(heights) > 1.3
    assert min(heights) < 1.05
    assert max(centres) - min(centres) > 6


def test_what_it_takes_in_is_paper_and_what_is_beyond_is_padding():
    images, widths = square()
    for seed in range(10):
        result, (width,) = cropped(images, widths, seed=seed)
        around = result[0, 0, :, : int(width)]
        assert torch.isclose(around, torch.tensor(PAPER), atol=1e-4).float().mean() > 0.9
        assert around.max() <= PAPER + 1e-4
    images, widths = square(2)
    widths[1] = 120
    images[1, ..., 120:] = PADDING
    result, new = cropped(images, widths)
    assert result.shape[3] == new.max()
    assert (result[1, ..., int(new[1]) :] == PADDING).all()


def test_ink_that_touches_the_edge_does_not_run_into_the_margin():
    images = torch.full((1, 1, 48, 200), PAPER)
    images[..., :8, 96:104] = 0.0
    for seed in range(20):
        result, _ = cropped(images, torch.tensor([200]), seed=seed)
        high, *_ = measured(result[0], result.shape[3])
        assert high <= 8 / (1 + 2 * LEAST_MARGIN) + 1


def test_other_lines_reach_in_from_above_and_below_and_never_over_the_line():
    """The others are black bars at the bottom, or at the top; the line itself is empty."""
    images = torch.full((3, 1, 48, 200), PAPER)
    images[0, :, 42:] = 0.0
    images[2, :, :6] = 0.0
    above = below = neither = 0
    for seed in range(60):
        result, widths = cropped(images, torch.full((3,), 200), seed=seed)
        inner = result[1, 0, :, int(widths[1]) // 2]
        dark = (inner < 0.5).nonzero().flatten().tolist()
        above += any(row < 12 for row in dark)
        below += any(row > 36 for row in dark)
        neither += not dark
        assert all(row < 12 or row > 36 for row in dark)
    assert min(above, below, neither) > 5


def test_a_line_by_itself_has_no_neighbour():
    images = torch.full((1, 1, 48, 200), PAPER)
    images[..., 42:, :] = 0.0
    for seed in range(20):
        column = cropped(images, torch.tensor([200]), seed=seed)[0][0, 0, :, 90]
        assert (column[:12] > 0.7).all()


def test_tilt_stays_within_its_limit():
    images = torch.full((1, 1, 48, 600), PAPER)
    images[..., 22:26, :] = 0.0
    slopes = []
    rows = torch.arange(48) + 0.5
    for seed in range(30):
        result, (width,) = cropped(images, torch.tensor([600]), seed=seed)
        ink = (PAPER - result[0, 0]).clamp(min=0)
        # Well inside, where the side margins have no part of the bar.
        ends = [(ink[:, column] @ rows) / ink[:, column].sum() for column in (30, int(width) - 30)]
        slopes.append(float(ends[1] - ends[0]) / (int(width) - 60))
    assert max(map(abs, slopes)) <= TILT * 1.15
    assert max(slopes) > TILT / 3
    assert min(slopes) < -TILT / 3


def test_a_line_keeps_the_columns_that_ctc_needs():
    images, widths = square()
    for seed in range(20):
        _, new = cropped(images, widths, seed=seed, least=torch.tensor([190]))
        assert new.item() >= 190
    assert min(cropped(images, widths, seed=seed)[1].item() for seed in range(20)) < 190


def test_it_happens_to_as_many_lines_as_it_is_told():
    images, widths = square(200)
    result, new = cropped(images, widths, probability=0.3)
    same = (new == 200) & torch.isclose(result[..., :200], images[..., :200], atol=1e-3).all(dim=3).all(dim=2).squeeze()
    assert 100 < int(same.sum()) < 170
    first = augment(
        images, widths, torch.zeros(200), AugmentRecipe(crop=0.3), generators(torch.device("cpu"), 1), multiple=16
    )
    again = augment(
        images, widths, torch.zeros(200), AugmentRecipe(crop=0.3), generators(torch.device("cpu"), 1), multiple=16
    )
    assert torch.equal(first.images, again.images)
