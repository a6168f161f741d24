"""What a runtime is: the seam between inkport and every inference engine.

A vendor implements ``Runtime`` and ``Session`` (plain classes, no base class), names the runtime in the
entry-point group ``inkport.runtimes``, and inherits the conformance suite in
``inkport.runtimes.conformance``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import feed, logits_of
from inkport.core.artifact import Artifact
from inkport.core.config import require_threads
from inkport.core.contract import contract_fault
from inkport.core.errors import InkportError, RuntimeExecutionError, SpecMismatchError, UsageError, failure_of
from inkport.core.spec import RecogniserSpec
from inkport.core.texts import ReadText, texts_fault


Array = npt.NDArray[np.float32]

REMEDY = "have its adapter copy the images before it changes them"
"""What makes a session that writes into its input a good neighbour."""
REFUSED = ("read-only", "not writeable", "WRITEABLE")
"""What numpy, Cython and pybind11 say of an array that somebody wants to write to."""


def lend(images: Array) -> Array:
    """Return a read-only copy, in C order, for one session: whatever that does to it, nobody else sees it."""
    lent = np.array(images, order="C")
    lent.setflags(write=False)
    return lent


def check_returned(lent: Array, images: Array, *, label: str) -> None:
    """Check that a session gave back what it was lent.

    The read-only flag holds Python back, not an engine that writes through the array's address: so every bit is
    compared.

    Args:
        lent: What ``lend`` returned, after the run.
        images: What it was made from.
        label: Names the session in errors.

    Raises:
        RuntimeExecutionError: If a bit differs.
    """
    # As integers: two NaN are never equal, and 0.0 equals -0.0.
    bits = f"u{images.itemsize}"
    if lent.shape != images.shape or not np.array_equal(lent.view(bits), images.view(bits)):
        raise RuntimeExecutionError(f"{label}: changes its input (images {images.shape})", remedy=REMEDY)


def wants_to_write(error: Exception) -> bool:
    """Whether an error says that an array is read-only, which only somebody learns who asks to write to it."""
    return isinstance(error, ValueError | BufferError | TypeError) and any(word in str(error) for word in REFUSED)


def refused_write(label: str, error: Exception) -> RuntimeExecutionError:
    """Return what to raise when a session failed because its input is read-only."""
    return RuntimeExecutionError(f"{label}: wants to write into its input, which is read-only ({error})", remedy=REMEDY)


class Evidence(StrEnum):
    """What a run of this runtime proves about the device that the artifact is made for."""

    MEASURED = "measured"
    """It ran in the engine that it is made for, on the hardware: its text and its times count."""
    REFERENCE = "evaluated"
    """A reference evaluator computed the artifact: the conversion is proven, the device is not; no times."""
    EMULATED = "emulated"
    """The engine ran on an emulated processor: the text is proven as far as the emulator is right; no times."""


@dataclass(frozen=True, kw_only=True)
class Availability:
    """Whether a runtime can run here, and if not, why and what to do."""

    ok: bool
    """Whether it can run."""
    version: str = ""
    """Version of the SDK, empty if unknown."""
    devices: tuple[str, ...] = ()
    """Devices it can use here."""
    reason: str = ""
    """Why it cannot run."""
    remedy: str = ""
    """What makes it run."""
    evidence: Evidence = Evidence.MEASURED
    """What a run here proves."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where the operators of a session ran, read back from the engine."""

    wanted: str
    """The engine's name of the device or provider that was asked for."""
    operators: Mapping[str, int]
    """Operators per device or provider, in the engine's words."""

    @property
    def elsewhere(self) -> int:
        """How many operators ran elsewhere than asked for."""
        return sum(count for place, count in self.operators.items() if place != self.wanted)


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """How to run a session.

    Raises:
        UsageError: If ``threads`` is not 1 to ``MOST_THREADS``.
    """

    threads: int = 1
    """Threads for the computation; a session uses exactly as many."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Options that only this runtime knows."""

    def __post_init__(self) -> None:
        require_threads(self.threads)

    def check_extra(self, *known: str) -> None:
        """Refuse options that the runtime does not know; adapters call this in ``open``.

        Raises:
            UsageError: If ``extra`` has a key that is not in ``known``.
        """
        if unknown := sorted(set(self.extra) - set(known)):
            raise UsageError(
                f"options {unknown} are not known to this runtime", remedy=f"it knows {', '.join(known) or 'none'}"
            )


