"""ALTO and PAGE: what is written validates, and comes back as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from inkport.pages.formats.alto_out import write_alto
from inkport.pages.formats.layout_files import read_layout
from inkport.pages.formats.page_out import write_page
from inkport.pages.hyphens import join_hyphens
from inkport.pages.page import Alternative, Flag, Line, Page, Region, Word, box_of


WRITERS = {"alto": write_alto, "page": write_page}
LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn"), exclude_characters="\ufffe\uffff")
TEXTS = st.text(LETTERS, min_size=1, max_size=6).filter(lambda text: len(text.split()) == 1)
SHARES = st.none() | st.floats(0, 1).map(lambda value: round(value, 6))
POINTS = st.tuples(st.integers(0, 640), st.integers(0, 480))
ALTERNATIVES = st.builds(Alternative, text=TEXTS, confidence=SHARES)
WORDS = st.builds(
    Word,
    text=TEXTS,
    polygon=st.lists(POINTS, min_size=4, max_size=4).map(tuple),
    confidence=SHARES,
    alternatives=st.lists(ALTERNATIVES, max_size=2).map(tuple),
)


@st.composite
def lines(draw, name):
    words = tuple(draw(st.lists(WORDS, max_size=3)))
    flags = draw(st.sets(st.sampled_from(Flag)))
    return Line(
        id=name,
        baseline=tuple(draw(st.lists(POINTS, min_size=2, max_size=3))),
        polygon=tuple(draw(st.lists(POINTS, min_size=3, max_size=5))),
        text=" ".join(word.text for word in words),
        confidence=draw(SHARES) if words else None,
        words=words,
        flags=tuple(flag for flag in Flag if flag in flags),
        kind=draw(st.sampled_from(["", "Default;Line", "a{b}:c"])),
    )


@st.composite
def pages(draw):
    count = draw(st.integers(0, 3))
    regions = tuple(
        Region(
            id=f"r{r}",
            polygon=tuple(draw(st.lists(POINTS, min_size=3, max_size=5))),
            lines=tuple(draw(lines(f"r{r}l{n}")) for n in range(draw(st.integers(1, 2)))),
            kind=draw(st.sampled_from(["", "MainZone"])),
        )
        for r in range(count)
    )
    turn = draw(st.sampled_from([0, 90, 180, 270]))
    skew = draw(st.floats(-44, 44).map(lambda value: round(value, 2) + 0.0))
    return Page(id="p", width=640, height=480, image="a b.jpg", orientation=turn, skew=skew, regions=regions)


def read(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("layout") / "layout.xml"
    path.write_bytes(data)
    (found,) = read_layout(path)
    return found


def known(line):
    """What a line without a confidence of its own takes from its words."""
    return replace(line, confidence=None) if any(word.confidence is not None for word in line.words) else line


@pytest.mark.parametrize("form", WRITERS)
@given(page=pages())
@settings(max_examples=40)
def test_nothing_is_lost_on_the_way_through_a_file(form, page, tmp_path_factory):
    found = read(WRITERS[form](page), tmp_path_factory)
    for before, after in zip(page.lines, found.lines, strict=True):
        unknown = before.confidence is None
        assert (known(after) == known(before)) if unknown else after == before
    assert replace(found, regions=()) == replace(page, regions=())
    assert [replace(r, lines=()) for r in found.regions] == [replace(r, lines=()) for r in page.regions]


@pytest.mark.parametrize("joined", [False, True])
def test_what_is_written_validates(page, joined, alto_schema, page_schema):
    from lxml import etree

    page = join_hyphens(page) if joined else page
    for schema, write in ((alto_schema, write_alto), (page_schema, write_page)):
        schema.assertValid(etree.fromstring(write(page)))
        schema.assertValid(etree.fromstring(write(replace(page, regions=(), id="4 pages", image=""))))


@given(page=pages())
@settings(max_examples=15)
def test_any_page_validates(page, alto_schema, page_schema):
    from lxml import etree

    alto_schema.assertValid(etree.fromstring(write_alto(page)))
    page_schema.assertValid(etree.fromstring(write_page(page)))


@pytest.mark.parametrize("form", WRITERS)
def test_divided_words_keep_both_forms(page, form, tmp_path_factory):
    joined = join_hyphens(page)
    data = WRITERS[form](joined)
    found = read(data, tmp_path_factory)
    upper, lower, _ = found.lines
    assert (upper.text, lower.text) == ("Le café exam-", "ple & <fin>")
    assert (upper.words[-1].whole, upper.words[-1].part, lower.words[0].part) == ("example", 1, 2)
    if form == "alto":
        assert b'<HYP CONTENT="-"' in data
        assert b'CONTENT="exam" ' in data
        assert data.count(b'SUBS_CONTENT="example"') == 2


@pytest.mark.parametrize("form", WRITERS)
def test_the_same_page_gives_the_same_bytes(page, form):
    assert WRITERS[form](page) == WRITERS[form](page)


def test_identifiers_are_valid_and_unique(page, tmp_path_factory, alto_schema, page_schema):
    from lxml import etree

    strange = [replace(line, id=name) for line, name in zip(page.lines, ("1 a", "r1", "é"), strict=True)]
    region = Region(id="r1", polygon=page.regions[0].polygon, lines=tuple(strange))
    odd = replace(page, regions=(region, replace(region, lines=tuple(strange))))
    for schema, write in ((alto_schema, write_alto), (page_schema, write_page)):
        schema.assertValid(etree.fromstring(write(odd)))
        assert len({line.id for line in read(write(odd), tmp_path_factory).lines}) == 6


def test_page_has_whole_points_within_the_image(page, tmp_path_factory):
    line = replace(next(page.lines), polygon=((-5, -5), (700, 3.6), (20, 999)))
    found = next(read(write_page(replace(page, regions=(Region(id="r", lines=(line,)),))), tmp_path_factory).lines)
    assert found.polygon == ((0, 0), (640, 4), (20, 480))
    assert found.baseline == ((40, 90), (300, 92))


SAMPLES = {
    "copiste": (4, 3, "DÉPUTÉE DE 1972 À 1984.", "text"),
    "lectaurep": (1, 85, "RELATION", ""),
    "mss19": (3, 18, "Paris 4 Juillet", "MainZone"),
    "peraire": (2, 33, "quement Russe au Rikraïmena, tels que patisseries variees.", "MainZone"),
    "testaments": (1, 1, "ame Pierre Barruel", "MainZone"),
    "timeus": (1, 17, "les Bureaux du Conseil et les dépens. Point de droit - Devait-on", ""),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_what_projects_publish_is_read_and_comes_back(name, schemas, tmp_path_factory, alto_schema, page_schema):
    from lxml import etree

    (path,) = (schemas / "samples").glob(f"{name}-*.xml")
    (found,) = read_layout(path)
    regions, count, first, kind = SAMPLES[name]
    assert (len(found.regions), sum(1 for _ in found.lines)) == (regions, count)
    line = next(found.lines)
    assert (line.text, found.regions[0].kind) == (first, kind)
    assert len(line.baseline) >= 2
    assert len(line.polygon) > 4
    whole = box_of(tuple(point for line in found.lines for point in line.polygon))
    assert 0 <= whole.left < whole.right <= found.width + 2
    for schema, write in ((alto_schema, write_alto), (page_schema, write_page)):
        data = write(found)
        schema.assertValid(etree.fromstring(data))
        back = read(data, tmp_path_factory)
        assert [(b.id, b.text, b.confidence) for b in back.lines] == [(b.id, b.text, b.confidence) for b in found.lines]
        assert write(back) == data
