"""The conformance suite: every runtime, ours and vendors', inherits it and is held to the same contract.

A test file of about ten lines is enough (docs/plugins.md)::

    class TestAcme(RuntimeConformance):
        runtime = "acme"

        @pytest.fixture(scope="class")
        @classmethod
        def artifact(cls):
            return load_artifact(Path("models/acme-fp32"))

        @pytest.fixture(scope="class")
        @classmethod
        def golden(cls):
            return Golden.load(Path("models/golden.npz"))
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pytest

from inkport.core.artifact import SIDECAR, Artifact
from inkport.core.child import ChildSession
from inkport.core.errors import InkportError, RuntimeExecutionError, UnsupportedFormatError, UsageError
from inkport.core.isolated import IsolatedSession
from inkport.core.processors import count_processors
from inkport.core.registry import isolate, load_runtime, open_session
from inkport.core.runtime import Availability, CheckedSession, Runtime, Session, SessionOptions, check_returned
from inkport.runtimes.logits import TOLERANCES, Golden, Tolerance, name_fault, sample_images
from inkport.runtimes.relations.findings import Kind, Relation, Sample, Subject
from inkport.runtimes.relations.neighbours import BATCH, NEIGHBOURS, ORDER, REPEAT
from inkport.runtimes.relations.relations import guarded
from inkport.runtimes.relations.shrink import shrink


LAYOUTS: Mapping[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "read-only": lambda images: images,
    "strided": lambda images: np.repeat(images, 2, axis=3)[..., ::2],
    "reversed in memory": lambda images: images[..., ::-1].copy()[..., ::-1],
    "in Fortran order": np.asfortranarray,
}
"""Ways to lay the same images out in memory; they are read-only at first, and in C order."""


class _Handing:
    """A session that hands images over in an array of its own, and keeps that array and what was in it."""

    def __init__(self, session: Session, hand: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> None:
        self._session, self._hand = session, hand
        self.handed: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = []

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        array = self._hand(images)
        self.handed.append((array, images.copy()))
        return self._session.run(array)

    def close(self) -> None:
        """Leave the session open: it is somebody else's."""


RUNS = 5
"""Runs during which threads are watched."""
TRIES = 10
"""How often they are counted before a count is believed that is not what was asked for."""