@runtime_checkable
class Session(Protocol):
    """A loaded recogniser. It never preprocesses, decodes, times, downloads or installs."""

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map prepared images float32 (n, 1, h, w) to logits float32 (n, w / stride, classes).

        An imported network takes and returns what ``artifact.spec.native`` says: the session runs it as it is.

        The images may be read-only, and are not the session's to change: others read them, too.
        """
        ...

    def close(self) -> None:
        """Free what the session holds; calling it twice is fine."""
        ...


@runtime_checkable
class TextSession(Protocol):
    """A loaded recogniser that decodes by itself (``decoder=text``): images in, texts out.

    Attention decoders are such. What needs scores per frame is not judged for it.
    """

    def run(self, images: npt.NDArray[np.uint8]) -> Sequence[ReadText]:
        """Read lines, and return one ``ReadText`` for each, in order.

        Args:
            images: uint8 (n, c, h, w) as they are with ``fit=none``, all of one size; else prepared, float32
                (n, c, h, w). They may be read-only, and are not the session's to change.
        """
        ...

    def close(self) -> None:
        """Free what the session holds; calling it twice is fine."""
        ...


class AnySession(Protocol):
    """A ``Session`` or a ``TextSession``: which of them, the specification says. For whoever looks at no result."""

    def run(self, images: Any) -> Any:
        """Run on images, and return one thing for each line: logits (t, k), or a ``ReadText``."""
        ...

    def close(self) -> None:
        """Free what the session holds; calling it twice is fine."""
        ...


@runtime_checkable
class Placed(Protocol):
    """A session that can tell where its operators run."""

    def placement(self) -> Placement:
        """Return where the operators ran; called after the first ``run``."""
        ...


@dataclass(frozen=True, kw_only=True)
class Intermediate:
    """A value inside a network, as one session computed it."""

    name: str
    """Its name in the engine's graph, unique within the trace; that of the ONNX tensor where the engine keeps it."""
    operator: str
    """Name of the operator that computes it."""
    kind: str
    """Type of that operator, in ONNX's words where ONNX has it; ``Input`` for the image."""
    inputs: tuple[str, ...]
    """Names of the values that the operator reads; constants have no entry in the trace."""
    value: npt.NDArray[Any]
    """What was computed."""


@runtime_checkable
class Traced(Protocol):
    """A session that can tell what it computes on the way, and cut a part of its model out."""

    def intermediates(self, images: npt.NDArray[np.float32]) -> Sequence[Intermediate]:
        """Return the values between images float32 (n, 1, h, w) and logits, both included, in order of computation.

        Where the engine fails on the way, the values before that point.
        """
        ...

    def isolate(self, output: str, inputs: Sequence[str], folder: Path) -> str:
        """Write what computes one value from others, all of the last trace, as a model of its own.

        It works after ``close`` too.

        Args:
            output: Name of the value.
            inputs: Names of the values that it is to be computed from.
            folder: Where the files go.

        Returns:
            Python source of a function ``run(folder, inputs)``, which maps a ``pathlib.Path`` and arrays by name to
            the value, with the engine and nothing of inkport's harness.
        """
        ...


@runtime_checkable
class Runtime(Protocol):
    """An inference engine that can open artifacts."""

    name: str
    """Name in targets files."""
    formats: tuple[str, ...]
    """Artifact formats that it opens."""

    def probe(self) -> Availability:
        """Say whether the engine can run here; never raises, answers in well under a second."""
        ...

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> AnySession:
        """Load an artifact onto a device: a ``TextSession`` if its decoder is ``text``, else a ``Session``.

        Raises:
            UnsupportedFormatError: If it cannot run the artifact's precision; the registry has checked the format.
            RuntimeUnavailableError: If the engine or the device is not there.
            ArtifactCorruptError: If the engine refuses the files.
            UsageError: If ``options.extra`` has a key that it does not know.
        """
        ...


