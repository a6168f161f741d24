"""Measures of pages, against independent oracles."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import jiwer
import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkport.benchmarks.measure.assignment import cheapest_pairs
from inkport.benchmarks.measure.line_matches import covered_length, length_of, match_lines, require_few
from inkport.benchmarks.measure.page_scores import score_page, sum_scores
from inkport.core.errors import DataError
from inkport.core.metrics import plain_edit_distance
from inkport.pages.crop import Strip
from inkport.pages.strips import outline_of


def texts(rng, letters, longest):
    """Up to four lines of random letters, none of them empty."""
    return ["a" + "".join(rng.choice(list(letters), rng.integers(0, longest))) for _ in range(rng.integers(1, 5))]


def path(*points):
    return np.array(points, np.float64)


def box(left, top, right, bottom):
    return path((left, top), (right, top), (right, bottom), (left, bottom))


def level(y, begin=0, end=100):
    return path((begin, y), (end, y))


# Pairs of least cost


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 5), (5, 2), (6, 6)])
def test_pairs_are_the_cheapest_of_all(shape, rng):
    for kind in (rng.normal(size=shape), rng.integers(0, 3, shape).astype(float), np.zeros(shape)):
        found = cheapest_pairs(kind)
        rows, columns = zip(*found, strict=True)
        assert len(set(rows)) == len(set(columns)) == len(found) == min(shape)
        wide = kind if shape[0] <= shape[1] else kind.T
        least = min(
            sum(wide[row, column] for row, column in enumerate(chosen))
            for chosen in itertools.permutations(range(wide.shape[1]), wide.shape[0])
        )
        assert sum(kind[pair] for pair in found) == pytest.approx(least)


def test_many_pairs_cost_what_another_implementation_says(rng):
    optimize = pytest.importorskip("scipy.optimize", reason="another implementation")
    for shape in ((60, 60), (40, 70), (70, 40)):
        costs = rng.integers(-50, 50, shape).astype(float)
        rows, columns = optimize.linear_sum_assignment(costs)
        assert sum(costs[pair] for pair in cheapest_pairs(costs)) == costs[rows, columns].sum()


# What a strip covers


def test_a_part_of_a_path_is_covered():
    assert covered_length(level(5), box(20, 0, 50, 10)) == pytest.approx(30)
    assert covered_length(level(50), box(20, 0, 50, 10)) == 0
    assert covered_length(path((0, 0), (60, 80)), box(0, 0, 30, 100)) == pytest.approx(50)
    comb = path((0, 0), (10, 0), (10, 8), (20, 8), (20, 0), (30, 0), (30, 10), (0, 10))
    assert covered_length(level(4, 0, 30), comb) == pytest.approx(20)


def test_coverage_is_what_pixels_say(rng):
    """Outlines drawn by Pillow at 16 times the size, and looked up along the path."""
    for _ in range(30):
        outline = rng.uniform(0, 60, (int(rng.integers(3, 8)), 2))
        line = rng.uniform(0, 60, (3, 2))
        mask = Image.new("1", (60 * 16, 60 * 16))
        drawing = ImageDraw.Draw(mask)
        # Pillow fills self-crossing outlines by the even-odd rule as well.
        drawing.polygon([tuple(point * 16 - 0.5) for point in outline], fill=1)
        places = np.concatenate(
            [a + (b - a) * ((np.arange(4000) + 0.5) / 4000)[:, None] for a, b in itertools.pairwise(line)]
        )
        weights = np.repeat([math.dist(a, b) / 4000 for a, b in itertools.pairwise(line)], 4000)
        columns, rows = np.clip((places * 16).astype(int), 0, 959).T
        expected = weights[np.asarray(mask)[rows, columns]].sum()
        assert covered_length(line, outline) == pytest.approx(expected, abs=0.02 * length_of(line) + 0.5)


# Which line is which strip


def test_a_line_is_matched_by_a_strip_over_enough_of_its_baseline():
    for begin, matched in ((39, 1), (41, 0)):
        found = match_lines([level(10)], [box(begin, 0, 100, 20)])
        assert len(found.pairs) == matched
        assert (found.true, found.found) == (1, 1)


def test_a_strip_over_two_lines_is_the_longer_ones():
    merged = match_lines([level(10, 0, 100), level(30, 0, 90)], [box(0, 0, 100, 40)])
    assert merged.pairs == ((0, 0),)
    assert (merged.recall, merged.precision) == (0.5, 1.0)


def test_a_line_has_one_strip_and_the_others_are_found_for_nothing():
    found = match_lines([level(10)], [box(0, 5, 70, 20), box(0, 0, 90, 20), box(200, 0, 300, 20)])
    assert found.pairs == ((0, 1),)
    assert (found.recall, found.precision) == (1.0, pytest.approx(1 / 3))


def test_halves_of_a_line_do_not_match_it():
    found = match_lines([level(10)], [box(0, 0, 55, 20), box(45, 0, 100, 20)])
    assert (found.pairs, found.recall, found.precision) == ((), 0.0, 0.0)


def test_pages_without_lines():
    assert math.isnan(match_lines([], []).recall)
    assert math.isnan(match_lines([level(1)], []).precision)
    assert match_lines([level(1)], []).recall == 0
    assert match_lines([], [box(0, 0, 1, 1)]).precision == 0


def test_strips_in_excused_boxes_are_not_counted_unless_they_match():
    outlines = [box(0, 0, 100, 20), box(0, 50, 100, 70), box(0, 100, 100, 120)]
    baselines = [level(10), level(60), level(110)]
    excused = [box(0, 45, 70, 75), box(0, 0, 100, 20)]
    found = match_lines([level(10)], outlines, found_baselines=baselines, excused=excused)
    assert (found.pairs, found.found, found.precision) == (((0, 0),), 2, 0.5)
    less = match_lines([level(10)], outlines, found_baselines=baselines, excused=[box(0, 45, 55, 75)])
    assert less.found == 3
    with pytest.raises(DataError, match="3 strips with 0 baselines"):
        match_lines([level(10)], outlines, excused=excused)


def test_few_boxes_may_be_excused():
    require_few(3, 100)
    with pytest.raises(DataError, match="4 boxes are excused with 100 true lines, at most 3%"):
        require_few(4, 100)


def test_the_outline_of_a_strip_covers_its_own_baseline_and_no_other():
    baseline = ((10.0, 90.0), (60.0, 50.0), (110.0, 20.0))
    outline = np.array(outline_of(Strip(baseline=baseline, above=12, below=6)))
    assert covered_length(np.array(baseline), outline) == pytest.approx(length_of(np.array(baseline)), rel=1e-3)
    assert covered_length(np.array(baseline) + np.array([0, 25]), outline) == 0
    # Twelve above and six below, across the chord.
    shifted = {side: np.array(baseline) + np.array([70, 100]) / math.hypot(70, 100) * side for side in (-11.9, 5.9)}
    assert all(covered_length(line, outline) > 0.9 * length_of(line) for line in shifted.values())


# Texts


def test_page_cer_is_that_of_the_joined_text(rng):
    for _ in range(20):
        true, read = texts(rng, "abc ", 12), texts(rng, "abc ", 12)
        found = score_page(true, read)
        joined = [" ".join(" ".join(lines).split()) for lines in (true, read)]
        assert found.cer == pytest.approx(jiwer.cer(*joined))
        common = (Counter(joined[0].split()) & Counter(joined[1].split())).total()
        precision, recall = common / len(joined[1].split()), common / len(joined[0].split())
        expected = 2 * precision * recall / (precision + recall) if common else 0
        assert found.word_f1 == pytest.approx(expected)


def test_the_order_of_lines_counts_for_page_cer_alone():
    true = ["first line", "second one", "the third"]
    found = score_page(true, [true[2], true[0], true[1]])
    assert found.order_free_cer == 0
    assert found.cer > 0.5
    assert found.word_f1 == 1


def test_order_free_edits_are_the_fewest_of_all_pairings(rng):
    for _ in range(10):
        true, read = texts(rng, "ab", 6), texts(rng, "ab", 6)
        longer, shorter = sorted((true, read), key=len, reverse=True)
        expected = min(
            sum(plain_edit_distance(a, b) for a, b in zip(chosen, shorter, strict=True))
            + sum(map(len, longer))
            - sum(map(len, chosen))
            for chosen in itertools.permutations(longer, len(shorter))
        )
        assert score_page(true, read).line_edits == expected


def test_nothing_read_and_nothing_there():
    nothing = score_page(["abc de"], [])
    assert (nothing.cer, nothing.order_free_cer, nothing.word_f1) == (1, 1, 0)
    noise = score_page([], ["ab"])
    assert (noise.edits, noise.line_edits, noise.symbols) == (2, 2, 0)
    assert math.isnan(noise.cer)
    assert sum_scores([nothing, noise]).cer == pytest.approx(8 / 6)
    assert math.isnan(sum_scores([]).cer)
