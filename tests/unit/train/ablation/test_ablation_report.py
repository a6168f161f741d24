from __future__ import annotations

import json
from statistics import fmean, stdev

import jsonschema
import pytest

from inkport.benchmarks.report.schema import schema_of
from inkport.core.errors import LineDataError
from inkport.lines.line import Line
from inkport.train.ablation.ablation_report import (
    AblationReport,
    ArmInfo,
    Said,
    compare_arms,
    gather,
    mean_over_seeds,
    render_ablation,
    rows_of,
)


T_2 = 4.302653
"""Student's t, 97.5 %, two degrees of freedom, from a printed table."""


def lines(count, writers=5):
    return [Line(id=f"l{i}", image=b"", text="", dataset="ab"[i % 2], writer=f"w{i % writers}") for i in range(count)]


def evaluation(edits, count, *, skipped=0):
    rows = [[line.id, line.dataset, line.writer, 10, edits(i)] for i, line in enumerate(lines(count))]
    return {"weights_sha256": "0" * 64, "roles": {"val": [{"sha256": "1" * 64, "skipped": skipped, "lines": rows}]}}


def test_interval_over_seeds_is_students():
    values = [0.051, 0.048, 0.055]
    mean, (low, high) = mean_over_seeds(values)
    half = T_2 * stdev(values) / 3**0.5
    assert (mean, low, high) == pytest.approx((fmean(values), fmean(values) - half, fmean(values) + half), abs=1e-8)
    assert mean_over_seeds([0.05]) == (0.05, None)


def test_seeds_are_paired():
    """What a seed does to both arms cancels; it would drown the difference of unpaired means."""
    reference = [[3] * 40, [1] * 40, [6] * 40]
    better = [[e - 1 for e in seed] for seed in reference]
    found = compare_arms(better, reference, [10] * 40, lines(40))
    assert found.mean == pytest.approx(-0.1)
    assert found.over_seeds == pytest.approx((-0.1, -0.1))
    assert found.said is Said.BETTER
    assert compare_arms(reference, better, [10] * 40, lines(40)).said is Said.WORSE


def test_lines_count_by_writer_with_all_seeds_together():
    reference = [[2] * 40] * 3
    # Two of ten writers carry the whole difference, the same with every seed: other writers may well show none.
    arm = [[0 if i % 5 == 0 else 2 for i in range(40)]] * 3
    found = compare_arms(arm, reference, [10] * 40, lines(40))
    assert (found.unit, found.clusters) == ("writer", 10)
    assert found.over_seeds == pytest.approx((found.mean, found.mean))
    assert found.over_lines[0] < found.mean < 0 < found.over_lines[1]
    assert found.said is Said.OPEN


def test_seeds_that_disagree_show_nothing():
    reference = [[2] * 40] * 3
    arm = [[1] * 40, [1] * 40, [4] * 40]
    found = compare_arms(arm, reference, [10] * 40, lines(40))
    assert found.over_lines == pytest.approx((0, 0), abs=1e-9)
    assert found.over_seeds[0] < 0 < found.over_seeds[1]
    one = compare_arms(arm[:1], reference[:1], [10] * 40, lines(40))
    assert one.over_seeds is None
    assert one.said is Said.OPEN


def report(evaluations, budgets):
    arms = tuple(
        ArmInfo(name=n, changes={}, steps=s, batch=8, lines_seen=8 * s, weights_sha256=("0" * 64,) * 3)
        for n, s in budgets.items()
    )
    rows = rows_of("val", gather(evaluations, "val"), "none")
    return AblationReport(
        base="base.toml",
        reference="none",
        seeds=(1, 2, 3),
        equal_budgets=len(set(budgets.values())) == 1,
        arms=arms,
        sets={"val": ("1" * 64,)},
        skipped={"val": 2},
        rows=tuple(rows),
    )


def test_the_report_has_every_data_set_apart_and_keeps_to_its_schema():
    evaluations = {
        "none": [evaluation(lambda _, s=s: 2 + s, 40) for s in range(3)],
        "taught": [evaluation(lambda i, s=s: 1 + s if i % 2 else 2 + s, 40) for s in range(3)],
    }
    made = report(evaluations, {"none": 5, "taught": 5})
    schema = schema_of("ablate")
    jsonschema.validate(json.loads(made.to_json()), schema)
    rows = {(row.dataset, row.arm): row for row in made.rows}
    assert set(rows) == {(d, a) for d in ("all", "a", "b") for a in ("none", "taught")}
    assert rows["all", "none"].cer == pytest.approx((0.2, 0.3, 0.4))
    assert rows["b", "taught"].cer == pytest.approx((0.1, 0.2, 0.3))
    assert rows["a", "taught"].difference.mean == 0
    assert rows["b", "taught"].difference.said is Said.BETTER
    assert rows["all", "none"].difference is None
    text = render_ablation(made)
    assert "same budget: 5 steps of 8 lines, 40 lines seen" in text
    assert "2 unusable lines of val were left out" in text
    assert (
        "| taught | 20.00 | -4.84 .. 44.84 | -10.00 | -10.00 .. -10.00 | -10.00 .. -10.00 (5 writers) | better |"
        in text
    )
    assert "The budgets differ" in render_ablation(report(evaluations, {"none": 5, "taught": 6}))


def test_runs_on_other_lines_are_refused():
    evaluations = {"none": [evaluation(lambda _: 1, 8)], "taught": [evaluation(lambda _: 1, 7)]}
    with pytest.raises(LineDataError, match="'taught' was evaluated on other lines"):
        gather(evaluations, "val")