def run_lent(session: AnySession, images: npt.NDArray[Any], *, label: str) -> Any:
    """Run a session on a read-only copy of the images; what it returns is not looked at.

    Args:
        session: The session.
        images: What it runs on.
        label: Names it in errors.

    Raises:
        RuntimeExecutionError: If it fails, or changes its input.
        InkportError: What else it raises.
    """
    lent = lend(images)
    try:
        found = session.run(lent)
    except InkportError:
        raise
    except BaseException as error:
        failure = failure_of(error, label=label)
        if wants_to_write(failure):
            raise refused_write(label, failure) from error
        if isinstance(failure, InkportError):
            raise failure from error
        raise RuntimeExecutionError(f"{label}: failed on images {images.shape}: {error}") from error
    check_returned(lent, images, label=label)
    return found


class _Checked:
    """What checked sessions have in common.

    Args:
        session: The runtime's session, of the network as it is.
        spec: What it must keep to.
        label: Names the session in errors.
    """

    def __init__(self, session: AnySession, spec: RecogniserSpec, *, label: str) -> None:
        self.session, self.spec, self.label = session, spec, label

    def _run(self, images: npt.NDArray[Any]) -> Any:
        return run_lent(self.session, images, label=self.label)

    def close(self) -> None:
        """Close the session.

        Raises:
            RuntimeExecutionError: If it tries to end the process instead.
        """
        try:
            self.session.close()
        except Exception:
            raise
        except BaseException as error:
            raise failure_of(error, label=self.label) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class CheckedSession(_Checked):
    """A session whose inputs and outputs are checked, so that a broken port fails where it breaks.

    It takes prepared images and returns logits whatever the network itself takes and returns (``core.adapter``).
    """

    def run(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Run on a read-only copy of the images, and check shape, dtype and finiteness.

        Raises:
            SpecMismatchError: If ``images`` is not what the recogniser takes.
            RuntimeExecutionError: If the engine fails, changes its input, or returns something else than finite
                logits of the right shape and dtype.
        """
        planes, height = self.spec.preprocess.planes, self.spec.preprocess.height
        if images.ndim != 4 or images.dtype != np.float32 or images.shape[1:3] != (planes, height) or not len(images):
            raise SpecMismatchError(
                f"expected float32 images (n, {planes}, {height}, w), n at least 1, found {images.dtype} {images.shape}"
            )
        expected = (images.shape[0], self.spec.frames(images.shape[3]), self.spec.charset.size)
        logits = logits_of([self._run(part) for part in feed(images, self.spec)], self.spec, len(images))
        if fault := contract_fault(logits, expected):
            raise RuntimeExecutionError(f"{self.label}: {fault} (on images {images.shape})")
        return logits


class CheckedTexts(_Checked):
    """A session of a recogniser that returns text, whose inputs and texts are checked."""

    def run(self, images: npt.NDArray[Any]) -> list[ReadText]:
        """Run on a read-only copy of the images, and check that there is one text for each.

        Raises:
            SpecMismatchError: If ``images`` is not what the recogniser takes.
            RuntimeExecutionError: If the recogniser fails, changes its input, or returns something else than texts.
        """
        pre = self.spec.preprocess
        dtype = np.dtype(np.uint8 if pre.as_is else np.float32)
        fits = images.ndim == 4 and len(images) and images.shape[1] == pre.planes
        if not fits or images.dtype != dtype or not (pre.as_is or images.shape[2] == pre.height):
            height = "h" if pre.as_is else pre.height
            raise SpecMismatchError(
                f"expected {dtype} images (n, {pre.planes}, {height}, w), n at least 1, found {images.dtype} "
                f"{images.shape}"
            )
        found = self._run(images)
        if fault := texts_fault(found, len(images)):
            raise RuntimeExecutionError(f"{self.label}: {fault} (on images {images.shape})")
        return list(found)


CheckedAny = CheckedSession | CheckedTexts
"""Any of the two: of a recogniser's ``decoder`` depends which."""
