"""Runtimes made of numpy: a faithful one, and ways to break it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.benchmarks.checks.verify import verify
from inkport.benchmarks.report.envelope import Report
from inkport.benchmarks.report.html import render_html
from inkport.benchmarks.report.presentation import Presentation
from inkport.benchmarks.run.request import Request, VerifyOptions
from inkport.core import registry
from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact
from inkport.core.charset import Charset
from inkport.core.ctc import greedy
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.core.runtime import Availability
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Budget, Precision, Target
from inkport.lines.audit import audit_lines
from inkport.lines.line import Line


SPEC = RecogniserSpec(
    name="fake", version="1", preprocess=PreprocessSpec(), charset=Charset(tuple("abcdefg")), stride=4
)


def fake_logits(images: np.ndarray) -> np.ndarray:
    """Read each frame's mean gray value as a label: a recogniser without weights."""
    n, _, height, width = images.shape
    frames = images.reshape(n, height, width // SPEC.stride, SPEC.stride).mean(axis=(1, 3))
    labels = (frames * 50).astype(int) % SPEC.charset.size
    return np.eye(SPEC.charset.size, dtype=np.float32)[labels] * np.float32(5)


@dataclass
class FakeRuntime:
    """A runtime whose every step can be told to go wrong."""

    name: str
    logits: Callable[[np.ndarray], np.ndarray] = fake_logits
    availability: Availability = field(default_factory=lambda: Availability(ok=True, version="1.2", devices=("cpu",)))
    on_open: Callable[[], None] = lambda: None
    dies_at_call: int = 0
    formats: tuple[str, ...] = ("fake",)
    calls: int = 0
    opened: int = 0
    closed: int = 0
    threads: set[int] = field(default_factory=set)
    extra: dict[str, str] = field(default_factory=dict)

    def probe(self):
        return self.availability

    def open(self, artifact, *, device, options):
        self.on_open()
        self.opened += 1
        self.threads.add(options.threads)
        self.extra = dict(options.extra)
        return self

    def run(self, images):
        self.calls += 1
        if self.calls == self.dies_at_call:
            raise ValueError("driver fell over")
        return self.logits(images)

    def close(self):
        self.closed += 1


@dataclass
class FakePoint:
    """An entry point that yields one runtime."""

    runtime: FakeRuntime

    @property
    def name(self):
        return self.runtime.name

    @property
    def value(self):
        return f"fake:{self.runtime.name}"

    def load(self):
        return lambda: self.runtime


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch):
    """Register these runtimes and no others."""

    def install_runtimes(*runtimes: FakeRuntime) -> None:
        # A plug-in would be loaded in another process, which knows nothing of these.
        monkeypatch.setattr(registry, "is_ours", lambda _: True)
        monkeypatch.setattr(registry, "entry_points", lambda **_: [FakePoint(runtime) for runtime in runtimes])

    return install_runtimes


class Page(HTMLParser):
    """What a browser, or whoever reads a page aloud, makes of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.marked = ""
        self.missing: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        # A table's first child is its caption, as a folded part's is its summary.
        first = {"table": "caption", "details": "summary"}
        parent = self.elements[-1][0] if self.elements else ""
        if parent in first and tag != first[parent]:
            self.missing.append(f"{parent} without {first[parent]}")
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "input", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and self.open[-1] == "mark":
            self.marked += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every such element."""
        return [attributes for name, attributes in self.elements if name == tag]

    def check(self) -> Page:
        """Hold what every page of a report promises to those who cannot see, point, click or load anything."""
        assert self.open == []
        assert self.missing == []
        assert [html.get("lang") for html in self.all("html")] == ["en"]
        assert len(self.all("h1")) == 1
        assert all(image.get("alt") for image in self.all("img"))
        assert {cell.get("scope") for cell in self.all("th")} <= {"col", "row"}
        labels = {label.get("for") for label in self.all("label")}
        assert all(field["id"] in labels for field in self.all("input"))
        ids = [attributes["id"] for _, attributes in self.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert all(link["href"][1:] in ids for link in self.all("a") if link["href"].startswith("#"))
        assert all(drawing.get("aria-label") for drawing in self.all("svg"))
        assert all("tabindex" in box for box in self.all("div") if box.get("class") == "scroll")
        assert not {"script", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in self.elements}
        assert all(image["src"].startswith("data:image/") for image in self.all("img"))
        assert not any(name.startswith("on") for _, attributes in self.elements for name in attributes)
        levels = [int(tag[1]) for tag, _ in self.elements if tag in {"h1", "h2", "h3"}]
        assert all(below - above <= 1 for above, below in pairwise(levels))
        return self


@pytest.fixture
def page():
    """Return a function that parses a page, or the page of a report, and checks what every page must keep."""

    def parse(shown: str | Presentation) -> Page:
        return Page(shown if isinstance(shown, str) else next(iter(render_html(shown).values()))).check()

    return parse


@pytest.fixture
def fake_runtime():
    return FakeRuntime


@pytest.fixture
def faithful():
    return fake_logits


@pytest.fixture
def fake_artifact(tmp_path: Path) -> Artifact:
    path = tmp_path / "fake-artifact"
    provenance = Provenance(stage="train")
    with new_artifact(path, spec=SPEC, format="fake", precision=Precision.FP32, provenance=provenance) as folder:
        (folder / "weights.fake").write_bytes(b"12345")
    return load_artifact(path)


@pytest.fixture
def fake_lines(rng: np.random.Generator) -> list[Line]:
    """Twelve lines of two data sets, three writers each, whose texts are what a faithful runtime reads."""
    lines = []
    for index in range(12):
        width = int(rng.integers(90, 400))
        pixels = np.repeat(rng.integers(100, 255, size=-(-width // 12)), 12)[:width]
        image = np.broadcast_to(pixels, (48, width)).astype(np.uint8)
        data = io.BytesIO()
        Image.fromarray(image).save(data, "PNG")
        line = Line(
            id=f"line-{index}",
            image=data.getvalue(),
            text="",
            dataset="left" if index < 6 else "right",
            writer=f"w{index % 3}",
        )
        text = greedy(fake_logits(prepare(line.gray(), SPEC.preprocess))[0], SPEC.charset).text
        lines.append(Line(**{**vars(line), "text": text}))
    return lines


@pytest.fixture
def report(install, fake_runtime, fake_artifact, fake_lines, faithful) -> Report:
    """A report with a target that passes, one that flips every line, and one that is not there."""

    def last_symbol_wrong(images):
        logits = faithful(images)
        logits[:, -6:] = np.roll(logits[:, -6:], 1, axis=2)
        return logits

    absent = Availability(ok=False, reason="no SDK", remedy="buy one")
    runtimes = [
        fake_runtime("good"),
        fake_runtime("bad", last_symbol_wrong),
        fake_runtime("absent", availability=absent),
    ]
    install(fake_runtime("torch"), *runtimes)
    spec = fake_artifact.spec
    request = Request(
        model=fake_artifact,
        targets=[
            Target(
                name=f"{r.name} port",
                runtime=r.name,
                precision=Precision.FP32,
                budget=Budget(cer_margin=0.1, flipped_lines=0),
            )
            for r in runtimes
        ],
        audit=audit_lines(fake_lines, charset=spec.charset, preprocess=spec.preprocess, stride=spec.stride),
        sources=["fake.tsv"],
        provide=lambda _: fake_artifact,
        options=VerifyOptions(latency_lines=5, resamples=50),
    )
    return verify(request)
