"""What the conformance suite asks of any adapter, whatever its sessions return."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pytest

from inkport.core.artifact import SIDECAR, Artifact
from inkport.core.errors import InkportError, RuntimeExecutionError, UnsupportedFormatError, UsageError
from inkport.core.isolated import IsolatedSession
from inkport.core.registry import load_runtime, open_any
from inkport.core.runtime import AnySession, Availability, Runtime, SessionOptions, check_returned


LAYOUTS: Mapping[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "read-only": lambda images: images,
    "strided": lambda images: np.repeat(images, 2, axis=3)[..., ::2],
    "reversed in memory": lambda images: images[..., ::-1].copy()[..., ::-1],
    "in Fortran order": np.asfortranarray,
}
"""Ways to lay the same images out in memory; they are read-only at first, and in C order."""


class Handing:
    """A session that hands images over in an array of its own, and keeps that array and what was in it."""

    def __init__(self, session: AnySession, hand: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> None:
        self._session, self._hand = session, hand
        self.handed: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = []

    def run(self, images: npt.NDArray[Any]) -> Any:
        """Hand the images over."""
        array = self._hand(images)
        self.handed.append((array, images.copy()))
        return self._session.run(array)

    def close(self) -> None:
        """Leave the session open: it is somebody else's."""


RUNS = 5
"""Runs during which threads are watched."""
TRIES = 10
"""How often they are counted before a count is believed that is not what was asked for."""


class AdapterConformance:
    """What ``RuntimeConformance`` and ``TextConformance`` have in common.

    Where the runtime cannot run, the tests of its sessions are skipped with the reason that ``probe`` gives.
    """

    runtime: str
    """Name of the registered runtime."""
    device = "cpu"
    """Device to test, in the runtime's own words."""
    thread_counts: Sequence[int] = (1, 2)
    """Thread counts that its sessions are held to; none for engines that decide by themselves, as GPUs do."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Try each number of threads in a test of its own."""
        if "threads" in metafunc.fixturenames:
            metafunc.parametrize("threads", self.thread_counts)

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls) -> Artifact:
        """Return an artifact in a format that the runtime opens."""
        pytest.fail(f"{cls.__name__} must override the fixture 'artifact'")

    @pytest.fixture(scope="class")
    @classmethod
    def adapter(cls) -> Runtime:
        """Return the runtime's adapter, in this process, where every array that it is given can be looked at."""
        return load_runtime(cls.runtime, here=True)

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
            open_any(replace(artifact, format="papyrus"), runtime=self.runtime, device=self.device, here=True)

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

    def test_closing_twice_is_fine(self, adapter: Runtime, artifact: Artifact) -> None:
        """A second ``close`` does nothing."""
        self._require(adapter)
        session = adapter.open(artifact, device=self.device, options=SessionOptions())
        session.close()
        session.close()

    def _count(self, child: IsolatedSession, images: npt.NDArray[Any], threads: int) -> None:
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

    def _unchanged(self, handing: Handing) -> None:
        try:
            for array, was in handing.handed:
                check_returned(array, was, label=self.runtime)
        except RuntimeExecutionError as error:
            self._fail(error.message)

    def _fail(self, fault: str) -> NoReturn:
        # Errors of checked sessions begin with the runtime's name, too.
        pytest.fail(f"{self.runtime} {fault.removeprefix(f'{self.runtime}: ')}", pytrace=False)
