from __future__ import annotations

from dataclasses import replace

import pytest

from inkport.benchmarks.run.request import describe_data
from inkport.lines.audit import Audit
from inkport.lines.roles import Role, record_lines
from inkport.lines.source import read_lines


@pytest.mark.parametrize(
    ("learnt", "seen"),
    [({}, None), ({Role.VAL: 3}, None), ({Role.TRAIN: 0}, None), ({Role.TRAIN: 2}, 2), ({Role.CALIBRATION: 2}, None)],
)
def test_lines_that_the_model_was_trained_on_are_counted_where_they_are_recorded(
    toy_artifact, lines_folder, learnt, seen
):
    lines = list(read_lines([lines_folder]))
    record = record_lines({role: lines[:count] for role, count in learnt.items()})
    model = replace(toy_artifact, provenance=replace(toy_artifact.provenance, line_digests=record))
    assert describe_data(Audit(lines=lines), ["lines"], model).trained_on == seen
    assert describe_data(Audit(lines=lines), ["lines"]).trained_on is None


def test_other_training_lines_are_none_of_these(toy_artifact, lines_folder, other_lines):
    record = record_lines({Role.TRAIN: read_lines([other_lines]), Role.UNLABELLED: read_lines([other_lines])})
    model = replace(toy_artifact, provenance=replace(toy_artifact.provenance, line_digests=record))
    assert describe_data(Audit(lines=list(read_lines([lines_folder]))), ["lines"], model).trained_on == 0
