from __future__ import annotations

import json
import re
from dataclasses import replace

import jsonschema
import pytest

from inkport.benchmarks.report.files import write_report
from inkport.benchmarks.report.flips import picture
from inkport.benchmarks.report.html import render_html
from inkport.benchmarks.report.presentation import summed_up
from inkport.benchmarks.report.schema import schema_of
from inkport.benchmarks.report.sections import present
from inkport.benchmarks.report.text import render_markdown, render_text
from inkport.benchmarks.run.record import Proof
from inkport.benchmarks.run.request import SkippedLine


NASTY = '<script>alert("x")</script> & | `a` *b* '


def html(shown):
    return render_html(shown)["report.html"]


@pytest.fixture
def schema():
    return schema_of("verify")


def test_report_keeps_to_its_schema(report, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(report.to_json())
    jsonschema.validate(document, schema)
    assert (document["schema"], document["exit_code"]) == (2, 1)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda d: d["targets"][0].pop("outcome"),
        lambda d: d["targets"][0].update(outcome="fine"),
        lambda d: d["targets"][0]["parity"].update(interval=[0.1]),
        lambda d: d["targets"][0]["parity"].pop("flipped_lines"),
        lambda d: d["targets"][0]["latency"].update(p50_ms="fast"),
        lambda d: d["targets"][0]["artifact"].update(sha256="abc"),
        lambda d: d["environment"].update(hostname="somewhere"),
        lambda d: d.update(schema=3),
    ],
)
def test_schema_refuses_other_documents(report, schema, break_it):
    document = json.loads(report.to_json())
    break_it(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


def test_promised_fields(report):
    target = json.loads(report.to_json())["targets"][1]
    assert {"name", "runtime", "device", "precision", "outcome", "reason"} <= target.keys()
    assert {"cer", "cer_reference", "delta", "interval", "lines", "flipped_lines"} <= target["parity"].keys()
    assert {"p50_ms", "p90_ms", "p99_ms", "cold_start_ms", "lines_per_s", "n"} <= target["latency"].keys()
    assert {"sha256", "bytes"} <= target["artifact"].keys()


@pytest.mark.parametrize("render", [render_text, render_markdown, html])
def test_every_view_has_the_figures(report, render):
    good, bad, absent = report.targets
    # Times of this machine are not those of a test.
    timed = replace(bad.latency, p50_ms=4.567, p90_ms=23.41, p99_ms=98.76)
    bad = bad.having(replace(bad.section(Proof), latency=timed))
    view = re.sub(r"<[^>]+>|\\", " ", render(present(replace(report, targets=(good, bad, absent)))))
    assert re.search(r"4\.57[ |]+23\.4[ |]+98\.8", view)
    for figure in (
        f"{100 * bad.parity.cer:.2f}",
        f"{100 * bad.parity.delta:+.2f}",
        str(bad.parity.flipped_lines),
        report.model.artifact.sha256[:12],
        report.data.sha256[:12],
        *(target.name for target in report.targets),
        *(str(target.outcome) for target in report.targets),
        "no SDK (fix: buy one).",
        "right",
    ):
        assert figure in view
    assert good.parity.flipped_lines == 0
    assert absent.parity is None


@pytest.mark.parametrize("render", [render_text, render_markdown, html])
def test_targets_that_are_not_here_are_one_sentence(report, render):
    good, bad, absent = report.targets
    absent = replace(absent, required=False)
    several = [replace(absent, name=f"far {number}", reason=f"no SDK {number}") for number in range(12)]
    missing = replace(absent, name="wanted", required=True)
    whole = present(replace(report, targets=(good, bad, missing, *several)))
    view = re.sub(r"<[^>]+>|\\", " ", render(summed_up(whole)))
    (sentence,) = re.findall(r"far 0.*?reasons", " ".join(view.split()))
    assert "far 11" in sentence
    assert view.count("far 5") == 1
    assert "no SDK 3" not in view
    assert "required, but not available here" in view
    assert "wanted" in view
    assert len(re.findall(r"no SDK \d+", re.sub(r"<[^>]+>|\\", " ", render(whole)))) >= 12
    assert [len(cases) for cases in (whole.cases, summed_up(whole).cases)] == [len(whole.cases)] * 2


def test_text_fits_a_terminal(report):
    text = render_text(present(report))
    assert max(map(len, text.splitlines())) <= 120
    assert text.endswith("\n")


def test_skipped_lines_are_counted_in_words(report):
    skipped = tuple(
        SkippedLine(id=str(i), problem=p, detail="") for i, p in enumerate(["bad-image"] * 2 + ["empty-text"])
    )
    view = render_text(present(replace(report, data=replace(report.data, skipped=skipped))))
    assert "skipped: 3 lines (2 bad-image, 1 empty-text)" in view


def nasty(report):
    """Put markup wherever a report holds words from outside."""
    targets = []
    for target in report.targets:
        parity = target.parity
        if parity:
            flips = tuple(
                replace(f, id=NASTY + f.id, dataset=NASTY, text=NASTY, reading=NASTY, reading_reference=NASTY[::-1])
                for f in parity.flips
            )
            parity = replace(parity, flips=flips, datasets=tuple(replace(d, dataset=NASTY) for d in parity.datasets))
        proof = replace(target.section(Proof), parity=parity)
        targets.append(replace(target.having(proof), name=NASTY, reason=NASTY))
    model = replace(report.model, name=NASTY)
    return replace(report, targets=tuple(targets), model=model, data=replace(report.data, sources=(NASTY,)))


def test_html_escapes_everything(report, page):
    parsed = page(present(nasty(report)))
    assert any('alert("x")' in words for words in parsed.words)


def test_markdown_escapes_cells(report):
    text = render_markdown(present(nasty(report)))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows
    assert not re.search(r"(?<!\\)<", text)
    bars = {len(re.findall(r"(?<!\\)\|", row)) for row in rows if "alert" in row}
    assert bars <= {7, 8, 9, 10, 11, 14}


def test_written_page_shows_flipped_lines_and_needs_no_network(report, fake_lines, tmp_path, page):
    folder = tmp_path / "out"
    write_report(report, lambda: {line.id: picture(line.gray()) for line in fake_lines}, folder)
    assert {p.name for p in folder.iterdir()} == {
        f"report.{suffix}" for suffix in ("html", "json", "md", "mllog", "txt", "xml")
    }
    assert (folder / "report.json").read_text(encoding="utf-8") == report.to_json()
    parsed = page((folder / "report.html").read_text(encoding="utf-8"))
    flips = report.targets[1].parity.flips
    assert flips
    assert {image["alt"] for image in parsed.all("img")} == {f"Line {flip.id}: {flip.text}" for flip in flips}
    assert len(parsed.all("img")) == len(flips)
    assert parsed.marked


@pytest.mark.parametrize("render", [render_text, render_markdown, html])
def test_a_reason_that_several_targets_share_is_given_once(report, render):
    *others, absent = report.targets
    twice = replace(report, targets=(*others, absent, replace(absent, name="absent too")))
    view = re.sub(r"<[^>]+>|[\\*]", "", render(present(twice)))
    assert view.count("no SDK") == 1
    assert "absent port, absent too" in view
