from __future__ import annotations

import copy
import threading
import tracemalloc
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from inkport.core.errors import ImageError, SpecMismatchError, UsageError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.core.preprocess_settings import Channels, Side
from inkport.core.recogniser import Recogniser


class ColumnSession:
    """Reads the mean gray of each frame as a label, so that the text is a function of the pixels alone."""

    def __init__(self, spec):
        self.spec, self.shapes = spec, []

    def run(self, images):
        self.shapes.append(images.shape)
        frames = images.reshape(*images.shape[:3], -1, self.spec.stride).mean(axis=(1, 2, 4))
        labels = np.rint((1 - frames) * (self.spec.charset.size - 1)).astype(int)
        return np.eye(self.spec.charset.size, dtype=np.float32)[labels]

    def close(self):
        pass


WIDTHS = (120, 480, 120, 132, 96, 480, 1200)


def prepared(lines):
    return [prepare(line, PreprocessSpec()) for line in lines]


@pytest.fixture
def lines(rng):
    """Gray lines of seven widths, some of which share a padded width."""
    return [np.repeat(rng.random((1, w // 12), dtype=np.float32), 12, 1).repeat(48, 0) for w in WIDTHS]


def test_a_line_reads_alike_alone_and_in_any_batch_and_order(toy_spec, lines, rng):
    inputs = prepared(lines)
    alone = [Recogniser(toy_spec, ColumnSession(toy_spec)).read_prepared([line])[0] for line in inputs]
    assert len({reading.text for reading in alone}) == len(lines)
    for batch in (1, 2, 3, 100):
        for order in [rng.permutation(len(lines)) for _ in range(5)]:
            recogniser = Recogniser(toy_spec, ColumnSession(toy_spec))
            readings = recogniser.read_prepared([inputs[i] for i in order], batch=batch)
            assert readings == [alone[i] for i in order]


def test_batches_hold_one_width_and_no_more_lines_than_asked_for(toy_spec, lines):
    session = ColumnSession(toy_spec)
    Recogniser(toy_spec, session).read_prepared(prepared(lines), batch=2)
    assert sorted(shape[3] for shape in session.shapes for _ in range(shape[0])) == sorted(
        toy_spec.preprocess.padded_width(48, width) for width in WIDTHS
    )
    assert max(shape[0] for shape in session.shapes) == 2
    assert len(session.shapes) == 5


def test_a_reading_is_the_transcription_of_the_prepared_line_with_places(toy_spec, lines):
    recogniser = Recogniser(toy_spec, ColumnSession(toy_spec))
    for line, found in zip(lines, recogniser.read_prepared(prepared(lines)), strict=True):
        reading = recogniser.read(line)
        assert reading.text == found.text
        assert [s.symbol for s in reading.symbols] == [e.symbol for e in found.emissions]
        assert reading.confidence == pytest.approx(np.mean([e.confidence for e in found.emissions]), abs=1e-6)
        # The images have the network's height, so a frame is as wide in the image as it is there.
        assert [s.x0_px for s in reading.symbols] == [e.first_frame * toy_spec.stride for e in found.emissions]


def test_no_line_no_reading(toy_spec):
    recogniser = Recogniser(toy_spec, ColumnSession(toy_spec))
    assert recogniser.read_prepared([]) == []
    assert list(recogniser.read_many([])) == []


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_kept(toy_spec, lines):
    recogniser = Recogniser(toy_spec, ColumnSession(toy_spec))
    images = iter([lines[0], np.ones((1, 1), np.float32), lines[1]])
    readings = recogniser.read_many(images)
    assert next(readings) == recogniser.read(lines[0])
    with pytest.raises(ImageError, match=r"^image 2: the image is 1 x 1 px"):
        next(readings)
    assert list(recogniser.read_many(images)) == [recogniser.read(lines[1])]


def test_many_are_read_one_by_one_as_they_are_asked_for(toy_spec, lines):
    taken = []

    def images():
        for number, line in enumerate(lines):
            taken.append(number)
            yield line

    readings = Recogniser(toy_spec, ColumnSession(toy_spec)).read_many(images())
    assert not taken
    next(readings)
    next(readings)
    assert taken == [0, 1]


def test_memory_stays_flat_however_many_are_read(toy_spec):
    """Ten thousand are read by ``make campaign``, in a process whose memory is watched."""

    def images(count):
        return (np.full((48, 320), 1 - number / 2 / count, np.float32) for number in range(count))

    recogniser = Recogniser(toy_spec, ColumnSession(toy_spec))
    peaks = []
    tracemalloc.start()
    try:
        for count in (20, 20, 200):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            assert sum(1 for _ in recogniser.read_many(images(count))) == count
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    # One image has 60 kB: what is kept of 180 more would be 11 MB. Grays differ, and with them what one reading takes.
    assert peaks[2] < peaks[1] + 500_000


def test_white_on_black_is_doubted_and_read_right_when_asked(toy_spec):
    line = np.ones((48, 480), np.float32)
    line[10:40, 40:48] = line[10:40, 200:260] = 0
    recogniser = Recogniser(toy_spec, ColumnSession(toy_spec))
    right = recogniser.read(line)
    assert "inverted" not in [doubt.kind for doubt in right.warnings]
    assert "inverted" in [doubt.kind for doubt in recogniser.read(1 - line).warnings]
    assert recogniser.read(1 - line, invert=True) == right
    assert list(recogniser.read_many([1 - line], invert=True)) == [right]


def test_threads_can_share_one(toy_spec, lines):
    """The session sees one call at a time, and everybody gets the reading of their own image."""

    class Alone(ColumnSession):
        inside = 0

        def run(self, images):
            self.inside += 1
            entered.wait(0.01)
            assert self.inside == 1
            found = super().run(images)
            self.inside -= 1
            return found

    entered = threading.Event()
    recogniser = Recogniser(toy_spec, Alone(toy_spec))
    expected = [recogniser.read(line) for line in lines]
    found: dict[int, list] = {}

    def work(number):
        found[number] = [recogniser.read(lines[(number + turn) % len(lines)]) for turn in range(3)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        assert found[number] == [expected[(number + turn) % len(lines)] for turn in range(3)]


def test_a_block_closes_the_session_once_and_nothing_is_read_after(toy_spec, lines):
    class Closing(ColumnSession):
        closed = 0

        def close(self):
            self.closed += 1

    session = Closing(toy_spec)
    with Recogniser(toy_spec, session) as recogniser:
        recogniser.read(lines[0])
    recogniser.close()
    assert session.closed == 1
    with pytest.raises(UsageError, match="closed"):
        recogniser.read(lines[0])


def test_one_made_by_hand_says_that_it_cannot_be_sent(toy_spec):
    with pytest.raises(TypeError, match=r"inkport\.load makes one that can"):
        copy.copy(Recogniser(toy_spec, ColumnSession(toy_spec)))


def test_a_session_with_another_charset_is_refused(toy_spec, lines):
    class Wrong(ColumnSession):
        def run(self, images):
            return super().run(images)[:, :, :-1]

    with pytest.raises(SpecMismatchError, match="shape"):
        Recogniser(toy_spec, Wrong(toy_spec)).read(lines[0])


def test_the_toy_network_reads_alike_in_any_batch_and_order(toy_artifact, rng):
    """The network itself, not only the batching: neighbours change its logits by rounding at most."""
    from inkport.core.runtime import SessionOptions
    from inkport.model.runtime import TorchRuntime

    spec = toy_artifact.spec
    session = TorchRuntime().open(toy_artifact, device="cpu", options=SessionOptions())
    lines = [rng.random((48, 160), dtype=np.float32) for _ in range(3)]
    alone = [session.run(prepare(line, spec.preprocess))[0] for line in lines]
    for order in permutations(range(3)):
        together = session.run(np.concatenate([prepare(lines[i], spec.preprocess) for i in order]))
        np.testing.assert_allclose(together, np.stack([alone[i] for i in order]), atol=1e-5)
    recogniser = Recogniser(spec, session)
    inputs = prepared(lines)
    texts = [recogniser.read_prepared([line])[0].text for line in inputs]
    assert [r.text for r in recogniser.read_prepared(inputs[::-1], batch=3)] == texts[::-1]


class RedSession(ColumnSession):
    """Sees red alone, which is the last channel of three in OpenCV's order."""

    def run(self, images):
        assert images.shape[1] == 3
        return super().run(images[:, 2:])


@pytest.mark.parametrize(("invert", "level"), [(False, 0), (True, 255)])
def test_a_recogniser_that_takes_colours_gets_them(toy_spec, invert, level):
    spec = replace(toy_spec, preprocess=PreprocessSpec(channels=Channels.BGR))
    image = np.full((48, 96, 3), 255 - level, np.uint8)
    image[:, 24:48, 0] = level
    reading = Recogniser(spec, RedSession(spec)).read(image, invert=invert)
    (symbol,) = reading.symbols
    assert symbol.symbol == spec.charset.symbols[-1]
    assert (symbol.x0_px, symbol.x1_px) == (24, 48)


def test_places_are_those_of_the_image_wherever_the_padding_is(toy_spec):
    image = np.full((48, 64), 255, np.uint8)
    image[:, 16:32] = 0
    for side in Side:
        spec = replace(toy_spec, preprocess=PreprocessSpec(side=side, min_width=160))
        (symbol,) = Recogniser(spec, ColumnSession(spec)).read(image).symbols
        assert (symbol.x0_px, symbol.x1_px) == (16, 32), side
