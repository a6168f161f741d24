from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from inkport.pages.page import Alternative, Flag, Line, Page, Region, Word


XLINK = """<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/1999/xlink">
<xsd:attributeGroup name="simpleLink"/></xsd:schema>"""
"""What ALTO's schema imports from the web, as far as it refers to it."""


def given_schemas() -> Path | None:
    """The folder of schemas beside the project, or beside a folder that it is in."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "shared" / "schemas").is_dir():
            return folder / "shared" / "schemas"
    return None


def box(left: float, top: float, right: float, bottom: float):
    return (left, top), (right, top), (right, bottom), (left, bottom)


@pytest.fixture(scope="session")
def schemas() -> Path:
    found = given_schemas()
    if found is None:
        pytest.skip("no folder of schemas (shared/schemas) beside the project")
    return found


@pytest.fixture(scope="session")
def alto_schema(schemas, tmp_path_factory):
    etree = pytest.importorskip("lxml.etree", reason="validating needs lxml")
    folder = tmp_path_factory.mktemp("alto")
    (folder / "xlink.xsd").write_text(XLINK)
    text = (schemas / "alto-4-4.xsd").read_text(encoding="utf-8")
    text = text.replace("http://www.loc.gov/standards/xlink/xlink.xsd", "xlink.xsd")
    (folder / "alto.xsd").write_text(text, encoding="utf-8")
    return etree.XMLSchema(etree.parse(folder / "alto.xsd"))


@pytest.fixture(scope="session")
def page_schema():
    etree = pytest.importorskip("lxml.etree", reason="validating needs lxml")
    package = importlib.util.find_spec("ocrd_validators")
    if package is None:
        pytest.skip("the schema of PAGE is in ocrd-validators, which is not installed: pip install --no-deps")
    return etree.XMLSchema(etree.parse(Path(package.origin).with_name("page.xsd")))


@pytest.fixture
def page() -> Page:
    """Two regions with everything that a line and a word can have."""
    divided = Line(
        id="l1",
        baseline=((40, 90.5), (300.25, 92)),
        polygon=box(38, 60, 302, 100),
        text="Le café exam-",
        confidence=0.912345,
        words=(
            Word(text="Le", polygon=box(40, 60, 90, 100), confidence=0.99),
            Word(
                text="café",
                polygon=box(100, 60, 180, 100),
                confidence=0.7,
                alternatives=(Alternative(text="cafe", confidence=0.61), Alternative(text="cofé")),
            ),
            Word(text="exam-", polygon=box(190, 60, 300, 100), confidence=0.95),
        ),
        kind="DefaultLine",
    )
    rest = Line(id="l2", baseline=((40, 140), (200, 140)), text="ple & <fin>", confidence=0.5, flags=(Flag.UNSURE,))
    stamp = Line(id="l3", polygon=box(400, 10, 500, 40), text="STAMP", confidence=0.3, flags=(Flag.DROPPED,))
    return Page(
        id="scan-1",
        width=640,
        height=480,
        image="scan.jpg",
        orientation=90,
        skew=-1.5,
        regions=(
            Region(id="r1", polygon=box(30, 50, 320, 150), lines=(divided, rest), kind="MainZone"),
            Region(id="r2", lines=(stamp,)),
        ),
    )
