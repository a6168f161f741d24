"""The page as its readers have it: a manager, someone who cannot see it, and whoever gets it without its folder."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.report import flips
from inkport.benchmarks.report.files import write_report
from inkport.benchmarks.report.flips import INSIDE, Picture
from inkport.benchmarks.report.html import HERE, STYLE, render_html
from inkport.benchmarks.report.presentation import Sign
from inkport.benchmarks.report.rows import SAME, by_dataset, percent, summary, verdicts
from inkport.benchmarks.report.sections import LABELS, REQUIRED, SIGNS, conclusions, present, too_few
from inkport.benchmarks.report.text import render_markdown
from inkport.benchmarks.run.record import Outcome, Proof
from inkport.core.target import LineChoice


LINES, TARGETS = 2063, 20
"""A test set of real hands, and about as many targets as there are runtimes and precisions."""
IMAGE_BYTES = 4096
"""What a line of a real hand takes as WebP at the quality of the page."""


def proven(target, parity):
    """Return the record of a target with another text."""
    return target.having(replace(target.section(Proof), parity=parity))


@pytest.fixture
def large(report):
    """Return a report in which every line was flipped by every target, in two ways, and its pictures."""
    target = report.targets[1]
    flip = target.parity.flips[0]
    text = "and then the quick brown fox jumps over the lazy dog"

    def flips_of(number):
        change = replace(flip.changes[0], first_frame=10 + number % 2)
        read = text.replace("fox", ("fix", "fax")[number % 2])
        same = replace(flip, text=text, reading_reference=text, reading=read, changes=(change, change))
        return tuple(replace(same, id=f"line-{n:06}") for n in range(LINES))

    targets = tuple(
        replace(proven(target, replace(target.parity, flips=flips_of(n))), name=f"engine {n:02} int8")
        for n in range(TARGETS)
    )
    images = {f"line-{n:06}": f"data:image/webp;base64,{n:08}{'A' * (IMAGE_BYTES * 4 // 3)}" for n in range(LINES)}
    pictures = {name: Picture(uri=uri, aspect=12.0) for name, uri in images.items()}
    return replace(report, targets=targets), lambda: pictures


def test_a_page_of_two_thousand_lines_and_twenty_targets(large, page):
    shown = present(*large)
    pages = render_html(shown)
    assert all(len(content.encode()) < 2_000_000 for content in [*pages.values(), render_markdown(shown)])
    parsed = page(pages["report.html"])
    assert len(parsed.all("img")) == len(parsed.all("details")) == INSIDE
    assert not any("open" in part for part in parsed.all("details"))
    # Every line is somewhere, and its image once, however many targets flipped it.
    images = [image for content in pages.values() for image in re.findall(r'<img alt="[^"]+" src="([^"]+)"', content)]
    assert len(images) == len(set(images)) == LINES
    links = [link["href"] for link in parsed.all("a") if not link["href"].startswith("#")]
    assert links == [name for name in pages if name.startswith("report-lines/") and not name.endswith(HERE)]
    assert len(links) == -(-LINES // INSIDE) - 1
    page(pages[links[-1]])


@pytest.fixture
def parted(report, monkeypatch):
    """A report whose flipped lines are too many for its page."""
    monkeypatch.setattr(flips, "INSIDE", 5)
    return report


def test_without_its_folder_a_page_says_so(parted):
    shown, *beside = render_html(present(parted), stem="r").items()
    (notice,) = re.findall(r'<p class="missing[^"]*">(.*?)</p>', shown[1])
    assert "The folder r-lines is not beside this page" in notice
    # The notice is hidden by a file of the folder, so it shows where the folder is missing, and only there.
    assert f"@import url(r-lines/{HERE})" in shown[1]
    assert ".missing { display: none }" in dict(beside)[f"r-lines/{HERE}"]
    assert not re.search(r"\.missing", STYLE)


def test_parts_of_an_earlier_page_go_when_no_page_leads_to_them(parted, tmp_path):
    folder = tmp_path / "report-lines"
    write_report(parted, dict, tmp_path)
    assert len(list(folder.iterdir())) > 1
    (folder / "notes.txt").write_text("somebody's own")
    write_report(replace(parted, targets=parted.targets[:1]), dict, tmp_path)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    write_report(parted, dict, tmp_path)
    (folder / "notes.txt").unlink()
    write_report(replace(parted, targets=parted.targets[:1]), dict, tmp_path)
    assert not folder.exists()


def concluded(report, outcome, parity=None, **changes):
    target = replace(report.targets[1], outcome=outcome, reason="It did what it did.", **changes)
    target = proven(target, parity or target.parity)
    (found,) = conclusions(replace(report, targets=(target,)))
    return found


def test_the_reference_has_a_row_of_rates_and_no_verdict(report):
    target = replace(report.targets[1], outcome=Outcome.REFERENCE, reason="It did what it did.")
    shown = replace(report, targets=(target,))
    assert conclusions(shown) == ()
    (row,) = summary(shown).rows
    assert row[:2] == ("bad port", "reference")
    assert row[4] == percent(target.parity.cer)
    assert row[5:8] == ("-", "-", "-")
    assert {row[3] for row in by_dataset(shown).rows} == {"reference"}
    assert verdicts(shown).rows == ()


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.REFERENCE}))
def test_each_target_has_one_sentence_that_says_what_to_do(report, outcome, page):
    found = concluded(report, outcome)
    required = outcome is Outcome.UNAVAILABLE
    assert found.label == (REQUIRED if required else LABELS[SIGNS[outcome]])
    assert found.sentence.startswith(f"bad port: {found.label}; ")
    target = replace(report.targets[1], outcome=outcome, reason="It did what it did.")
    parsed = page(present(replace(report, targets=(target,))))
    assert f"{found.label[0].upper()}{found.label[1:]}: 1 of 1 target." in parsed.words
    assert [item["class"] for item in parsed.all("li") if "class" in item] == [found.sign]
    # What broke before there was a text is told in the words of its reason.
    told = outcome in {Outcome.PASS, Outcome.TEXT_DIFFERS, Outcome.INCONCLUSIVE}
    assert ("It did what it did" in found.why) != told


def test_what_is_not_there_and_not_required_was_not_tried(report):
    found = concluded(report, Outcome.UNAVAILABLE, required=False)
    assert (found.sign, found.label) == (Sign.ABSENT, LABELS[Sign.ABSENT])


def opened(score, *, delta, further, flipped=3):
    equivalence = replace(score.equivalence, verdict=Verdict.INCONCLUSIVE, margin=0.005, further_writers=further)
    return replace(score, delta=delta, equivalence=equivalence, flipped_lines=flipped, clusters=12)


def test_an_open_target_says_how_many_writers_of_which_lines_would_settle_it(report):
    parity = report.targets[1].parity
    left, right = (replace(row, delta=0.0) for row in parity.datasets)
    all_lines = replace(opened(parity, delta=0.001, further=30), datasets=(left, right))
    found = concluded(report, Outcome.INCONCLUSIVE, parity=all_lines)
    assert "12 writers of fake.tsv cannot prove 0.5 points: about 30 more writers would settle it" in found.sentence
    beyond = opened(left, delta=0.02, further=7)
    settled = replace(parity.equivalence, verdict=Verdict.EQUIVALENT)
    found = concluded(
        report, Outcome.INCONCLUSIVE, parity=replace(parity, equivalence=settled, datasets=(beyond, right))
    )
    assert "12 writers of left cannot prove 0.5 points: about 7 more writers would settle it" in found.sentence
    never = replace(opened(parity, delta=0.005, further=None), datasets=(left, right))
    assert "no number would" in concluded(report, Outcome.INCONCLUSIVE, parity=never).sentence
    # Fragile lines are no sample: more of them would settle nothing.
    fragile = concluded(report, Outcome.INCONCLUSIVE, parity=all_lines, sample=12, sample_choice=LineChoice.FRAGILE)
    assert fragile.why == "It did what it did."


def test_a_data_set_that_is_too_small_says_why_and_is_no_failure_without_flips(report, page):
    target = report.targets[0]
    left, right = target.parity.datasets
    sets = (opened(left, delta=0.0, further=25, flipped=0), opened(right, delta=0.001, further=28, flipped=2))
    changed = replace(report, targets=(proven(target, replace(target.parity, datasets=sets)),))
    assert too_few(changed) == [
        "left: 12 writers cannot prove 0.5 points; 37 would",
        "right: 12 writers cannot prove 0.5 points; 40 would",
    ]
    assert [row[3] for row in by_dataset(changed).rows] == [SAME, Verdict.INCONCLUSIVE]
    marked = [cell.get("class") for cell in page(present(changed)).all("td")]
    assert marked.count("open") == 1
    assert "bad" not in marked


def test_the_worst_comes_first_and_the_whole_is_counted(report):
    shown = present(report)
    assert [found.sign for found in shown.conclusions] == [Sign.BAD, Sign.OPEN, Sign.GOOD]
    assert shown.lead == f"do not ship it: 1 of 3 targets; {REQUIRED}: 1; ship it: 1"


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1])
def test_words_stand_out_from_what_is_behind_them(scheme):
    """At least 4.5 to 1, as WCAG 2.2 asks (success criterion 1.4.3)."""
    root = re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)[scheme]
    colours = {name: c if len(c) > 4 else "#" + "".join(2 * x for x in c[1:]) for name, c in COLOUR.findall(root)}
    pairs = [(name, "back") for name in colours if re.fullmatch(r"ink|faint|harmful|repaired|harmless|c\d", name)]
    pairs += [("ink", name) for name in colours if name.endswith("-back")]
    assert len(pairs) == 5 + 8 + 3
    for ink, back in pairs:
        low, high = sorted(luminance(colours[name]) for name in (ink, back))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, back)


COLOUR = re.compile(r"--([\w-]+): (#[0-9a-f]{3,6})\b")


def test_paper_shows_what_is_folded():
    (paper,) = re.findall(r"@media print \{(.*)\}", STYLE, flags=re.DOTALL)
    assert "details::details-content { content-visibility: visible" in paper
