"""Data sets of the literature in small, in their official layouts, and a Parquet file of lines."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from inkport.lines.line import Line


if TYPE_CHECKING:
    from campaign.seeds import Store

PAGE = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15">
<Page imageFilename="{name}.png" imageWidth="120" imageHeight="80"><TextRegion id="r1">
<TextLine id="l1"><Coords points="10,10 99,10 99,39 10,39"/><TextEquiv index="0"><Unicode>vnd Rat</Unicode></TextEquiv>
</TextLine><TextLine id="l2"><Coords><Point x="1" y="2"/><Point x="50" y="2"/><Point x="20" y="40"/></Coords>
<TextEquiv><Unicode>b</Unicode></TextEquiv></TextLine></TextRegion></Page></PcGts>
"""
FORM = """<?xml version="1.0" encoding="ISO-8859-1"?><form id="a01-000u" writer-id="000"><handwritten-part>
<line id="a01-000u-00" segmentation="ok" text="A MOVE &amp;quot;to&amp;quot;"><word text="x"/></line>
<line id="a01-000u-01" text="stop"/></handwritten-part></form>
"""
INK = """<ink><annotationXML><Language>Vietnamese</Language></annotationXML>
<traceGroup id="tg_0_0"><annotationXML><Tg_Truth>Việt Nam</Tg_Truth></annotationXML>
<trace id="tr_0"> 1000 2000, 1000 2960</trace><trace id="tr_2">1480 2480</trace></traceGroup>
<traceGroup id="tg_0_1"><annotationXML><Tg_Truth>đẹp</Tg_Truth></annotationXML>
<trace id="tr_3">0 0 12, 400 100 13,800 0 255</trace></traceGroup></ink>
"""


def make(store: Store) -> None:
    """Write each data set with one split."""
    for kind in ("iam", "iam-ascii"):
        root = store.new(kind)
        for number in range(2):
            put(root / f"lines/a01/a01-000u/a01-000u-0{number}.png", picture())
        put(root / "splits/test.uttlist", b"a01-000u\n")
        put(root / "ascii/forms.txt", b"#--- forms.txt ---#\na01-000u 000 2 prt 7 5 52 36\n")
        if kind == "iam":
            put(root / "xml/a01-000u.xml", FORM.encode("latin-1"))
        else:
            rows = "#\na01-000u-00 ok 154 19 408 746 1663 91 A|MOVE\na01-000u-01 err 154 19 4 7 1 9 stop\n"
            put(root / "ascii/lines.txt", rows.encode())
    for kind in ("read2016", "read2016-masked"):
        root = store.new(kind)
        put(root / "Test-ICFHR-2016/page/Seite1.xml", PAGE.format(name="Seite1").encode())
        put(root / "Test-ICFHR-2016/Seite1.png", picture((120, 80)))
    root = store.new("lam")
    put(root / "lines/img/1.png", picture())
    records = [{"decade_id": 1, "img": "1.png", "text": "Altezza", "width": 60, "height": 20}]
    put(root / "lines/split/basic/test.json", json.dumps(records).encode())
    root = store.new("vnondb")
    put(root / "InkData_line/20151224_0141_7818_1.inkml", INK.encode())
    put(root / "test_set.txt", b"20151224_0141_7818_1.inkml\n")
    root = store.new("vnondb-images")
    put(root / "InkData_line_processed/20151224_0141_7818_1_tg_0_0.png", picture())
    put(root / "InkData_line_processed/20151224_0141_7818_1_tg_0_0.txt", "Việt Nam".encode())
    put(root / "test_set.txt", b"20151224_0141_7818_1\n")


def picture(size: tuple[int, int] = (60, 20)) -> bytes:
    """Return a PNG with a few strokes."""
    image = Image.new("L", size, 240)
    ImageDraw.Draw(image).line((4, 4, size[0] - 5, size[1] - 5), fill=10, width=2)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def put(path: Path, content: bytes) -> None:
    """Write a file and the folders to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def parquet_bytes(lines: Iterable[Line]) -> bytes:
    """Return lines in the Hugging Face image convention."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"image": {"bytes": line.image, "path": None}, "text": line.text, "id": line.id, "writer": line.writer}
        for line in lines
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()
