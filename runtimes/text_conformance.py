"""The conformance suite for runtimes whose recognisers return text; it is inherited as ``RuntimeConformance`` is.

::

    class TestAcmeReads(TextConformance):
        runtime = "acme"

        @pytest.fixture(scope="class")
        @classmethod
        def artifact(cls):
            return load_artifact(Path("models/acme"))

        @pytest.fixture(scope="class")
        @classmethod
        def golden(cls, artifact):
            return golden_texts(Path("readings.tsv"), artifact.spec)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from inkport.core.artifact import Artifact
from inkport.core.errors import InkportError
from inkport.core.isolated import IsolatedSession
from inkport.core.preprocess import prepare
from inkport.core.processors import count_processors
from inkport.core.registry import isolate
from inkport.core.runtime import CheckedTexts, Runtime, SessionOptions
from inkport.core.spec import RecogniserSpec
from inkport.lines.source import read_lines
from inkport.runtimes.adapter_conformance import LAYOUTS, AdapterConformance, Handing


@dataclass(frozen=True, kw_only=True)
class GoldenText:
    """A line, and what the recogniser's own pipeline reads on it."""

    id: str
    """The line's id."""
    images: npt.NDArray[Any]
    """The line as the session takes it, (1, c, h, w)."""
    text: str
    """What the pipeline reads."""


def golden_texts(readings: Path, spec: RecogniserSpec) -> tuple[GoldenText, ...]:
    """Return lines with what somebody's own pipeline reads on them.

    Args:
        readings: A line set whose texts are those readings, not what is written there.
        spec: The recogniser.

    Raises:
        LineDataError: If it is no line set.
        ImageError: If an image is none of a line.
    """
    found = []
    for line in read_lines([readings]):
        images = prepare(line.pixels(spec.preprocess), spec.preprocess)
        images.setflags(write=False)
        found.append(GoldenText(id=line.id, images=images, text=line.text))
    return tuple(found)


class TextConformance(AdapterConformance):
    """Inherit, set ``runtime``, and override the fixtures ``artifact`` and ``golden``."""

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls) -> tuple[GoldenText, ...]:
        """Return two lines or more with what the recogniser's own pipeline reads, ``golden_texts``; not all equal."""
        pytest.fail(f"{cls.__name__} must override the fixture 'golden'")

    @pytest.fixture(scope="class")
    @classmethod
    def session(cls, adapter: Runtime, artifact: Artifact) -> Iterator[CheckedTexts]:
        """Open the artifact; every run is checked, unless a test runs the adapter's own ``session.session``."""
        cls._require(adapter)
        with cls._open(adapter, artifact, SessionOptions()) as session:
            yield session

    def test_it_reads_what_its_own_pipeline_reads(self, session: CheckedTexts, golden: tuple[GoldenText, ...]) -> None:
        """No text differs."""
        for line in golden:
            self._same(self._read(session, line.images), [line.text], line.id)

    def test_lines_of_one_size_are_read_together(self, session: CheckedTexts, golden: tuple[GoldenText, ...]) -> None:
        """A line and its mirror image read together as they do alone, in either order, and five of them, too."""
        for line in golden[:2]:
            mirrored = np.ascontiguousarray(line.images[..., ::-1])
            alone = {False: self._read(session, line.images)[0], True: self._read(session, mirrored)[0]}
            for order in ((False, True), (True, False), (False, True, True, False, True)):
                batch = np.concatenate([mirrored if turned else line.images for turned in order])
                self._same(self._read(session, batch), [alone[turned] for turned in order], f"{line.id} in a batch")

    def test_it_reads_the_same_again(self, session: CheckedTexts, golden: tuple[GoldenText, ...]) -> None:
        """Neither what was read before nor the order of lines changes a text."""
        before = [self._read(session, line.images) for line in golden]
        for line, texts in reversed(list(zip(golden, before, strict=True))):
            self._same(self._read(session, line.images), texts, f"{line.id}, read again")

    def test_it_leaves_its_input_alone(self, session: CheckedTexts, golden: tuple[GoldenText, ...]) -> None:
        """No bit of its input is changed, whether that can be written to or not, during the run or the next one."""
        handing = Handing(session.session, np.copy)
        self._read(CheckedTexts(handing, session.spec, label=self.runtime), golden[0].images)
        self._unchanged(handing)
        self._read(session, golden[-1].images)
        self._unchanged(handing)

    def test_inputs_of_any_memory_layout(self, session: CheckedTexts, golden: tuple[GoldenText, ...]) -> None:
        """Read-only, strided and reversed arrays read like a plain copy, and are not written to."""
        images = golden[0].images
        expected = self._read(session, images)
        for name, hand in LAYOUTS.items():
            handing = Handing(session.session, hand)
            checked = CheckedTexts(handing, session.spec, label=self.runtime)
            self._same(self._read(checked, images), expected, f"an array that is {name}")
            if not all(np.array_equal(array, was) for array, was in handing.handed):
                self._fail(f"writes into its input (an array that is {name})")

    def test_two_sessions_do_not_disturb_each_other(
        self, session: CheckedTexts, adapter: Runtime, artifact: Artifact, golden: tuple[GoldenText, ...]
    ) -> None:
        """Opening, running and closing a second session leaves the first as it was."""
        images = golden[0].images
        before = self._read(session, images)
        second = self._open(adapter, artifact, SessionOptions())
        self._same(self._read(second, images), before, "a second session")
        second.close()
        self._same(self._read(session, images), before, "the first after a second one was closed")

    def test_it_computes_with_the_threads_it_is_given(
        self, threads: int, artifact: Artifact, golden: tuple[GoldenText, ...], adapter: Runtime
    ) -> None:
        """In a process of its own it reads the same, and as many threads as were asked for compute."""
        self._require(adapter)
        child = isolate(self.runtime).open(artifact, device=self.device, options=SessionOptions(threads=threads))
        with CheckedTexts(child, artifact.spec, label=self.runtime) as other:
            self._same(self._read(other, golden[0].images), [golden[0].text], "another process")
            if isinstance(child, IsolatedSession) and threads <= count_processors():
                self._count(child, _enough(golden), threads)

    @classmethod
    def _open(cls, adapter: Runtime, artifact: Artifact, options: SessionOptions) -> CheckedTexts:
        session = adapter.open(artifact, device=cls.device, options=options)
        return CheckedTexts(session, artifact.spec, label=cls.runtime)

    def _read(self, session: CheckedTexts, images: npt.NDArray[Any]) -> list[str]:
        try:
            return [found.text for found in session.run(images)]
        except InkportError as error:
            self._fail(error.message)

    def _same(self, found: list[str], expected: list[str], where: str) -> None:
        for read, wanted in zip(found, expected, strict=True):
            if read != wanted:
                self._fail(f"reads {read!r}, expected {wanted!r} ({where})")


def _enough(golden: tuple[GoldenText, ...]) -> npt.NDArray[Any]:
    """Return the widest line eight times: enough to be shared among threads."""
    widest = max(golden, key=lambda line: line.images.shape[3])
    return np.repeat(widest.images, 8, axis=0)
