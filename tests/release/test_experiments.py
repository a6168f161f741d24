"""Tables of experiments, which do not change with the shipped weights, are those of their committed reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]


def test_the_frames_table_is_the_committed_report():
    text = (ROOT / "docs/frames.md").read_text(encoding="utf-8")
    shares = _report("frames")
    assert len(shares) == 15
    for s in shares:
        mean, few, tight = f"{s['mean_frames']:.0f}", f"{s['too_few']:.3%}", f"{s['tight']:.2%}"
        assert f"| {s['height']} | {s['stride']} | {mean} | {few} | {tight} | {s['lines']} |" in text


def test_the_table_of_distillation_is_the_committed_report():
    report = _report("distil")
    text = (ROOT / "docs/distillation.md").read_text(encoding="utf-8")
    rows = [row for row in report["rows"] if (row["role"], row["dataset"]) == ("val", "all")]
    assert len(rows) == len(report["arms"]) == 7
    for row in rows:
        difference = row["difference"]
        told = f"{100 * difference['mean']:+.2f}" if difference else "reference"
        assert f"| {row['arm']} | {100 * row['mean']:.2f} | {told} |" in text


def test_the_table_of_synthetic_lines_is_the_committed_report():
    report = _report("synth-ablation")
    text = (ROOT / "docs/synth.md").read_text(encoding="utf-8")
    means = {(row["role"], row["dataset"], row["arm"]): row["mean"] for row in report["rows"]}
    told = [row for row in report["rows"] if row["arm"] == "synth" and row["role"] != "val" and row["lines"] > 1]
    assert len(told) == 13
    for row in told:
        rates = f"{100 * means[row['role'], row['dataset'], 'real']:.2f} | {100 * row['mean']:.2f}"
        assert f"| {row['lines']} | {rates} | {100 * row['difference']['mean']:+.2f} |" in text


def test_the_table_of_six_languages_is_the_committed_report():
    report = _report("synth-multilingual")
    text = (ROOT / "docs/synth.md").read_text(encoding="utf-8")
    sets = report["targets"][0]["parity"]["datasets"]
    assert len(sets) == 6
    for dataset in sets:
        assert f" | {dataset['lines']} | {100 * dataset['cer']:.2f} |\n" in text


def test_the_table_of_adaptation_is_the_committed_report():
    report = _report("adapt-peraire")
    text = (ROOT / "docs/adaptation.md").read_text(encoding="utf-8")
    assert len(report["points"]) == 4
    for point in report["points"]:
        assert f"| {point['lines']} | {100 * point['hand']['cer']:.2f} |" in text


@pytest.mark.parametrize(("name", "members"), [("compress-tiny", 8), ("compress-small", 6)])
def test_the_table_of_compress_is_the_committed_report(name, members):
    report = _report(name)
    text = (ROOT / "docs/compress.md").read_text(encoding="utf-8")
    assert len(report["members"]) == members
    for member in report["members"]:
        rates = f"{100 * member['val']['cer']:.2f} | {100 * member['test']['cer']:.2f}"
        assert f"| {member['name']} | {rates} |" in text


def test_the_table_of_unlabelled_lines_is_the_committed_report():
    report = _report("distil-half")
    text = (ROOT / "docs/distillation.md").read_text(encoding="utf-8")
    rows = [row for row in report["rows"] if row["dataset"] == "all"]
    assert len(rows) == 6
    for row in rows:
        told = f"{100 * row['difference']['mean']:+.2f}" if row["difference"] else "reference"
        assert f"| {row['arm']} | {row['role']} | {100 * row['mean']:.2f} | {told} |" in text


def _report(name):
    return json.loads((ROOT / f"docs/results/{name}.json").read_text(encoding="utf-8"))
