from __future__ import annotations

import io

import pytest
from PIL import Image

from inkport.core.errors import LineDataError
from inkport.lines.frames import frame_shares
from inkport.lines.line import Line


def line(name: str, width: int, text: str) -> Line:
    buffer = io.BytesIO()
    Image.new("L", (width, 64), 255).save(buffer, "PNG")
    return Line(id=name, image=buffer.getvalue(), text=text)


def test_shares_follow_from_widths_and_texts():
    # At height 64 and stride 8: 10, 10 and 20 frames; needed: 10, 11 (a repeat), 10.
    lines = [line("a", 80, "abcdefghij"), line("b", 80, "aabcdefghi"), line("c", 160, "abcdefghij")]
    (share,) = frame_shares(lines, heights=[64], strides=[8])
    assert share.mean_frames == pytest.approx(40 / 3)
    assert share.too_few == pytest.approx(1 / 3)
    assert share.tight == pytest.approx(2 / 3)
    assert share.lines == 3


def test_half_the_height_is_half_the_frames_and_order_is_heights_then_strides():
    shares = frame_shares([line("a", 320, "abc")], heights=[64, 32], strides=[4, 8])
    assert [(s.height, s.stride, s.mean_frames) for s in shares] == [(64, 4, 80), (64, 8, 40), (32, 4, 40), (32, 8, 20)]


def test_no_lines_is_an_error():
    with pytest.raises(LineDataError, match="no lines"):
        frame_shares([], heights=[48], strides=[4])
