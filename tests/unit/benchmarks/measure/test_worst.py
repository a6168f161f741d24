"""The writer that lost most: found, and not accused of having been chosen."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.benchmarks.measure.units import _largest_deviations, _own_spread, units_of, worst_writer
from inkport.lines.line import Line, hands


def make_lines(sizes, **who):
    return [
        Line(id=f"w{w}-{i}", image=b"", text="x", dataset="set", writer=f"w{w}", **who)
        for w, size in enumerate(sizes)
        for i in range(size)
    ]


def find(lines, difference, *, symbols=40, base=4, **options):
    reference = [base] * len(lines)
    target = [base + d for d in difference]
    names = [(line.dataset, line.id) for line in lines]
    return worst_writer(names, reference, target, [symbols] * len(lines), units_of(hands(lines)), **options)


def test_a_hand_that_no_longer_reads_is_named_with_its_figures():
    lines = make_lines([20] * 30)
    difference = [0] * 600
    difference[140:160] = [36 if i % 2 else 20 for i in range(20)]
    found = find(lines, difference)
    assert (found.kind, found.dataset, found.lines, found.symbols) == ("writer", "set", 20, 800)
    assert found.line in {f"w7-{i}" for i in range(1, 20, 2)}
    assert found.cer_reference == pytest.approx(0.1)
    assert found.cer == pytest.approx(0.8)
    assert found.delta == pytest.approx(0.7)
    assert 0.3 < found.interval[0] < 0.7 < found.interval[1]


def test_no_difference_is_no_loss():
    found = find(make_lines([5, 9, 7]), [0] * 21)
    assert (found.delta, found.interval) == (0.0, (0.0, 0.0))
    assert found.line.startswith("w1-")


def test_where_no_writer_is_known_there_is_no_worst():
    assert find([Line(id=str(i), image=b"", text="x") for i in range(9)], [0] * 9) is None


def test_documents_stand_in_for_writers():
    lines = [Line(id=str(i), image=b"", text="x", document="a" if i < 5 else "b") for i in range(10)]
    assert find(lines, [0] * 5 + [1] * 5).kind == "document"


@pytest.mark.parametrize("sizes", [[20] * 30, [5, 6, 8, 14, 14, 20, 21, 28, 34, 47, 214]], ids=["equal", "uneven"])
@pytest.mark.parametrize("changed", [0.05, 0.4])
def test_the_worst_by_chance_is_not_accused(sizes, changed):
    # No writer loses: the worst is the one that chance hit, and its interval must know that it was chosen.
    lines, chance, trials, covered = make_lines(sizes), np.random.default_rng(11), 200, 0
    deltas, halves = [], []
    for trial in range(trials):
        flipped = chance.random(len(lines)) < changed
        difference = np.where(flipped, chance.integers(1, 4, len(lines)) * chance.choice([-1, 1], len(lines)), 0)
        found = find(lines, difference.tolist(), seed=trial, resamples=200)
        assert found.delta >= 0
        covered += found.interval[0] <= 0 <= found.interval[1]
        deltas.append(found.delta)
        halves.append(found.interval[1] - found.delta)
    # 95 %, less three standard errors of 200 trials.
    assert covered / trials >= 0.95 - 3 * (0.95 * 0.05 / trials) ** 0.5
    if changed == 0.4 and len(set(sizes)) == 1:
        # Nor is it much wider than what choosing does, where many lines show how much all of them scatter.
        assert np.median(halves) < 1.5 * np.quantile(deltas, 0.95)


def test_an_interval_that_ignores_the_choice_would_accuse():
    # The same draws with the interval of a writer named beforehand: this is what the correction is for.
    chance, accused = np.random.default_rng(11), 0
    for _ in range(200):
        difference = np.where(chance.random(600) < 0.4, chance.choice([-2, -1, 1, 2], 600), 0).reshape(30, 20)
        worst = difference[np.argmax(difference.sum(1))]
        accused += worst.mean() - 1.96 * worst.std(ddof=1) / 20**0.5 > 0
    assert accused > 100


@pytest.mark.parametrize(("lines", "least"), [(1, 0.5), (2, 0.5), (200, 0.02)])
def test_few_lines_tell_little_about_their_writer(lines, least):
    sizes = [lines, *[20] * 20]
    difference = [10 + i % 3 for i in range(lines)] + [0, 1, -1, 0] * 100
    found = find(make_lines(sizes), difference)
    assert found.lines == lines
    assert found.interval[1] - found.interval[0] > least
    assert (found.interval[0] > 0.05) == (lines == 200)


def test_seed_decides_and_chunks_change_nothing_but_the_draws(monkeypatch):
    lines, difference = make_lines([10] * 8), [1, 0, 0, -1, 0, 2, 0, 0, 0, 0] * 8
    assert find(lines, difference, seed=1) == find(lines, difference, seed=1)
    whole = find(lines, difference, seed=1, resamples=4000).interval
    monkeypatch.setattr("inkport.benchmarks.measure.units.CHUNK", 80 * 7)
    assert find(lines, difference, seed=1, resamples=4000).interval == pytest.approx(whole, abs=0.01)
    residual = np.asarray(difference, dtype=float)
    drawn = _largest_deviations(residual, np.ones(80), units_of(hands(lines)), np.random.default_rng(0), 100)
    assert drawn.shape == (100,)


def test_seed_and_number_of_draws_are_named():
    """Both are whole numbers: by position, one could be taken for the other."""
    lines = make_lines([2] * 4)
    with pytest.raises(TypeError, match="positional"):
        worst_writer(
            [(line.dataset, line.id) for line in lines], [0] * 8, [0] * 8, [1] * 8, units_of(hands(lines)), 2000
        )


def test_three_times_the_loss_is_three_times_as_uncertain(rng):
    """Of a single line, of a few, and of many: the width has the unit of the loss."""
    for size in (1, 3, 50):
        lines = make_lines([size, *[20] * 10])
        loss = [9 + i % 4 for i in range(size)] + rng.integers(-1, 2, 200).tolist()
        once, thrice = (find(lines, [times * value for value in loss]).interval for times in (1, 3))
        assert thrice == pytest.approx((3 * once[0], 3 * once[1]))


def test_lines_that_lose_alike_are_no_proof_against_chance(rng):
    """The writer's own lines do not scatter at all, but it was chosen among lines that do."""
    found = find(make_lines([4, *[20] * 10]), [2] * 4 + rng.integers(-3, 4, 200).tolist())
    assert (found.lines, found.delta) == (4, 0.05)
    assert found.interval[0] < 0
    assert found.interval[1] > 0.1


