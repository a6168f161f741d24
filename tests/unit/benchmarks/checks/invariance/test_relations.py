"""A right session keeps every relation, and each wrong one breaks the relation that is about its fault."""

from __future__ import annotations

import importlib.util
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from inkport.runtimes.relations.findings import Findings, Kind
from inkport.runtimes.relations.relations import RELATIONS, guarded
from inkport.runtimes.relations.shrink import shrink
from inkport.runtimes.relations.widths import ladder


def _sessions():
    path = Path(__file__).with_name("conftest.py")
    found = importlib.util.spec_from_file_location("metamorphic_sessions", path)
    module = importlib.util.module_from_spec(found)
    sys.modules["metamorphic_sessions"] = module
    found.loader.exec_module(module)
    return module


wrong = _sessions()
BY_NAME = {relation.name: guarded(relation) for relation in RELATIONS}


@pytest.mark.parametrize("relation", BY_NAME.values(), ids=BY_NAME)
def test_a_right_session_keeps_every_relation(relation, subject, samples):
    findings = relation.check(subject(), samples)
    assert findings.worst is None
    assert findings.cases >= 3


@pytest.mark.parametrize(
    ("session", "relation", "smallest"),
    [
        (wrong.BatchPadding, "batch", (Kind.TEXT, 2)),
        (wrong.BatchPadding, "neighbours", (Kind.TEXT, 1)),
        (wrong.BatchScale, "batch", (Kind.LOGITS, 2)),
        (wrong.BatchScale, "neighbours", (None, 1)),
        (wrong.SecondRowLost, "batch", (Kind.TEXT, 3)),
        (wrong.KeepsState, "order", (Kind.TEXT, 1)),
        (wrong.KeepsState, "repeat", (Kind.TEXT, 1)),
        (wrong.Drifts, "repeat", (Kind.BITS, 1)),
        (wrong.ColdStart, "first-call", (Kind.TEXT, 1)),
        (wrong.CropsAt256, "width", (Kind.TEXT, 1)),
        (wrong.OneFrameShort, "width", (Kind.CONTRACT, 1)),
        (wrong.HallucinatesInPadding, "padding", (Kind.TEXT, 1)),
        (wrong.ThreadsMatter, "threads", (Kind.TEXT, 1)),
        (wrong.SharedScratch, "concurrent", (Kind.TEXT, 2)),
        (wrong.Crashes, "batch", (Kind.CONTRACT, 3)),
    ],
)
def test_a_wrong_session_breaks_the_relation_about_its_fault(session, relation, smallest, subject, samples):
    relation, subject = BY_NAME[relation], subject(session)
    kind, lines = smallest
    worst = relation.check(subject, samples).worst
    if kind is None:
        assert worst is None
        return
    assert worst.kind is kind
    example = shrink(relation, subject, samples, worst)
    assert (len(example.samples), example.violation.kind) == (lines, kind)
    assert example.violation.line < lines
    again = relation.check(subject, example.samples).worst
    assert again.kind is kind, "the example does not show the violation by itself"


def test_rounding_that_changes_a_text_is_no_violation(subject, samples):
    class NearTies(wrong.Right):
        """Two labels always tie up to rounding, and the batch decides which is ahead."""

        def run(self, images):
            logits = super().run(images)
            logits[..., 2] = logits.max(axis=2) + np.float32(1e-5)
            logits[..., 3] = logits[..., 2] + np.float32(1e-5 if len(images) == 1 else -1e-5)
            return logits

    findings = BY_NAME["batch"].check(subject(NearTies), samples)
    assert findings.worst.kind is Kind.ROUNDING
    assert findings.largest < 1e-4


def test_a_refused_number_of_threads_is_said_and_no_fault(subject, samples):
    findings = BY_NAME["threads"].check(subject(wrong.OneThreadOnly), samples)
    assert (findings.worst, findings.note) == (None, "refuses 2 and 4 threads")


def test_padding_is_judged_by_what_it_does_to_the_reference(subject, samples):
    class Reads(wrong.Right):
        """Extra paper changes every text, in the reference as in the port."""

        def run(self, images):
            logits = super().run(images)
            logits[:, 0, 1 + images.shape[3] // 16 % 2] = 99
            return logits

    changed = subject(Reads)
    object.__setattr__(changed, "reference", Reads().run)
    findings = BY_NAME["padding"].check(changed, samples)
    assert findings.worst is None
    assert findings.note == "7 of 27 readings change with extra padding, 7 of the reference's"
    alone = BY_NAME["padding"].check(subject(Reads, reference=False), samples)
    assert (alone.worst, "not judged" in alone.note) == (None, True)


def test_the_narrowest_wrong_width_is_found(subject, samples):
    findings = BY_NAME["width"].check(subject(wrong.CropsAt256), samples)
    assert findings.note == "widths up to 256 px are right, 272 px is not"


def test_an_example_is_as_narrow_as_it_can_be(subject, samples):
    class Over200(wrong.Right):
        """Wrong from 208 px on, and only in company."""

        def run(self, images):
            logits = super().run(images)
            if images.shape[3] > 200 and len(images) > 1:
                logits[1:] = np.roll(logits[1:], 1, axis=2)
            return logits

    subject = subject(Over200)
    worst = BY_NAME["batch"].check(subject, samples).worst
    example = shrink(BY_NAME["batch"], subject, samples, worst)
    assert max(sample.width for sample in example.samples) == 208
    assert len(example.samples) == 2
    assert example.violation.image.shape[3] == 208


def test_a_session_that_does_not_open_twice_is_a_violation(subject, samples):
    class Once(wrong.Right):
        opened = 0

        def __init__(self, threads=1):
            super().__init__()
            if Once.opened:
                raise OSError("device busy")
            Once.opened += 1

        def close(self):
            Once.opened -= 1

    worst = BY_NAME["concurrent"].check(subject(Once), samples).worst
    assert (worst.kind, "device busy" in worst.fault) == (Kind.CONTRACT, True)
    assert Once.opened == 0, "the first session was not closed"


def test_the_ladder_has_the_edges_and_only_multiples():
    widths = ladder(32, 2048, 16)
    assert widths[:2] == [32, 48]
    assert widths[-2:] == [2032, 2048]
    assert all(width % 16 == 0 for width in widths)
    assert all(b <= 1.7 * a or (a, b) == (2032, 2048) for a, b in pairwise(widths))
    assert ladder(32, 32, 16) == [32]


def test_the_worst_violation_is_kept(subject):
    findings = Findings(subject().spec)
    logits = np.zeros((4, 8), dtype=np.float32)
    logits[:, 1] = 1
    image = np.zeros((1, 1, 48, 16), dtype=np.float32)
    for line, (size, label) in enumerate([(0.5, 1), (2.0, 2), (1.5, 1)]):
        found = logits.copy()
        found[:, label] += np.float32(size)
        findings.compare(logits, found, 1e-3, line=line, case=f"case {line}", image=image)
    assert findings.worst.case == "case 1"
    assert findings.broken == {Kind.LOGITS: {0, 2}, Kind.TEXT: {1}}
