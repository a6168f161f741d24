"""What is complete, what is written, and what is left out only when asked."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from inkport.core.errors import LineDataError, UsageError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.lines import safe_xml
from inkport.lines.datasets.catalogue import DATASETS, find_dataset
from inkport.lines.datasets.convert import convert, select_lines, squeezed
from inkport.lines.datasets.layout import Listed, Split
from inkport.lines.source import read_lines


@pytest.fixture(autouse=True)
def _pyarrow():
    pytest.importorskip("pyarrow", reason="Parquet files need pyarrow")


def test_published_sizes_are_those_of_the_papers():
    sizes = {name: tuple(dataset.sizes[split] for split in Split) for name, dataset in DATASETS.items()}
    assert sizes["iam"] == sizes["iam-ascii"] == (6482, 976, 2915)
    assert sizes["read2016"] == sizes["read2016-masked"] == (8349, 1040, 1138)
    assert sizes["lam"] == (19830, 2470, 3523)
    assert sizes["vnondb"] == sizes["vnondb-images"] == (4433, 1229, 1634)
    assert sum(sizes["lam"]) == 25823
    assert sum(sizes["vnondb"]) == 7296


def test_an_unknown_name_says_which_are_known():
    with pytest.raises(UsageError, match=r"'rimes' is unknown\nfix: known data sets: iam, iam-ascii, "):
        find_dataset("rimes")


def test_what_is_written_is_read_back_as_a_line_set(iam, sized, tmp_path):
    import pyarrow.parquet as pq

    out = tmp_path / "new/val.parquet"
    selection = select_lines(sized("iam", 3), iam, Split.VAL)
    assert convert(selection, out).lines == 3
    lines = list(read_lines([out]))
    assert [(line.id, line.text, line.writer, line.document, line.seen_writer) for line in lines] == [
        ("a01-000u-00", "A MOVE to stop Mr. Gaitskell", "000", "a01-000u", False),
        ("a01-000u-01", '" Blood, & Sweat. "', "000", "a01-000u", False),
        ("f07-028b-00", "the B B C's film", "123", "f07-028b", False),
    ]
    assert {line.dataset for line in lines} == {"iam"}
    assert lines[0].image == (iam / "lines/a01/a01-000u/a01-000u-00.png").read_bytes()
    table = pq.read_table(out)
    assert set(table["language"].to_pylist()) == {"en"}
    assert set(table["licence"].to_pylist()) == {"non-commercial research only"}
    assert set(table["split"].to_pylist()) == {"val"}


@pytest.mark.parametrize(
    "case",
    [
        ("read2016", "read2016", Split.VAL, ["Seite0401/l1", "Seite0402/l1"]),
        ("read2016", "read2016-masked", Split.TEST, ["Seite0451/l1"]),
        ("lam", "lam", Split.TEST, ["000_00.jpg", "001_01.jpg"]),
        ("vnondb", "vnondb", Split.VAL, ["20151224_0141_7818_1_tg_0_0", "20151224_0141_7818_1_tg_0_1"]),
    ],
)
def test_every_layout_reaches_the_file(case, sized, tmp_path, request):
    fixture, name, split, ids = case
    folder = request.getfixturevalue(fixture)
    out = tmp_path / "out.parquet"
    convert(select_lines(sized(name, len(ids)), folder, split), out)
    lines = list(read_lines([out]))
    assert [line.id for line in lines] == ids
    assert {line.dataset for line in lines} == {name}
    assert {line.seen_writer for line in lines} == {name != "vnondb"}
    assert all(line.gray().size for line in lines)


@pytest.mark.parametrize("published", [2, 4])
def test_another_number_of_lines_than_published_is_refused_unless_asked_for(iam, sized, published):
    with pytest.raises(
        LineDataError, match=rf"iam, split val: 3 lines, the published split has {published}\nfix: .*--allow-partial"
    ):
        select_lines(sized("iam", published), iam, Split.VAL)
    assert len(select_lines(sized("iam", published), iam, Split.VAL, allow_partial=True).lines) == 3


def test_a_missing_image_is_refused_though_the_number_would_fit(iam, sized):
    (iam / "lines/f07/f07-028b/f07-028b-00.png").unlink()
    with pytest.raises(LineDataError, match=r"1 lines cannot be used:\n  f07-028b-00: no image lines/f07"):
        select_lines(sized("iam", 2), iam, Split.VAL)
    selection = select_lines(sized("iam", 2), iam, Split.VAL, allow_partial=True)
    assert [line.id for line in selection.lines] == ["a01-000u-00", "a01-000u-01"]
    assert selection.refused == ("f07-028b-00: no image lines/f07/f07-028b/f07-028b-00.png",)


def test_an_empty_transcription_is_refused_where_the_published_count_has_none(lam, sized):
    path = lam / "lines/split/basic/test.json"
    path.write_text(path.read_text().replace("Sereniss.ma  Altezza", " "))
    with pytest.raises(LineDataError, match=r"000_00\.jpg: the transcription is empty"):
        select_lines(sized("lam", 1), lam, Split.TEST)


def test_an_empty_transcription_is_left_out_where_the_published_count_leaves_it_out(read2016, sized):
    selection = select_lines(sized("read2016", 2), read2016, Split.VAL)
    assert selection.empty == ("Seite0401/l2",)
    assert not selection.refused


def test_of_many_unusable_lines_ten_are_named(sized, tmp_path):
    lines = [Listed(id=f"l{i}", missing="gone") for i in range(12)] + [Listed(id="good", text="a")]
    dataset = dataclasses.replace(sized("iam", 1), read=lambda *_: iter(lines))
    with pytest.raises(LineDataError, match=r"l9: gone\n  and 2 more\n"):
        select_lines(dataset, tmp_path, Split.VAL)


@pytest.mark.parametrize("allow_partial", [True, False])
def test_a_split_without_a_usable_line_and_ids_that_stand_twice_are_refused_always(sized, tmp_path, allow_partial):
    dataset = sized("iam", 2)
    for lines, message in (
        ([Listed(id="a", missing="gone")], "no line with a transcription and an image\n  a: gone"),
        ([Listed(id="a", text="x")] * 2, "1 ids appear twice, for example 'a'"),
    ):
        changed = dataclasses.replace(dataset, read=lambda *_, lines=lines: iter(lines))
        with pytest.raises(LineDataError, match=message):
            select_lines(changed, tmp_path, Split.VAL, allow_partial=allow_partial)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(LineDataError, match="no such folder"):
        select_lines(DATASETS["iam"], tmp_path / "none", Split.VAL)


@pytest.mark.parametrize("squeeze", [None, 8.0])
def test_a_damaged_image_leaves_no_file_and_is_left_out_only_when_asked(iam, sized, tmp_path, squeeze):
    (iam / "lines/a01/a01-000u/a01-000u-01.png").write_bytes(b"\x89PNG broken")
    out = tmp_path / "out/val.parquet"
    selection = select_lines(sized("iam", 3), iam, Split.VAL)
    with pytest.raises(LineDataError, match=r"a01-000u-01: image: .*\nfix: .*--allow-partial"):
        convert(selection, out, squeeze=squeeze)
    assert list(out.parent.iterdir()) == []
    done = convert(selection, out, squeeze=squeeze, allow_partial=True)
    assert done.lines == len(list(read_lines([out]))) == 2
    assert len(done.damaged) == 1
    assert done.damaged[0].startswith("a01-000u-01: ")


def wide(width, height):
    ramp = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, "PNG")
    return buffer.getvalue()


def test_squeezed_lines_fill_the_published_input_and_narrower_ones_keep_their_shape():
    spec = PreprocessSpec(height=64, min_width=512, max_width=512)
    for width, height, expected in ((1500, 70, (560, 70)), (700, 100, (700, 100)), (41, 5, (40, 5))):
        found = Image.open(io.BytesIO(squeezed(wide(width, height), 8)))
        assert (found.size, found.mode) == (expected, "L")
        if height >= 8:
            assert prepare(np.asarray(found), spec).shape == (1, 1, 64, 512)
    found = np.asarray(Image.open(io.BytesIO(squeezed(wide(1500, 70), 8))))
    # Squeezed over the whole width, not cropped: a ramp stays one. Pillow's filter of the same definition agrees.
    reference = np.asarray(Image.open(io.BytesIO(wide(1500, 70))).resize((560, 70), Image.Resampling.BILINEAR))
    assert np.abs(found.astype(int) - reference.astype(int)).max() <= 1


def test_large_xml_is_refused_before_it_is_parsed(iam, monkeypatch):
    monkeypatch.setattr(safe_xml, "MAX_XML_BYTES", 10)
    with pytest.raises(LineDataError, match="larger than 10 bytes"):
        select_lines(DATASETS["iam"], iam, Split.VAL)
