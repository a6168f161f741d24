"""Forms of ALTO and PAGE that other programs write."""

from __future__ import annotations

import pytest

from inkport.core.errors import LineDataError
from inkport.pages.formats.layout_files import read_layout


@pytest.fixture
def read(tmp_path):
    def read(text: str):
        (tmp_path / "a.xml").write_text(text, encoding="utf-8")
        return read_layout(tmp_path / "a.xml")

    return read


def alto(lines: str, *, head: str = "", page: str = 'WIDTH="100" HEIGHT="50"', namespace: str = "ns-v3#") -> str:
    return (
        f'<alto xmlns="http://www.loc.gov/standards/alto/{namespace}">{head}<Layout><Page ID="p" {page}><PrintSpace>'
        f'<TextBlock ID="b">{lines}</TextBlock></PrintSpace></Page></Layout></alto>'
    )


def pcgts(content: str, *, size: str = 'imageWidth="100" imageHeight="50"') -> str:
    year = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15"
    return f'<PcGts xmlns="{year}"><Page imageFilename="dir\\a.jpg" {size}>{content}</Page></PcGts>'


def test_strings_are_words_and_spaces_are_between_them(read):
    strings = (
        '<String CONTENT="a" WC="0.5" HPOS="1" VPOS="2" WIDTH="3" HEIGHT="4"/><SP/><String CONTENT="bcd" WC="0.9"/>'
    )
    (page,) = read(
        alto(f'<TextLine ID="l" BASELINE="40" HPOS="10" VPOS="20" WIDTH="30" HEIGHT="25">{strings}</TextLine>')
    )
    (line,) = page.lines
    assert (line.text, [word.text for word in line.words]) == ("a bcd", ["a", "bcd"])
    assert line.words[0].polygon == ((1, 2), (4, 2), (4, 6), (1, 6))
    assert line.confidence == pytest.approx((0.5 + 3 * 0.9) / 4)
    # Until version 4.1 a baseline is the height of a level line.
    assert line.baseline == ((10, 40), (40, 40))


@pytest.mark.parametrize("points", ["1,2 3.5,4", "1 2 3.5 4", "(1, 2) (3.5, 4)", " 1,2\n3.5,4 "])
def test_points_are_read_however_they_are_separated(read, points):
    (page,) = read(alto(f'<TextLine BASELINE="{points}"><String CONTENT="a"/></TextLine>', namespace="ns-v4#"))
    (line,) = page.lines
    assert line.baseline == ((1, 2), (3.5, 4))
    assert line.id == "line_1"


def test_a_string_with_spaces_is_a_line_and_not_a_word(read):
    (page,) = read(alto('<TextLine ID="l"><String CONTENT=" a  b " WC="0.25"/></TextLine>'))
    (line,) = page.lines
    assert (line.text, line.words, line.confidence, line.baseline) == ("a b", (), 0.25, ())


def test_a_reading_order_goes_before_the_order_of_the_document(read):
    head = (
        '<ReadingOrder><OrderedGroup ID="g"><ElementRef ID="e1" REF="l3"/><ElementRef ID="e2" REF="l1"/>'
        "</OrderedGroup></ReadingOrder>"
    )
    lines = "".join(f'<TextLine ID="l{n}"><String CONTENT="{n}"/></TextLine>' for n in (1, 2, 3))
    (page,) = read(alto(lines, head=head, namespace="ns-v4#"))
    assert [line.text for line in page.lines] == ["3", "1", "2"]


def test_pages_of_a_file_come_in_order(read):
    one = '<Page ID="{}" WIDTH="10" HEIGHT="20"><PrintSpace/></Page>'
    pages = read(f"<alto><Layout>{one.format('a')}{one.format('b')}{one.format('a')}</Layout></alto>")
    assert [page.id for page in pages] == ["a", "b", "page_1"]


def test_regions_of_page_follow_its_reading_order_and_lines_their_index(read):
    text = "<TextEquiv><Unicode>{0}</Unicode></TextEquiv>"
    line = f'<TextLine id="{{0}}" custom="readingOrder {{{{index:{{1}};}}}}">{text}</TextLine>'
    region = '<TextRegion id="{}">{}</TextRegion>'
    order = (
        '<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="1" regionRef="r1"/>'
        '<OrderedGroupIndexed index="0" id="h"><RegionRefIndexed index="0" regionRef="r2"/></OrderedGroupIndexed>'
        "</OrderedGroup></ReadingOrder>"
    )
    first = region.format("r1", line.format("a", 1) + line.format("b", 0))
    second = region.format("r2", line.format("c", 0))
    (page,) = read(pcgts(order + first + second + region.format("r3", line.format("d", 0))))
    assert [line.text for line in page.lines] == ["c", "b", "a", "d"]
    assert (page.image, page.id) == ("a.jpg", "a")


def test_the_reading_with_the_lowest_index_counts(read):
    equivs = (
        '<TextEquiv index="1"><Unicode>other</Unicode></TextEquiv>'
        '<TextEquiv index="0" conf="0.75"><PlainText>plain</PlainText><Unicode>best  one</Unicode></TextEquiv>'
    )
    coords = '<Coords><Point x="1" y="2"/><Point x="9" y="2"/><Point x="9" y="8"/></Coords>'
    (page,) = read(
        pcgts(
            f'<TableRegion><TextRegion id="r"><TextLine id="l">{coords}{equivs}</TextLine></TextRegion></TableRegion>'
        )
    )
    (line,) = page.lines
    assert (line.text, line.confidence, line.polygon) == ("best one", 0.75, ((1, 2), (9, 2), (9, 8)))


def test_words_that_are_not_the_text_are_left_out(read):
    words = "".join(f'<Word id="{t}"><TextEquiv><Unicode>{t}</Unicode></TextEquiv></Word>' for t in "ab")
    line = '<TextLine id="l">{}{}</TextLine>'
    corrected = line.format(words, "<TextEquiv><Unicode>a c</Unicode></TextEquiv>")
    (page,) = read(pcgts(f'<TextRegion id="r">{corrected}{line.format(words, "")}</TextRegion>'))
    first, second = page.lines
    assert (first.text, first.words) == ("a c", ())
    assert (second.text, [word.text for word in second.words]) == ("a b", ["a", "b"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (alto("", head="<Description><MeasurementUnit>mm10</MeasurementUnit></Description>"), "places are in mm10"),
        (alto("", page='WIDTH="100"'), "no WIDTH and HEIGHT"),
        (alto("", page='WIDTH="nan" HEIGHT="50"'), "no WIDTH and HEIGHT"),
        ("<alto/>", "no <Page>"),
        ("<PcGts/>", "no <Page>"),
        (pcgts("", size='imageWidth="x" imageHeight="-1"'), "no imageWidth and imageHeight"),
        ("<html/>", "expected <alto> or <PcGts>"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><alto>&x;</alto>', "declares the entity"),
    ],
)
def test_what_is_no_layout_is_one_sentence(read, text, says):
    with pytest.raises(LineDataError, match=says):
        read(text)
