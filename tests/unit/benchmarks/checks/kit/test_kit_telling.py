"""Telling lines in a kit: their stages are judged, their texts and times do not count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inkport.benchmarks.checks.kit.check import JudgedKit, check_kit
from inkport.benchmarks.checks.kit.make import make_kit
from inkport.benchmarks.run.device_record import KitRun
from inkport.benchmarks.run.kit.manifest import KitStage
from inkport.benchmarks.run.telling import TELLING
from inkport.lines.line import digest_lines


COUNTED = 10
"""Lines of the kit whose text counts; two telling lines come after them."""


@pytest.fixture
def telling(request_kit):
    picked = request_kit().audit.pick([0, 1])
    return replace(picked, lines=[replace(line, id=f"t{i}", dataset=TELLING) for i, line in enumerate(picked.lines)])


@pytest.fixture
def kit(request_kit, telling, tmp_path):
    return make_kit(request_kit(), tmp_path / "with.zip", telling=telling)


@pytest.fixture
def judge(kit, answer):
    """Judge a runner that changes the stage of the telling lines alone."""

    def judge(stage, change):
        calls = iter(range(100))
        report = check_kit(
            kit,
            answer(
                {stage: lambda value: change(value) if next(calls) >= COUNTED else value},
                run_ns=lambda index: 1_000_000 if index < COUNTED else 9_000_000_000,
            ),
        )
        return report, report.targets[0]

    return judge


def test_they_come_with_golden_values_beside_the_same_lines(kit, request_kit, tmp_path):
    without = make_kit(request_kit(), tmp_path / "without.zip")
    assert [entry.id for entry in kit.manifest.lines[COUNTED:]] == ["t0", "t1"]
    assert all(entry.golden for entry in kit.manifest.lines[COUNTED:])
    assert kit.manifest.lines[:COUNTED] == without.manifest.lines
    assert kit.manifest.data_sha256 == without.manifest.data_sha256 == digest_lines(kit.compared_lines)


def test_lines_that_are_there_already_do_not_come_twice_and_alone_they_count(telling, request_kit, tmp_path):
    again = make_kit(replace(request_kit(), audit=telling), tmp_path / "again.zip", telling=telling)
    assert again.compared_lines == again.lines
    assert len(again.lines) == 2


def test_a_text_that_is_wrong_on_them_alone_is_a_stage_and_no_flip(judge):
    report, target = judge(KitStage.TEXT, lambda text: text[::-1])
    assert (report.exit_code, target.outcome, target.parity.flipped_lines) == (1, "diverged", 0)
    assert (target.parity.lines, report.data.lines, len(target.line_edits)) == (COUNTED, COUNTED, COUNTED)
    assert report.section(JudgedKit).first_wrong is KitStage.TEXT
    run = target.section(KitRun)
    assert (run.first_wrong.line, run.first_wrong.wrong_lines) == ("t0", 2)
    assert (run.times.n, run.times.p99_ms) == (COUNTED, 1.0)


def test_gray_that_is_wrong_on_them_alone_is_named(judge):
    report, _ = judge(KitStage.GRAY, lambda gray: gray[:, ::-1])
    assert report.section(JudgedKit).first_wrong is KitStage.GRAY
    assert "is mirrored" in report.targets[0].reason