class RuntimeConformance:
    """Inherit, set ``runtime``, and override the fixtures ``artifact`` and ``golden``.

    Where the runtime cannot run, the tests of its sessions are skipped with the reason that ``probe`` gives.
    """

    runtime: str
    """Name of the registered runtime."""
    device = "cpu"
    """Device to test, in the runtime's own words."""
    thread_counts: Sequence[int] = (1, 2)
    """Thread counts that its sessions are held to; none for engines that decide by themselves, as GPUs do."""
    relations: Sequence[Relation] = (REPEAT, ORDER, BATCH, NEIGHBOURS)
    """Relations that its sessions are held to: those that take least time; ``RELATIONS`` has all."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Try each relation in a test of its own."""
        if "relation" in metafunc.fixturenames:
            metafunc.parametrize("relation", self.relations, ids=lambda relation: relation.name)
        if "threads" in metafunc.fixturenames:
            metafunc.parametrize("threads", self.thread_counts)

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls) -> Artifact:
        """Return an artifact in a format that the runtime opens."""
        pytest.fail(f"{cls.__name__} must override the fixture 'artifact'")

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls) -> Golden:
        """Return the reference's logits of the weights that ``artifact`` was made from."""
        pytest.fail(f"{cls.__name__} must override the fixture 'golden'")

    @pytest.fixture(scope="class")
    @classmethod
    def adapter(cls) -> Runtime:
        """Return the runtime's adapter, in this process, where every array that it is given can be looked at."""
        return load_runtime(cls.runtime, here=True)

    @pytest.fixture(scope="class")
    @classmethod
    def session(cls, adapter: Runtime, artifact: Artifact) -> Iterator[CheckedSession]:
        """Open the artifact; every run is checked, unless a test runs the adapter's own ``session.session``."""
        cls._require(adapter)
        with cls._open(adapter, artifact, SessionOptions()) as session:
            yield session

    @pytest.fixture
    def tolerance(self, artifact: Artifact) -> Tolerance:
        """Return what the artifact's precision allows; override with a reason of your own."""
        return TOLERANCES[artifact.precision]

    # The adapter

    def test_probe_says_whether_and_why(self, adapter: Runtime) -> None:
        """A runtime that is there names its version and devices, another one the reason and the remedy."""
        found: object = adapter.probe()
        if not isinstance(found, Availability):
            self._fail(f"probe() returns a {type(found).__name__}, expected Availability")
        if found.ok and not (found.version and self.device in found.devices):
            self._fail(f"probe() is ok, but names no version or not the device {self.device!r}: {found}")
        if not found.ok and not (found.reason and found.remedy):
            self._fail(f"probe() is not ok, but gives no reason or no remedy: {found}")

    def test_it_is_registered_under_its_own_name(self, adapter: Runtime) -> None:
        """The entry point and the class agree on the name, and at least one format is opened."""
        if adapter.name != self.runtime or not adapter.formats:
            self._fail(f"the entry point is named {self.runtime!r}, the class {adapter.name!r} {adapter.formats}")

    def test_it_refuses_other_formats(self, artifact: Artifact) -> None:
        """An artifact in a format that it does not name is refused."""
        with pytest.raises(UnsupportedFormatError):
            open_session(replace(artifact, format="papyrus"), runtime=self.runtime, device=self.device, here=True)

    def test_it_refuses_unknown_devices(self, adapter: Runtime, artifact: Artifact) -> None:
        """No silent fallback to a device that was not asked for, and no error of the SDK's own."""
        self._require(adapter)
        with pytest.raises(InkportError):
            adapter.open(artifact, device="abacus", options=SessionOptions())

    def test_it_refuses_unknown_options(self, adapter: Runtime, artifact: Artifact) -> None:
        """A misspelt option is an error; adapters call ``options.check_extra``."""
        self._require(adapter)
        with pytest.raises(UsageError):
            adapter.open(artifact, device=self.device, options=SessionOptions(extra={"no-such-option": "1"}))

    def test_it_refuses_damaged_files(self, adapter: Runtime, artifact: Artifact, tmp_path: Path) -> None:
        """Files that are no model end in an error of ours, not of the SDK's."""
        self._require(adapter)
        damaged = shutil.copytree(artifact.path, tmp_path / "damaged")
        for file in damaged.rglob("*"):
            if file.is_file() and file.name != SIDECAR:
                file.write_bytes(b"no model")
        with pytest.raises(InkportError):
            adapter.open(replace(artifact, path=damaged), device=self.device, options=SessionOptions())

    # Its sessions

    def test_it_agrees_with_the_reference(self, session: CheckedSession, golden: Golden, tolerance: Tolerance) -> None:
        """Logits of every width are the reference's within the tolerance."""
        for images, logits in zip(golden.images, golden.logits, strict=True):
            self._compare(self._run(session, images), logits, tolerance.reference, f"on images {images.shape}")

    def test_any_batch_size_and_width(self, session: CheckedSession, artifact: Artifact) -> None:
        """Shape, dtype and finiteness hold for every width and batch size, wider padding included."""
        spec, multiple = artifact.spec, artifact.spec.preprocess.width_multiple
        narrow = spec.preprocess.min_width
        for width in (narrow, narrow + multiple, narrow + 7 * multiple, min(1024, spec.preprocess.max_width)):
            for n in (1, 2, 5):
                self._run(session, sample_images(spec.preprocess, width, lines=n))

    def test_it_keeps_the_relation(
        self, relation: Relation, adapter: Runtime, artifact: Artifact, golden: Golden, tolerance: Tolerance
    ) -> None:
        """Nothing that must not change a line's text does (docs/invariance.md); a failure shows the smallest example.

        There is no reference to run: what extra paper and other widths do to the text is not judged.
        """
        self._require(adapter)
        samples = [
            Sample(f"golden {width}-{row}", images[row : row + 1])
            for width, images in enumerate(golden.images)
            for row in range(len(images))
        ]
        subject = Subject(
            spec=artifact.spec,
            tolerance=tolerance,
            open=lambda threads: self._open(adapter, artifact, SessionOptions(threads=threads)),
            threads=1,
            reference=None,
        )
        relation = guarded(relation)
        worst = relation.check(subject, samples).worst
        if worst is None or worst.kind is Kind.ROUNDING:
            return
        example = shrink(relation, subject, samples, worst)
        lines = ", ".join(f"{sample.id} ({sample.width} px)" for sample in example.samples)
        found = example.violation
        # A run that failed says itself what is wrong.
        fault = "" if found.kind is Kind.CONTRACT else f"{relation.fault}: "
        texts = "" if found.found_text is None else f"; reads {found.found_text!r}, expected {found.expected_text!r}"
        self._fail(
            f"{fault}{found.fault} (line {found.line + 1} of {lines}, {found.case}{texts}; "
            f"this breaks {relation.name!r}: {relation.claim})"
        )

    def test_it_leaves_its_input_alone(self, session: CheckedSession, golden: Golden) -> None:
        """No bit of its input is changed, whether that can be written to or not, during the run or the next one."""
        images = golden.images[0]
        self._run(session, images)
        handing = _Handing(session.session, np.copy)
        self._run(CheckedSession(handing, session.spec, label=self.runtime), images)
        self._unchanged(handing)
        self._run(session, golden.images[-1])
        self._unchanged(handing)

    def test_inputs_of_any_memory_layout(self, session: CheckedSession, golden: Golden) -> None:
        """Read-only, strided and reversed arrays read like a plain copy, and are not written to."""
        images = golden.images[1]
        expected = self._run(session, images).copy()
        for name, hand in LAYOUTS.items():
            handing = _Handing(session.session, hand)
            try:
                found = CheckedSession(handing, session.spec, label=self.runtime).run(images)
            except InkportError as error:
                self._fail(f"fails on an array that is {name}: {error.message}")
            self._compare(found, expected, 0.0, f"on an array that is {name}")
            if not all(np.array_equal(array, was) for array, was in handing.handed):
                self._fail(f"writes into its input (an array that is {name})")

    def test_logits_stay_valid_after_the_next_run(self, session: CheckedSession, golden: Golden) -> None:
        """What was returned is the caller's: a later run does not overwrite it."""
        images = golden.images[0]
        first = self._run(session, images)
        kept = first.copy()
        self._run(session, images[::-1].copy())
        if not np.array_equal(first, kept):
            self._fail("returns a view of a buffer that the next run overwrites")

    def test_closing_twice_is_fine(self, adapter: Runtime, artifact: Artifact) -> None:
        """A second ``close`` does nothing."""
        self._require(adapter)
        session = adapter.open(artifact, device=self.device, options=SessionOptions())
        session.close()
        session.close()

    def test_two_sessions_do_not_disturb_each_other(
        self, session: CheckedSession, adapter: Runtime, artifact: Artifact, golden: Golden, tolerance: Tolerance
    ) -> None:
        """Opening, running and closing a second session leaves the first as it was."""
        images = golden.images[0]
        before = self._run(session, images).copy()
        second = self._open(adapter, artifact, SessionOptions())
        self._compare(self._run(second, images), before, tolerance.batch, "in a second session")
        second.close()
        self._compare(self._run(session, images), before, tolerance.batch, "after a second session was closed")

    def test_it_computes_with_the_threads_it_is_given(
        self, threads: int, session: CheckedSession, artifact: Artifact, golden: Golden, tolerance: Tolerance
    ) -> None:
        """In a process of its own it returns the same logits, and as many threads as were asked for compute."""
        if isinstance(session.session, ChildSession):
            pytest.skip(f"{self.runtime} computes in a process that it starts itself")
        child = isolate(self.runtime).open(artifact, device=self.device, options=SessionOptions(threads=threads))
        with CheckedSession(child, artifact.spec, label=self.runtime) as other:
            images = golden.images[0]
            self._compare(self._run(other, images), self._run(session, images), tolerance.batch, "in another process")
            if isinstance(child, IsolatedSession) and threads <= count_processors():
                self._count(child, artifact, threads)

    def _count(self, child: IsolatedSession, artifact: Artifact, threads: int) -> None:
        spec = artifact.spec.preprocess
        images = sample_images(spec, min(1024, spec.max_width), lines=8)
        # Again where other programs take the processors, so that a thread had no turn.
        found = [child.count_threads(images, runs=RUNS)]
        while found[-1] not in {0, threads} and len(found) < TRIES:
            found.append(child.count_threads(images, runs=RUNS))
        if found[-1] not in {0, threads}:
            self._fail(f"computes with {found[-1]} threads, {threads} were given")

    @classmethod
    def _require(cls, adapter: Runtime) -> None:
        found = adapter.probe()
        if not found.ok:
            pytest.skip(f"{cls.runtime}: {found.reason} (fix: {found.remedy})")

    @classmethod
    def _open(cls, adapter: Runtime, artifact: Artifact, options: SessionOptions) -> CheckedSession:
        session = adapter.open(artifact, device=cls.device, options=options)
        return CheckedSession(session, artifact.spec, label=cls.runtime)

    def _run(self, session: CheckedSession, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Run on a read-only copy: golden images are every test's, and a session that changes them is named."""
        try:
            return session.run(images)
        except InkportError as error:
            self._fail(error.message)

    def _unchanged(self, handing: _Handing) -> None:
        try:
            for array, was in handing.handed:
                check_returned(array, was, label=self.runtime)
        except RuntimeExecutionError as error:
            self._fail(error.message)

    def _compare(
        self, found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], tolerance: float, where: str
    ) -> None:
        if fault := name_fault(found, expected, tolerance):
            self._fail(f"{fault} ({where})")

    def _fail(self, fault: str) -> NoReturn:
        # Errors of checked sessions begin with the runtime's name, too.
        pytest.fail(f"{self.runtime} {fault.removeprefix(f'{self.runtime}: ')}", pytrace=False)
