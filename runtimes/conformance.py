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

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from inkport.core.artifact import Artifact
from inkport.core.child import ChildSession
from inkport.core.errors import InkportError
from inkport.core.isolated import IsolatedSession
from inkport.core.processors import count_processors
from inkport.core.registry import isolate
from inkport.core.runtime import CheckedSession, Runtime, SessionOptions
from inkport.runtimes.adapter_conformance import LAYOUTS, AdapterConformance, Handing
from inkport.runtimes.logits import TOLERANCES, Golden, Tolerance, name_fault, sample_images
from inkport.runtimes.relations.findings import Kind, Relation, Sample, Subject
from inkport.runtimes.relations.neighbours import BATCH, NEIGHBOURS, ORDER, REPEAT
from inkport.runtimes.relations.relations import guarded
from inkport.runtimes.relations.shrink import shrink


class RuntimeConformance(AdapterConformance):
    """Inherit, set ``runtime``, and override the fixtures ``artifact`` and ``golden``.

    Where the runtime cannot run, the tests of its sessions are skipped with the reason that ``probe`` gives.
    """

    relations: Sequence[Relation] = (REPEAT, ORDER, BATCH, NEIGHBOURS)
    """Relations that its sessions are held to: those that take least time; ``RELATIONS`` has all."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Try each relation in a test of its own."""
        if "relation" in metafunc.fixturenames:
            metafunc.parametrize("relation", self.relations, ids=lambda relation: relation.name)
        super().pytest_generate_tests(metafunc)

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls) -> Golden:
        """Return the reference's logits of the weights that ``artifact`` was made from."""
        pytest.fail(f"{cls.__name__} must override the fixture 'golden'")

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
        handing = Handing(session.session, np.copy)
        self._run(CheckedSession(handing, session.spec, label=self.runtime), images)
        self._unchanged(handing)
        self._run(session, golden.images[-1])
        self._unchanged(handing)

    def test_inputs_of_any_memory_layout(self, session: CheckedSession, golden: Golden) -> None:
        """Read-only, strided and reversed arrays read like a plain copy, and are not written to."""
        images = golden.images[1]
        expected = self._run(session, images).copy()
        for name, hand in LAYOUTS.items():
            handing = Handing(session.session, hand)
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
                spec = artifact.spec.preprocess
                self._count(child, sample_images(spec, min(1024, spec.max_width), lines=8), threads)

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

    def _compare(
        self, found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], tolerance: float, where: str
    ) -> None:
        if fault := name_fault(found, expected, tolerance):
            self._fail(f"{fault} ({where})")
