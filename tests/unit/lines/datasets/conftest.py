"""Small data sets in the official layouts, and sizes to match, so that completeness can be tested."""

from __future__ import annotations

import dataclasses
import io
import json
from html import escape

import pytest
from PIL import Image, ImageDraw

from inkport.lines.datasets.catalogue import DATASETS
from inkport.lines.datasets.layout import Split


def picture(text="line", size=(240, 32), mode="L", kind="PNG"):
    """Encoded image of a printed line."""
    image = Image.new(mode, size, "white")
    ImageDraw.Draw(image).text((4, 8), text, fill="black")
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8")
    return path


@pytest.fixture
def sized():
    """A data set of the catalogue whose published splits have this many lines."""

    def change(name, lines):
        return dataclasses.replace(DATASETS[name], sizes=dict.fromkeys(Split, lines))

    return change


@pytest.fixture
def iam(tmp_path):
    """Forms a01-000u (writer 000, two lines) and f07-028b (writer 123, one line); validation has both."""
    root = tmp_path / "IAM"
    forms = {
        "a01-000u": ("000", ["A MOVE to stop Mr. Gaitskell", '" Blood, &  Sweat. "']),
        "f07-028b": ("123", ["the B B C's film"]),
    }
    table = ["#--- lines.txt ---#", "#"]
    for form, (writer, texts) in forms.items():
        rows = []
        for number, text in enumerate(texts):
            name = f"{form}-{number:02}"
            once = escape(text).replace("&#x27;", "&apos;")
            twice = escape(once)
            rows.append(f'<line id="{name}" segmentation="ok" text="{twice}"><word text="x"/></line>')
            tokens = text.replace(".", "|.").replace(",", "|,").replace(" ", "|").replace("B|B|C", "B B C")
            table.append(f"{name} {'err' if number else 'ok'} 154 19 408 746 1663 91 {tokens}")
            put(root / "lines" / form[:3] / form / f"{name}.png", picture(text))
        body = f"<handwritten-part>{''.join(rows)}</handwritten-part>"
        head = '<?xml version="1.0" encoding="ISO-8859-1"?>'
        put(root / "xml" / f"{form}.xml", f'{head}<form id="{form}" writer-id="{writer}">{body}</form>')
    put(root / "ascii/lines.txt", "\n".join(table) + "\n")
    put(root / "ascii/forms.txt", "#--- forms.txt ---#\na01-000u 000 2 prt 7 5 52 36\nf07-028b 123 2 prt 7 5 52 36\n")
    put(root / "splits/validation.uttlist", "a01-000u\nf07-028b\n")
    return root


PAGE = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15">
<Metadata><Creator>test</Creator></Metadata>
<Page imageFilename="{name}.JPG" imageWidth="300" imageHeight="200">
<ReadingOrder><OrderedGroup id="ro"/></ReadingOrder>
<TextRegion id="r1"><Coords points="0,0 299,0 299,199 0,199"/>{lines}
<TextEquiv><Unicode>whole region</Unicode></TextEquiv></TextRegion></Page></PcGts>
"""


def page_xml(name, *lines):
    """PAGE XML with lines given as (id, points, text); a text of None has no TextEquiv."""
    rows = []
    for line, points, text in lines:
        truth = "" if text is None else f"<TextEquiv><Unicode>{escape(text)}</Unicode></TextEquiv>"
        rows.append(f'<TextLine id="{line}"><Coords points="{points}"/><Baseline points="1,1 2,2"/>{truth}</TextLine>')
    return PAGE.format(name=name, lines="".join(rows))


@pytest.fixture
def read2016(tmp_path):
    """Two validation pages with two lines and one without text; a test page as its archive has it."""
    root = tmp_path / "READ"
    image = Image.new("RGB", (300, 200), (250, 240, 200))
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 30, 119, 59), fill=(60, 20, 20))
    draw.rectangle((0, 100, 299, 139), fill=(0, 0, 0))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    val = root / "PublicData/Validation"
    box = "20,30 119,30 119,59 20,59"
    put(val / "page/Seite0401.xml", page_xml("Seite0401", ("l1", box, "vnd  Rat"), ("l2", box, None)))
    put(val / "page/Seite0402.xml", page_xml("Seite0402", ("l1", "-5,100 305,100 150,139", "ains m\u0304")))
    put(val / "page/doc.xml", "<trpDocMetadata/>")
    for page in ("Seite0401", "Seite0402"):
        put(val / "Images" / f"{page}.JPG", buffer.getvalue())
    test = root / "Test-ICFHR-2016"
    put(test / "page/Seite0451.xml", page_xml("Seite0451", ("l1", box, "Statt")))
    put(test / "Seite0451.JPG", buffer.getvalue())
    return root


@pytest.fixture
def lam(tmp_path):
    root = tmp_path / "LAM"
    records = []
    for number, text in enumerate(["Sereniss.ma  Altezza", "è più #"]):
        name = f"{number:03}_{number:02}.jpg"
        put(root / "lines/img" / name, picture(text, mode="RGB", kind="JPEG"))
        records.append({"decade_id": number, "img": name, "nameset": "test", "text": text, "width": 240, "height": 32})
    put(root / "lines/split/basic/test.json", json.dumps(records))
    return root


INK = """<ink>
<annotationXML><Description>Cursive online handwriting</Description><Language>Vietnamese</Language></annotationXML>
<traceGroup id="tg_0_0"><annotationXML><Tg_Truth>Việt  Nam</Tg_Truth></annotationXML>
<trace id="tr_0"> 1000 2000, 1000 2960</trace><trace id="tr_1">1960 2000, 1960 2960</trace>
<trace id="tr_2">1480 2480</trace></traceGroup>
<traceGroup id="tg_0_1"><annotationXML><Tg_Truth>đẹp</Tg_Truth></annotationXML>
<trace id="tr_3">0 0 12, 400 100 13,800 0 255</trace></traceGroup>
</ink>
"""


@pytest.fixture
def vnondb(tmp_path):
    root = tmp_path / "VNOnDB_Line"
    put(root / "InkData_line/20151224_0141_7818_1.inkml", INK)
    put(root / "validation_set.txt", "20151224_0141_7818_1.inkml\n")
    for line, text in {"tg_0_0": "Việt  Nam", "tg_0_10": "mười", "tg_0_2": "hai"}.items():
        stem = root / "InkData_line_processed" / f"20151224_0141_7818_1_{line}"
        put(stem.with_suffix(".png"), picture(text.encode("ascii", "replace").decode()))
        put(stem.with_suffix(".txt"), text)
    return root
