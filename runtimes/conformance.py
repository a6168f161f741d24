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
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pytest

from inkport.core.artifact import SIDECAR, Artifact
from inkport.core.ctc import greedy
from inkport.core.errors import InkportError, RuntimeExecutionError, UnsupportedFormatError, UsageError
from inkport.core.lending import check_returned, lend, wants_to_write
from inkport.core.registry import load_runtime, open_session
from inkport.core.runtime import Availability, Runtime, Session, SessionOptions
from inkport.runtimes.faults import TOLERANCES, Tolerance, contract_fault, name_fault
from inkport.runtimes.golden import Golden, sample_images


class RuntimeConformance:
    """Inherit, set ``runtime``, and override the fixtures ``artifact`` and ``golden``.

    Where the runtime cannot run, the tests of its sessions are skipped with the reason that ``probe`` gives.
    """

    runtime: str
    """Name of the registered runtime."""
    device = "cpu"
    """Device to test, in the runtime's own words."""

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls) -> Artifact:
        """Return an artefact in a format that the runtime opens."""
        pytest.fail(f"{cls.__name__} must override the fixture 'artifact'")

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls) -> Golden:
        """Return the reference's logits of the weights that ``artifact`` was made from."""
        pytest.fail(f"{cls.__name__} must override the fixture 'golden'")

    @pytest.fixture(scope="class")
    @classmethod
    def adapter(cls) -> Runtime:
        """Return the runtime's adapter."""
        return load_runtime(cls.runtime)

    @pytest.fixture(scope="class")
    @classmethod
    def session(cls, adapter: Runtime, artifact: Artifact) -> Iterator[Session]:
        """Open the artefact, unchecked: the suite looks at what the adapter itself returns."""
        cls._require(adapter)
        session = adapter.open(artifact, device=cls.device, options=SessionOptions())
        yield session
        session.close()

    @pytest.fixture
    def tolerance(self, artifact: Artifact) -> Tolerance:
        """Return what the artefact's precision allows; override with a reason of your own."""
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
        """An artefact in a format that it does not name is refused."""
        with pytest.raises(UnsupportedFormatError):
            open_session(replace(artifact, format="papyrus"), runtime=self.runtime, device=self.device)

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

    def test_it_agrees_with_the_reference(self, session: Session, golden: Golden, tolerance: Tolerance) -> None:
        """Logits of every width are the reference's within the tolerance."""
        for images, logits in zip(golden.images, golden.logits, strict=True):
            self._compare(self._run(session, images), logits, tolerance.reference, f"on images {images.shape}")

    def test_any_batch_size_and_width(self, session: Session, artifact: Artifact) -> None:
        """Shape, dtype and finiteness hold for every width and batch size, wider padding included."""
        spec, multiple = artifact.spec, artifact.spec.preprocess.width_multiple
        narrow = spec.preprocess.min_width
        for width in (narrow, narrow + multiple, narrow + 7 * multiple, min(1024, spec.preprocess.max_width)):
            for n in (1, 2, 5):
                found = self._run(session, sample_images(spec.preprocess, width, lines=n))
                if fault := contract_fault(found, (n, spec.frames(width), spec.charset.size)):
                    self._fail(f"{fault} (on {n} lines of width {width})")

    def test_a_line_in_a_batch_reads_like_the_line_alone(
        self, session: Session, artifact: Artifact, golden: Golden, tolerance: Tolerance
    ) -> None:
        """Logits and text of each line are those of the line run alone."""
        for images in golden.images:
            alone = np.concatenate([self._run(session, images[i : i + 1]) for i in range(len(images))])
            batch = self._run(session, images)
            self._compare(batch, alone, tolerance.batch, "in a batch, compared with each line alone")
            texts = [[greedy(line, artifact.spec.charset).text for line in logits] for logits in (alone, batch)]
            if texts[0] != texts[1]:
                self._fail(f"reads {texts[1]} in a batch, {texts[0]} alone")

    def test_a_line_does_not_see_its_neighbours(self, session: Session, golden: Golden) -> None:
        """Noise in the other lines of a batch changes nothing: no shared padding, statistics or scales."""
        rng = np.random.default_rng(0)
        for images in golden.images:
            before = self._run(session, images).copy()
            for kept in range(len(images)):
                noisy = rng.uniform(images.min(), images.max(), images.shape).astype(np.float32)
                noisy[kept] = images[kept]
                change = np.abs(self._run(session, noisy)[kept] - before[kept]).max()
                # The same shapes take the same kernels, so rounding is no excuse at any precision.
                if change > 1e-3 * before.std():
                    self._fail(
                        f"pads with the neighbour, or computes something over the whole batch: line {kept} of "
                        f"{images.shape} changes by {change:.2g} when the other lines do"
                    )

    def test_the_order_of_lines_is_kept(self, session: Session, golden: Golden, tolerance: Tolerance) -> None:
        """A batch in reverse order gives the logits in reverse order."""
        images = golden.images[-1]
        forwards = self._run(session, images).copy()
        self._compare(
            self._run(session, images[::-1].copy())[::-1], forwards, tolerance.batch, "with the batch reversed"
        )

    def test_repeated_runs_are_equal(self, session: Session, golden: Golden) -> None:
        """The same input gives the same bits, also after other shapes have run."""
        first = [self._run(session, images).copy() for images in golden.images]
        for images, before in zip(golden.images, first, strict=True):
            if not np.array_equal(self._run(session, images), before):
                self._fail(f"gives other logits when images {images.shape} are run again")

    def test_it_leaves_its_input_alone(self, session: Session, golden: Golden) -> None:
        """No bit of its input is changed, whether that can be written to or not, during the run or the next one."""
        images = golden.images[0]
        self._run(session, images)
        plain = images.copy()
        session.run(plain)
        self._unchanged(plain, images)
        self._run(session, golden.images[-1])
        self._unchanged(plain, images)

    def test_inputs_of_any_memory_layout(self, session: Session, golden: Golden) -> None:
        """Read-only, strided and reversed arrays read like a plain copy, and are not written to."""
        images = golden.images[1]
        expected = self._run(session, images).copy()
        wide = np.repeat(images, 2, axis=3)
        frozen = images.copy()
        frozen.setflags(write=False)
        layouts = {
            "read-only": frozen,
            "strided": wide[..., ::2],
            "reversed in memory": images[..., ::-1].copy()[..., ::-1],
            "in Fortran order": np.asfortranarray(images),
        }
        for name, array in layouts.items():
            try:
                found = session.run(array)
            except Exception as error:  # noqa: BLE001 - an adapter's own
                self._fail(f"fails on an array that is {name}: {error}")
            self._compare(found, expected, 0.0, f"on an array that is {name}")
            if not np.array_equal(array, images):
                self._fail(f"writes into its input (an array that is {name})")

    def test_logits_stay_valid_after_the_next_run(self, session: Session, golden: Golden) -> None:
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
        self, session: Session, adapter: Runtime, artifact: Artifact, golden: Golden, tolerance: Tolerance
    ) -> None:
        """Opening, running and closing a second session leaves the first as it was."""
        images = golden.images[0]
        before = self._run(session, images).copy()
        second = adapter.open(artifact, device=self.device, options=SessionOptions())
        self._compare(self._run(second, images), before, tolerance.batch, "in a second session")
        second.close()
        self._compare(self._run(session, images), before, tolerance.batch, "after a second session was closed")

    @classmethod
    def _require(cls, adapter: Runtime) -> None:
        found = adapter.probe()
        if not found.ok:
            pytest.skip(f"{cls.runtime}: {found.reason} (fix: {found.remedy})")

    def _run(self, session: Session, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Run on a read-only copy: golden images are every test's, and a session that changes them is named."""
        lent = lend(images)
        try:
            logits = session.run(lent)
        except Exception as error:
            if wants_to_write(error):
                self._fail(f"wants to write into its input, which is read-only: {error}")
            raise
        self._unchanged(lent, images)
        return logits

    def _unchanged(self, lent: npt.NDArray[np.float32], images: npt.NDArray[np.float32]) -> None:
        try:
            check_returned(lent, images, label=self.runtime)
        except RuntimeExecutionError as error:
            self._fail(f"changes its input: {error.message}")

    def _compare(
        self, found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], tolerance: float, where: str
    ) -> None:
        if fault := name_fault(found, expected, tolerance):
            self._fail(f"{fault} ({where})")

    def _fail(self, fault: str) -> NoReturn:
        pytest.fail(f"{self.runtime} {fault}", pytrace=False)