def test_a_few_lines_of_one_writer_scatter_as_students_t_allows():
    # Three lines of 10 symbols: 4.303 is the 97.5 % point at two degrees of freedom, 1.95996 the normal one.
    difference, length = np.array([1.0, 2.0, 6.0]), np.full(3, 10.0)
    expected = 4.30265 / 1.95996 * np.std(difference, ddof=1) / 10**0.5
    assert _own_spread(difference, length, difference) == pytest.approx(expected, rel=1e-4)
    # About its own mean a single line would not scatter at all: what it differs from all lines counts.
    assert _own_spread(np.array([7.0]), np.array([16.0]), np.array([-5.0])) == pytest.approx(5 / 4)


def test_the_sentence_has_the_figures():
    lines = make_lines([20] * 10)
    found = find(lines, [8] * 20 + [0] * 180)
    low, high = (f"{100 * limit:+.2f}" for limit in found.interval)
    assert found.sentence(0.05) == (
        f"The writer of w0-0 is read at 30.00 instead of 10.00 % (20 lines; +20.00 points, 95 % interval as the worst "
        f"of all {low} to {high}); 5 are allowed on one writer."
    )
    alone = find(make_lines([1, 20, 20]), [30] + [0] * 40)
    assert "(1 line; +75.00 points" in alone.sentence(0.05)
