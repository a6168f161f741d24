from __future__ import annotations

from dataclasses import replace

import pytest

import inkport.export.quantize.search.sensitivity as module
from inkport.core.errors import ExportError, LineDataError, UsageError
from inkport.export.quantize.onnx_int8 import Int8Options, int8_onnx_from_onnx
from inkport.export.quantize.openvino_int8 import ValidationSet
from inkport.export.quantize.ranges import Ranges
from inkport.export.quantize.search.meter import Meter
from inkport.export.quantize.search.scan_report import ScanReport, identify, known_rows, load_report, render_scan
from inkport.export.quantize.search.search import SearchOptions, Start, search
from inkport.export.quantize.search.sensitivity import Grouping, Mode, Rank, find_groups, scan
from inkport.lines.audit import Audit


OPTIONS = Int8Options(ranges=Ranges.MIN_MAX)


@pytest.fixture(scope="module")
def given(calibration, meter):
    """What scan and search share."""
    return {"calibration": calibration, "options": OPTIONS, "meter": meter}


@pytest.fixture(scope="module")
def scans(source, calibration, meter):
    return {
        mode: scan(source, calibration=calibration, options=OPTIONS, meter=meter, groups=find_groups(source), mode=mode)
        for mode in Mode
    }


def test_fp32_reads_every_line_right_and_the_meter_sees_it(meter, source):
    assert meter.cer == 0
    effect = meter.measure(source)
    assert (effect.cer, effect.flips, effect.error, effect.predicted_flips) == (0, 0, 0, 0)


def test_products_are_counted_from_shapes(source):
    groups = {group.name: group for group in find_groups(source)}
    frames = 1024 // 4
    assert {name: group.macs for name, group in groups.items()} == {
        "first": 4 * frames * 48 * 4,
        "second": 4 * frames * 4,
        "middle": 4 * frames * 4,
        "head": 8 * frames * 4,
    }
    assert groups["head"].weights == 32
    parts = {group.name: group.nodes for group in find_groups(source, Grouping.PART)}
    assert parts == {"stem": ("first", "second"), "products": ("middle",), "head": ("head",)}


def test_the_harmful_operator_is_found_either_way_by_every_figure(scans):
    for mode, found in scans.items():
        assert found.everything.flips > 10, "everything in int8 reads badly"
        assert found.everything.cer_change > 0.05
        for rank in Rank:
            assert found.ranked(rank)[0].name == "head", (mode, rank)
    alone = {row.name: row.effect for row in scans[Mode.ONLY].rows}
    assert alone["head"].flips > 10
    assert alone["middle"].flips <= 2
    without = {row.name: row.effect for row in scans[Mode.ALL_BUT].rows}
    assert without["head"].flips <= 6
    assert without["middle"].flips > 10


def test_margins_predict_the_flips_that_happen(scans):
    effects = [row.effect for row in scans[Mode.ONLY].rows]
    assert all(len(effect.predicted_interval) == 2 for effect in effects)
    assert all(abs(effect.predicted_flips - effect.flips) <= 6 for effect in effects)
    worst, best = effects[0], effects[-1]
    assert worst.predicted_flips > 10 * max(best.predicted_flips, 0.1)


def test_an_interrupted_scan_is_taken_up_again(source, given, scans, tmp_path, monkeypatch):
    calibration, meter = given["calibration"], given["meter"]
    identity = identify(
        source,
        meter,
        calibration=calibration.record,
        settings=OPTIONS,
        mode=Mode.ONLY,
        grouping=Grouping.NODE,
        timed=False,
    )
    path = tmp_path / "scan.json"

    def save(rows):
        ScanReport(identity=identity, cer=meter.cer, rows=tuple(rows)).write(path)
        if len(rows) == 2:
            raise KeyboardInterrupt

    settings = {**given, "groups": find_groups(source)}
    with pytest.raises(KeyboardInterrupt):
        scan(source, **settings, save=save)
    assert len(load_report(path).rows) == 2
    with pytest.raises(UsageError, match="not finished"):
        _ = load_report(path).scan
    made = []
    original = module.int8_onnx_from_onnx
    monkeypatch.setattr(module, "int8_onnx_from_onnx", lambda *a, **k: made.append(a) or original(*a, **k))
    again = scan(source, **settings, known=known_rows(path, identity))
    assert again == scans[Mode.ONLY]
    assert len(made) == 1 + 2, "everything once, and the two operators that were missing"
    assert known_rows(path, replace(identity, mode=Mode.ALL_BUT)) == {}
    assert known_rows(path, replace(identity, settings=Int8Options())) == {}


