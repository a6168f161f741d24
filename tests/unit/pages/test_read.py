"""Reading a page's lines: what the recogniser is given, and what becomes of its answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.core.charset import Charset
from inkport.core.errors import ImageError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.core.preprocess_settings import Channels
from inkport.core.recogniser import Recogniser
from inkport.core.spec import Decoder, RecogniserSpec
from inkport.core.texts import ReadText
from inkport.pages.crop import crop
from inkport.pages.inputs import PageImage
from inkport.pages.page import Flag, Line, Page, Region
from inkport.pages.read import read_page
from inkport.pages.strips import MARGINS, strip_of


CHARSET = Charset(tuple(" ab"))
LINE = Line(id="l", baseline=((20, 60), (220, 70)), polygon=((20, 30), (220, 40), (220, 80), (20, 75)), text="before")


class Session:
    """Reads ``ab b`` of everything, and keeps what it was given."""

    def __init__(self):
        self.given = []

    def run(self, images):
        self.given.append(images)
        logits = np.zeros((len(images), images.shape[3] // 4, CHARSET.size), np.float32)
        for frame, label in enumerate((0, 2, 0, 3, 0, 1, 0, 3)):
            logits[:, frame, label] = 3.0
        logits[:, 8:, 0] = 9.0
        # The second letter could be none.
        logits[:, 3, 0] = 2.0
        return logits

    def close(self):
        """Nothing is open."""


@pytest.fixture
def picture(rng):
    pixels = rng.integers(0, 256, (120, 260, 3), np.uint8)
    return PageImage(id="p", source=Path("p.png"), number=1, picture=Image.fromarray(pixels))


def page(*lines: Line) -> Page:
    return Page(id="p", width=260, height=120, regions=(Region(id="r", lines=lines),))


def recogniser(**settings) -> Recogniser:
    spec = RecogniserSpec(name="toy", version="1", preprocess=PreprocessSpec(**settings), charset=CHARSET, stride=4)
    return Recogniser(spec, Session(), min_confidence=0.5)


def test_a_line_is_its_strip_and_becomes_words(picture):
    reader = recogniser()
    (line,) = read_page(picture, page(LINE), reader).page.lines
    (given,) = reader.session.given
    strip = crop(picture.gray(), strip_of(LINE), MARGINS)
    assert (given == prepare(strip, reader.spec.preprocess)).all()
    assert (line.text, [word.text for word in line.words]) == ("ab b", ["ab", "b"])
    assert line.words[0].alternatives[0].text == "a"
    assert (line.baseline, line.polygon, line.kind) == (LINE.baseline, LINE.polygon, LINE.kind)


def test_words_lie_along_the_line(picture):
    (line,) = read_page(picture, page(LINE), recogniser()).page.lines
    for word in line.words:
        above, _, end, begin = word.polygon
        # The baseline falls by 10 px in 200, and words with it.
        assert (end[1] - begin[1]) / (end[0] - begin[0]) == pytest.approx(0.05, abs=0.01)
        assert begin[1] > above[1]
    assert line.words[0].polygon[1][0] < line.words[1].polygon[0][0]


def test_a_recogniser_of_colours_gets_the_strip_of_each(picture):
    reader = recogniser(channels=Channels.RGB, channel_mean=(0.0, 0.0, 0.0), channel_std=(1.0, 1.0, 1.0))
    read_page(picture, page(LINE), reader)
    (given,) = reader.session.given
    strips = [
        crop(np.ascontiguousarray(np.asarray(picture.picture)[..., c]), strip_of(LINE), MARGINS) for c in range(3)
    ]
    expected = prepare(np.stack(strips, axis=2).astype(np.float32) / np.float32(255), reader.spec.preprocess)
    assert given.shape[1] == 3
    assert (given == expected).all()


def test_what_returns_text_gives_lines_without_words(picture):
    class Reads(Session):
        def run(self, images):
            return [ReadText("ab b", 0.4) for _ in images]

    spec = RecogniserSpec(
        name="toy", version="1", preprocess=PreprocessSpec(), charset=CHARSET, stride=4, decoder=Decoder.TEXT
    )
    (line,) = read_page(picture, page(LINE), Recogniser(spec, Reads(), min_confidence=0.5)).page.lines
    assert (line.text, line.confidence, line.words, line.flags) == ("ab b", 0.4, (), (Flag.UNSURE,))


def test_dropped_lines_are_not_read_and_others_are_flagged_by_their_confidence(picture):
    dropped = Line(id="d", text="STAMP", flags=(Flag.DROPPED,))
    reader = recogniser()
    reader.min_confidence = 0.99
    found = read_page(picture, page(LINE, dropped), reader)
    read, kept = found.page.lines
    assert (read.flags, kept, len(reader.session.given)) == ((Flag.UNSURE,), dropped, 1)


def test_a_line_without_a_place_leaves_the_others(picture):
    found = read_page(picture, page(Line(id="x", text="before"), LINE), recogniser())
    lost, read = found.page.lines
    assert (lost.text, lost.flags, read.text) == ("", (Flag.UNREAD,), "ab b")
    assert found.faults == ("line x: a line without a place on its page",)


def test_an_image_of_another_size_is_refused(picture):
    with pytest.raises(ImageError, match="260 x 120 px, its lines are for 9 x 9"):
        read_page(picture, Page(id="p", width=9, height=9), recogniser())
