from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import ArtifactCorruptError, LineDataError
from inkport.lines.line import Line
from inkport.lines.roles import (
    DIGEST_BYTES,
    LINE_DIGESTS,
    Role,
    flat_provenance,
    lines_of,
    merge_records,
    name_lines,
    record_lines,
    recorded,
    refuse_recorded,
    refuse_shared,
)


def make(name, gray=200, text="a", form="png", source=""):
    out = io.BytesIO()
    Image.fromarray(np.full((8, 20), gray, np.uint8)).save(out, form)
    return Line(id=name, image=out.getvalue(), text=text, source=source)


DAMAGED = Line(id="damaged", image=b"", text="")


def share(first, second, *, by_image=False):
    refuse_shared(
        {"train": name_lines(first, by_image=by_image), "val": name_lines(second, by_image=by_image)},
        because="REASON",
        remedy="FIX",
    )


def test_lines_of_one_name_are_two_lines():
    share([make("000001.png", 10)], [make("000001.png", 20)])
    share([make("000001.png", text="a")], [make("000001.png", text="b")])


@pytest.mark.parametrize("change", [{"form": "bmp"}, {"form": "tiff"}, {"text": " a\t"}])
def test_a_copy_is_the_same_line_and_both_names_are_said(change):
    with pytest.raises(LineDataError) as caught:
        share([make("x.png", source="one")], [make("other", 7), make("copy", source="two", **change)])
    assert caught.value.message == (
        "1 line is in both train and val, for example 'x.png' (one), which is 'copy' (two): REASON"
    )
    assert caught.value.remedy == "FIX"


def test_all_shared_lines_are_counted():
    with pytest.raises(LineDataError, match="3 lines are in both train and val"):
        share([make(str(g), g) for g in range(5)], [make(f"v{g}", g) for g in range(2, 9)])


def test_texts_count_unless_images_alone_do():
    labelled, unlabelled = make("a", text="a"), make("b", text="")
    share([labelled], [unlabelled])
    with pytest.raises(LineDataError, match="1 line is in both"):
        share([labelled], [unlabelled], by_image=True)


def test_a_line_may_stand_twice_in_one_role_and_damaged_ones_are_not_compared():
    share([make("a"), make("b"), DAMAGED], [make("c", 3), replace(DAMAGED, id="other")])


def test_a_record_finds_its_lines_again_by_role_and_no_others():
    train, calibration = [make(str(g), g) for g in range(50)], [make(str(g), g) for g in range(50, 60)]
    record = record_lines({Role.TRAIN: [*train, DAMAGED], Role.CALIBRATION: calibration, Role.VAL: []})
    assert set(record) == {"train", "calibration"}
    assert len(base64.b64decode(record["train"])) == 50 * DIGEST_BYTES
    held = [make("new", 7), make("relabelled", 8, text="b"), make("seen", 55, text="b"), make("unseen", 99), DAMAGED]
    found = recorded(record, held, Role)
    assert {role: [line.id for line in some] for role, some in found.items()} == {
        Role.TRAIN: ["new"],
        Role.CALIBRATION: ["seen"],
    }
    assert recorded(record, held, [Role.VAL]) == recorded({}, held, Role) == {}


def test_a_record_does_not_depend_on_order_or_repetition():
    lines = [make(str(g), g) for g in range(9)]
    assert record_lines({Role.TRAIN: lines}) == record_lines({Role.TRAIN: [*reversed(lines), *lines[:4]]})


def test_what_made_an_artifact_is_refused_with_its_name():
    record = record_lines({Role.TUNING: [make("a")]})
    with pytest.raises(LineDataError) as caught:
        refuse_recorded(
            record, [make("z", source="f.tsv")], [Role.TUNING], owner="int8", because="REASON", remedy="FIX"
        )
    assert caught.value.message == "1 line is among those that int8 was tuned on, for example 'z' (f.tsv): REASON"
    refuse_recorded(record, [make("z")], [Role.TEXT], owner="int8", because="REASON", remedy="FIX")


def test_merged_records_are_those_of_all_lines():
    some, others = [make(str(g), g) for g in range(5)], [make(str(g), g) for g in range(3, 9)]
    merged = merge_records(
        record_lines({Role.TRAIN: some}), record_lines({Role.TRAIN: others, Role.VAL: some}), record_lines({})
    )
    assert merged == record_lines({Role.TRAIN: [*some, *others], Role.VAL: some})


def test_nested_provenance_keeps_one_record_at_the_top():
    first, second = record_lines({Role.TRAIN: [make("a", 1)]}), record_lines({Role.TRAIN: [make("b", 2)]})
    nested = {
        "average": [{"share": 0.5, "provenance": {"step": 1, LINE_DIGESTS: first}}, {"provenance": {"step": 2}}],
        LINE_DIGESTS: second,
    }
    flat = flat_provenance(nested)
    assert flat == {
        "average": [{"share": 0.5, "provenance": {"step": 1}}, {"provenance": {"step": 2}}],
        LINE_DIGESTS: merge_records(first, second),
    }
    assert flat_provenance(flat) == flat
    assert lines_of(nested) == flat[LINE_DIGESTS]
    assert flat_provenance({"recipe": {"a": 1}}) == {"recipe": {"a": 1}}


@pytest.mark.parametrize("text", ["é", "====", "AAAA", 5, None])
def test_a_malformed_record_is_an_error(text):
    with pytest.raises(ArtifactCorruptError, match="digests of lines are malformed"):
        recorded({"train": text}, [make("a")], Role)