def test_a_report_survives_json(source, calibration, meter, scans, tmp_path):
    identity = identify(
        source,
        meter,
        calibration=calibration.record,
        settings=OPTIONS,
        mode=Mode.ONLY,
        grouping=Grouping.NODE,
        timed=False,
    )
    found = scans[Mode.ONLY]
    report = ScanReport(identity=identity, cer=found.cer, rows=found.rows, everything=found.everything)
    report.write(tmp_path / "scan.json")
    again = load_report(tmp_path / "scan.json")
    assert again.scan == found
    assert again.sha256 == report.sha256
    table = render_scan(found, 24).splitlines()
    assert table[3].startswith("| head | MatMul |")
    assert len(table) == 3 + 4


def test_time_saved_weighs_harm(scans):
    found = scans[Mode.ONLY]
    times = {"first": 1000, "second": 10, "middle": -5, "head": 10**12}
    timed = replace(found, rows=tuple(replace(row, saved_ns=times[row.name]) for row in found.rows))
    order = [row.name for row in timed.by_saving(Rank.MARGINS)]
    assert order[0] == "middle", "int8 costs time there"
    assert next(row.name for row in found.by_saving(Rank.MARGINS)) == "head"


@pytest.mark.parametrize("start", list(Start))
def test_the_search_keeps_the_budget_and_says_why(start, source, given, scans, tmp_path):
    meter = given["meter"]
    settings = SearchOptions(budget=0.5, start=start)
    arguments = {**given, "sensitivity": scans[Mode.ONLY], "settings": settings}
    made = search(source, tmp_path / "mixed", **arguments)
    record = made.provenance.options
    effect = meter.measure(made)
    assert effect.cer_change <= 0.005
    assert record["search"]["effect"]["cer_change"] == effect.cer_change
    assert "head" in record["keep_nodes"]
    assert "second" not in record["keep_nodes"]
    (head,) = [step for step in record["search"]["steps"] if step["name"] == "head"]
    assert head["fp32"]
    assert "points" in head["why"]
    assert record["search"]["validation"]["ids"] == list(meter.record.ids)
    again = search(source, tmp_path / "again", **arguments)
    assert again.files == made.files
    assert again.provenance == made.provenance


def test_a_wide_budget_leaves_everything_in_int8_and_an_impossible_one_is_refused(
    source, given, scans, tmp_path, monkeypatch
):
    arguments = {**given, "sensitivity": scans[Mode.ALL_BUT]}
    made = search(source, tmp_path / "int8", **arguments, settings=SearchOptions(budget=100))
    everything = Int8Options(ranges=Ranges.MIN_MAX, keep_fp32=())
    plain = int8_onnx_from_onnx(source, tmp_path / "plain", calibration=given["calibration"], options=everything)
    assert made.files == plain.files
    assert made.provenance.options["search"]["steps"] == []
    monkeypatch.setattr(SearchOptions, "holds", lambda *_: False)
    for start in Start:
        with pytest.raises(ExportError, match="no operator in int8"):
            search(source, tmp_path / "none", **arguments, settings=SearchOptions(budget=0, start=start))
    assert not (tmp_path / "none").exists()
    with pytest.raises(UsageError, match="budget"):
        SearchOptions(budget=-1)


def test_lines_besides_the_probe_lines_are_needed(source, audit):
    with pytest.raises(LineDataError, match="probe"):
        Meter(source, audit.pick([0, 1]), probes=2)


def test_test_lines_decide_nothing(source, audit):
    lines = [replace(audit.lines[0], split="test"), *audit.lines[1:]]
    held_out = Audit(lines=lines, inputs=audit.inputs)
    with pytest.raises(LineDataError, match="is a test line"):
        Meter(source, held_out, probes=2)
    with pytest.raises(LineDataError, match="is a test line"):
        ValidationSet.of(held_out)


def test_a_timed_scan_records_what_int8_saves_in_each_operator(source, given):
    few = find_groups(source)[:1]
    for mode in Mode:
        (row,) = scan(source, **given, groups=few, mode=mode, timed=True).rows
        assert isinstance(row.saved_ns, int)
    (row,) = scan(source, **given, groups=few).rows
    assert row.saved_ns is None
