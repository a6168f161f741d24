"""The maps have a line where the moved image has its ink: an independent look at the pixels, not at the geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest


pytest.importorskip("torch", reason="train is a torch package")

from inkport.model.finder import STRIDE, TURNS
from inkport.train.finder.page_set import TrueLine
from inkport.train.finder.scene import BOTTOM, SIDE, TOP, Move, draw_maps, draw_move, make_example, take


PAGE = (700, 900)
LEFT, RIGHT, BASE, ABOVE, BELOW = 250.0, 650.0, 350.0, 50.0, 20.0
LINE = TrueLine(baseline=np.array([(LEFT, BASE), (RIGHT, BASE)]), above=ABOVE, below=BELOW)


def page_with(top, bottom, left=LEFT, right=RIGHT):
    """A white page with a black bar."""
    page = np.full(PAGE, 255, np.uint8)
    page[round(top) : round(bottom), round(left) : round(right)] = 0
    return page


def around(*, degrees=0.0, scale=1.0, tilt=(0.0, 0.0), centre=(450.0, 350.0)):
    """A move that puts ``centre`` of the page into the middle of the example."""
    angle = math.radians(degrees)
    linear = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.array(centre) - linear @ [SIDE / 2, SIDE / 2]
    lean, middle = np.eye(3), np.eye(3)
    lean[2, :2] = np.array(tilt) / SIDE
    middle[:2, 2] = SIDE / 2
    matrix = matrix @ middle @ lean @ np.linalg.inv(middle)
    return Move(matrix=matrix / matrix[2, 2])


def cells_of(image):
    """Share of ink in each cell of the maps."""
    cells = SIDE // STRIDE
    return 1 - image.reshape(cells, STRIDE, cells, STRIDE).mean(axis=(1, 3)) / 255


def middle_of(cells):
    """Centre of mass (y, x), in cells."""
    y, x = np.indices(cells.shape)
    return np.array([(y * cells).sum(), (x * cells).sum()]) / cells.sum()


MOVES = {
    "as-it-is": around(),
    "rotated": around(degrees=12),
    "rotated-back": around(degrees=-20, scale=1.2),
    "smaller": around(scale=1.9),
    "larger": around(scale=0.6, centre=(500, 360)),
    "perspective": around(degrees=5, tilt=(0.3, -0.2)),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_the_core_is_where_the_ink_of_a_bar_there_is(move):
    bar = page_with(BASE - TOP * ABOVE, BASE + BOTTOM * ABOVE)
    maps, known, _ = draw_maps((LINE,), move)
    ink = cells_of(take(bar, move, fill=255))
    assert ink.sum() > 100
    assert known.all()
    # Cells at the border are partly covered in both; what differs is less than half a cell all around.
    assert np.abs(maps[0] - ink).sum() / ink.sum() < 0.12
    assert np.abs(maps[0] - ink)[ink > 0.999].max() < 0.35


@pytest.mark.parametrize("name", ["as-it-is", "rotated", "rotated-back", "perspective"])
def test_starts_are_at_the_left_of_the_reader_and_ends_at_the_right(name):
    move = MOVES[name]
    reach = 0.5 * ABOVE
    maps, _, _ = draw_maps((LINE,), move)
    for channel, (left, right) in ((1, (LEFT, LEFT + reach)), (2, (RIGHT - reach, RIGHT))):
        ink = cells_of(take(page_with(BASE - TOP * ABOVE, BASE + BOTTOM * ABOVE, left, right), move, fill=255))
        assert ink.sum() > 20
        # In perspective the length of an end is that of the line's middle, hence the room.
        assert 0.6 < maps[channel].sum() / ink.sum() < 1.6
        assert np.abs(middle_of(maps[channel]) - middle_of(ink)).max() < 1


def test_a_line_turned_upside_down_is_not_to_be_found_and_nothing_is_said_of_its_place():
    for degrees in (90, 180, 270):
        move = around(degrees=degrees)
        ink = cells_of(take(page_with(BASE - 0.8 * ABOVE, BASE), move, fill=255))
        maps, known, _ = draw_maps((LINE,), move)
        assert maps[:3].max() == 0
        assert not known[ink > 0.99].any()
        assert known[ink == 0].mean() > 0.9


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_turn_is_that_of_the_text_in_the_example(degrees):
    # The page is taken turned by so much counter-clockwise where the example's axes turn clockwise.
    move = around(degrees=-degrees)
    _, _, turns = draw_maps((LINE,), move)
    found = set(np.unique(turns).tolist()) - {-1}
    assert found == {0, TURNS.index(str(degrees))}
    # Whichever way the class counts, a mark above the text tells: it is to the right of a text turned by 90 degrees.
    marked = take(page_with(BASE - 130, BASE - 90, 430, 470), move, fill=255)
    y, x = (values.mean() - SIDE / 2 for values in np.nonzero(marked < 128))
    side = {0: y < -50, 90: x > 50, 180: y > 50, 270: x < -50}
    assert side[degrees]


def test_nobody_says_how_a_slanted_line_has_been_turned():
    _, _, turns = draw_maps((LINE,), around(degrees=45))
    assert set(np.unique(turns).tolist()) == {-1, 0}


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (15, 1.5), (-10, 0.7)])
def test_heights_are_in_octaves_of_cells(degrees, scale):
    maps, _, _ = draw_maps((LINE,), around(degrees=degrees, scale=scale))
    there = maps[0] > 0.5
    assert np.allclose(maps[3][there], math.log2(ABOVE / scale / STRIDE), atol=0.01)
    assert np.allclose(maps[4][there], math.log2(BELOW / scale / STRIDE), atol=0.01)


def test_a_line_that_nobody_has_measured_is_unknown():
    guessed = TrueLine(baseline=LINE.baseline, above=ABOVE, below=BELOW, measured=False)
    maps, known, turns = draw_maps((guessed,), around())
    ink = cells_of(page_with(BASE - 0.9 * ABOVE, BASE)[94:606, 194:706])
    assert maps[0].max() == 0
    assert not known[ink > 0.99].any()
    assert set(np.unique(turns).tolist()) == {-1, 0}


def test_moves_come_with_every_turn_and_keep_to_the_page(rng):
    moves = [draw_move(rng, 1200, 1600) for _ in range(300)]
    turns = [round(math.atan2(m.matrix[1, 0], m.matrix[0, 0]) / (math.pi / 2)) % 4 for m in moves]
    assert {turns.count(turn) > 10 for turn in range(4)} == {True}
    assert turns.count(0) > 150
    centres = np.array([(m.matrix @ [SIDE / 2, SIDE / 2, 1]) for m in moves])
    centres = centres[:, :2] / centres[:, 2:]
    assert ((centres > 0) & (centres < (1200, 1600))).all()


def test_an_example_has_the_ink_and_the_maps_of_one_page(rng):
    page = page_with(BASE - 0.5 * ABOVE, BASE)
    for _ in range(12):
        example = make_example(page, (LINE,), np.full(PAGE, 255, np.uint8), rng)
        assert example.image.shape == (SIDE, SIDE)
        assert example.image.dtype == np.uint8
        core = np.kron(example.maps[0] > 0.9, np.ones((STRIDE, STRIDE))) > 0
        bare = np.kron((example.maps[0] == 0) & example.known, np.ones((STRIDE, STRIDE))) > 0
        if core.sum() > 500:
            # Half of the page's brightness lies between ink and paper in any light that is drawn.
            assert example.image[core].mean() < example.image[bare].mean() - 20
