from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import LineDataError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.export.quantize.calibration import choose_calibration
from inkport.lines.line import Line, digest_lines


def png(width: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, 24), width % 250).save(file, "PNG")
    return file.getvalue()


def line(dataset: str, number: int) -> Line:
    return Line(id=f"{dataset}/{number}", image=png(40 + number), text="a", dataset=dataset)


LINES = [line("big", n) for n in range(40)] + [line("small", n) for n in range(3)] + [line("mid", n) for n in range(8)]


def test_the_choice_does_not_depend_on_the_order_of_the_lines(rng):
    shuffled = [LINES[index] for index in rng.permutation(len(LINES))]
    first, second = (choose_calibration(lines, PreprocessSpec(), count=12) for lines in (LINES, shuffled))
    assert first.record == second.record
    assert all(np.array_equal(a, b) for a, b in zip(first.inputs, second.inputs, strict=True))


def test_the_choice_is_spread_over_data_sets_and_a_small_one_gives_all_it_has():
    ids = choose_calibration(LINES, PreprocessSpec(), count=15).record.ids
    counts = {name: sum(i.startswith(name) for i in ids) for name in ("big", "mid", "small")}
    assert counts == {"big": 6, "mid": 6, "small": 3}


def test_more_lines_extend_the_choice_instead_of_replacing_it():
    few, many = (choose_calibration(LINES, PreprocessSpec(), count=count).record.ids for count in (5, 20))
    assert many[:5] == few
    assert len(choose_calibration(LINES, PreprocessSpec(), count=1000).inputs) == len(LINES)


def test_a_data_set_is_not_read_from_its_start_only():
    ids = choose_calibration(LINES, PreprocessSpec(), count=30).record.ids
    assert max(int(i.split("/")[1]) for i in ids if i.startswith("big")) >= 30


def test_the_record_names_and_digests_exactly_the_chosen_lines_prepared_as_for_reading():
    chosen = choose_calibration(LINES, PreprocessSpec(), count=7)
    by_id = {item.id: item for item in LINES}
    lines = [by_id[i] for i in chosen.record.ids]
    assert chosen.record.sha256 == digest_lines(lines)
    for item, prepared in zip(lines, chosen.inputs, strict=True):
        np.testing.assert_array_equal(prepared, prepare(item.gray(), PreprocessSpec()))


def test_a_bad_image_is_refused_by_name_or_skipped_on_request():
    bad = Line(id="bad/0", image=b"no image", text="a", dataset="bad")
    with pytest.raises(LineDataError, match="bad/0") as caught:
        choose_calibration([*LINES, bad], PreprocessSpec(), count=4)
    assert "--skip bad-image" in caught.value.remedy
    chosen = choose_calibration([*LINES, bad], PreprocessSpec(), count=4, skip_bad_images=True)
    assert chosen.skipped == ("bad/0",)
    assert len(chosen.inputs) == len(chosen.record.ids) == 4


@pytest.mark.parametrize(("lines", "count"), [([], 4), (LINES, 0)], ids=["no-lines", "none-wanted"])
def test_nothing_to_calibrate_on_is_an_error(lines, count):
    with pytest.raises(LineDataError, match="calibrat"):
        choose_calibration(lines, PreprocessSpec(), count=count)


def test_a_test_line_is_refused_even_where_it_would_not_be_chosen():
    held_out = Line(id="big/held-out", image=png(60), text="a", dataset="big", split="test")
    with pytest.raises(LineDataError, match="calibration: 'big/held-out' is a test line"):
        choose_calibration([*LINES, held_out], PreprocessSpec(), count=2)
