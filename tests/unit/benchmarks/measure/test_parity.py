from __future__ import annotations

import math

import jiwer
import pytest

from inkport.benchmarks.measure.edits import Edits
from inkport.benchmarks.measure.parity import compare, score
from inkport.core.ctc import Transcription
from inkport.lines.line import Line


TEXTS = ["Mon cher ami,", "je vous écris", "ce matin", "à la hâte."]
REFERENCE = ["Mon cher amie", "je vous écris", "ce natin", "a la hate."]
TARGET = ["Mon cher amie", "je vous ecris", "ce matin", "a la hat"]
SETS = ["letters", "letters", "wills", "wills"]


@pytest.fixture
def lines():
    return [
        Line(id=f"l{i}", image=b"", text=text, dataset=SETS[i], writer=f"w{i % 2}", seen_writer=i == 3)
        for i, text in enumerate(TEXTS)
    ]


def read(texts, margin=1.5):
    return [Transcription(text, (), margin) for text in texts]


@pytest.fixture
def parity(lines):
    return compare(lines, score(lines, read(REFERENCE)), score(lines, read(TARGET, 0.25)), margin=0.005, resamples=100)


def test_rates_agree_with_jiwer(parity):
    assert parity.cer == pytest.approx(jiwer.cer(TEXTS, TARGET))
    assert parity.cer_reference == pytest.approx(jiwer.cer(TEXTS, REFERENCE))
    assert parity.delta == pytest.approx(jiwer.cer(TEXTS, TARGET) - jiwer.cer(TEXTS, REFERENCE))
    assert parity.wer == pytest.approx(jiwer.wer(TEXTS, TARGET))
    assert parity.wer_reference == pytest.approx(jiwer.wer(TEXTS, REFERENCE))
    assert parity.symbols == sum(map(len, TEXTS))


def test_edits_are_counted_by_kind(parity):
    # "ami," to "amie"; "é" to "e"; nothing; "à", "â" to "a", "e." gone.
    assert parity.edits == Edits(substitutions=4, deletions=2)
    assert parity.edits_reference == Edits(substitutions=4)


def test_flips_are_differences_to_the_reference_not_to_the_text(parity):
    assert parity.flipped_lines == 3
    assert [flip.id for flip in parity.flips] == ["l1", "l2", "l3"]
    flip = parity.flips[1]
    assert (flip.dataset, flip.text, flip.reading_reference, flip.reading) == (
        "wills",
        "ce matin",
        "ce natin",
        "ce matin",
    )
    assert (flip.gap_reference, flip.gap) == (1.5, 0.25)


def test_data_sets_and_seen_writers_have_rows_of_their_own(parity):
    rows = {(row.dataset, row.seen_writer): row for row in parity.datasets}
    assert list(rows) == [("letters", False), ("wills", False), ("wills", True)]
    assert rows["wills", False].lines == 1
    assert rows["wills", False].delta == pytest.approx(-1 / 8)
    assert rows["wills", True].cer == pytest.approx(jiwer.cer(TEXTS[3], TARGET[3]))
    assert sum(row.flipped_lines for row in parity.datasets) == parity.flipped_lines
    assert sum(row.symbols for row in parity.datasets) == parity.symbols


def test_a_flip_by_white_space_alone_is_a_flip_but_no_error(lines):
    reference, target = score(lines, read(TEXTS)), score(lines, read(["Mon  cher ami,", *TEXTS[1:]]))
    parity = compare(lines, reference, target, margin=0.005, resamples=10)
    assert (parity.flipped_lines, parity.cer) == (1, 0.0)
    assert [flip.reading for flip in parity.flips] == ["Mon  cher ami,"]


def test_a_margin_without_frames_is_absent(lines):
    reference = score(lines, read(TEXTS))
    parity = compare(lines, reference, score(lines, read(["", *TEXTS[1:]], math.inf)), margin=0.005, resamples=10)
    assert parity.flips[0].gap is None


def test_every_line_must_have_been_read(lines):
    with pytest.raises(ValueError, match="shorter"):
        score(lines, read(TEXTS[:3]))
