"""Core ML packages: what the adapter for macOS, the reference evaluator and the exporters all need to know."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import feed, joined, output_shape, width_of
from inkport.core.artifact import Artifact
from inkport.core.errors import ArtifactCorruptError, SpecMismatchError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import RecogniserSpec


PACKAGE = "model.mlpackage"
"""Name of the package in an artifact's directory."""
DISTRIBUTION = "coremltools"
"""The SDK."""
_IMPORTED_FOR_OTHERS = ("executorch", "torchao")
"""What coremltools imports, where it is installed, only to convert programs of kinds that inkport does not make."""

Line = npt.NDArray[np.float32]
"""One image (1, 1, h, w), or its logits (1, t, k)."""


def import_coremltools() -> Any:
    """Import coremltools without what it says about other packages, and without those it needs only for others.

    Where executorch is installed, importing it along takes longer than coremltools itself.

    Raises:
        ModuleNotFoundError: If it is not installed.
    """
    hidden = [name for name in _IMPORTED_FOR_OTHERS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        with quiet():
            import coremltools
    finally:
        for name in hidden:
            del sys.modules[name]
    return coremltools


@contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars, notes and warnings of coremltools off the screen; errors are raised, never only printed."""
    with redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def package_path(artifact: Artifact) -> Path:
    """Return the package of an artifact.

    Raises:
        ArtifactCorruptError: If it holds none.
    """
    path = artifact.path / PACKAGE
    if not any(name.startswith(f"{PACKAGE}/") for name in artifact.files) or not path.is_dir():
        raise ArtifactCorruptError(f"{artifact.path}: expected a folder {PACKAGE}, there is none")
    return path


@dataclass(frozen=True, kw_only=True)
class Widths:
    """Which image widths a package takes, in pixels."""

    enumerated: tuple[int, ...] = ()
    """The only ones, ascending; none if any in the range is taken."""
    narrowest: int
    """Narrowest of the range."""
    widest: int
    """Widest of the range."""

    @classmethod
    def of(cls, model: Any, name: str) -> Widths:
        """Read them from the description of input ``name`` of a ``Model_pb2.Model``.

        Raises:
            ArtifactCorruptError: If it takes no such input, or not one line of varying width at a time.
        """
        found = next((item.type.multiArrayType for item in model.description.input if item.name == name), None)
        if found is None:
            raise ArtifactCorruptError(f"the package has no input {name!r}")
        kind = found.WhichOneof("ShapeFlexibility")
        if kind == "enumeratedShapes":
            widths = tuple(sorted(int(shape.shape[-1]) for shape in found.enumeratedShapes.shapes))
            return cls(enumerated=widths, narrowest=widths[0], widest=widths[-1])
        if kind == "shapeRange":
            last = found.shapeRange.sizeRanges[-1]
            return cls(narrowest=int(last.lowerBound), widest=int(last.upperBound))
        fixed = int(found.shape[-1])
        return cls(enumerated=(fixed,), narrowest=fixed, widest=fixed)

    def fit(self, width: int, preprocess: PreprocessSpec) -> int:
        """Return the width to pad an image of ``width`` to: itself, or the next one that the package takes.

        Raises:
            SpecMismatchError: If the image is wider or narrower than any, or its width is not a multiple of
                ``preprocess.width_multiple``: a range cannot say so, and the network would read it all the same.
        """
        if width % preprocess.width_multiple or not width <= self.widest or width < preprocess.min_width:
            raise SpecMismatchError(
                f"width {width} does not fit this package: it takes {self}, "
                f"in multiples of {preprocess.width_multiple}",
                remedy="export the package with the widths that your lines have (`inkport export --widths`)",
            )
        return next((wider for wider in self.enumerated if wider >= width), width)

    def __str__(self) -> str:
        if self.enumerated:
            return f"widths up to {', '.join(map(str, self.enumerated))}"
        return f"widths {self.narrowest}..{self.widest}"


def run_by_line(
    images: npt.NDArray[np.float32], spec: RecogniserSpec, widths: Widths, run: Callable[[Line], Line]
) -> npt.NDArray[np.float32]:
    """Run a package, which takes one line, on a batch of lines.

    Args:
        images: float32 (n, 1, h, w).
        spec: The recogniser.
        widths: What the package takes; a line of another width is padded with background, and the frames of
            the padding are cut off again.
        run: Maps one line to its logits.

    Returns:
        Logits float32 (n, w / stride, classes).

    Raises:
        SpecMismatchError: If the package does not take lines of this width.
    """
    width = width_of(images, spec)
    wider = widths.fit(width, spec.preprocess)
    found = [run(_widened(line[None], spec, wider)) for line in images]
    if wider != width:
        shape = output_shape(spec, 1, width)
        found = [part[tuple(slice(size) for size in shape)] for part in found]
    return joined(found, spec)


def _widened(line: Line, spec: RecogniserSpec, width: int) -> Line:
    """Return a line with the padding that an image of its recogniser gets."""
    missing = width - width_of(line, spec)
    if not missing:
        return np.ascontiguousarray(line)
    (blank,) = feed(spec.preprocess.blank(missing), spec)
    return np.concatenate([line, blank], axis=3)
