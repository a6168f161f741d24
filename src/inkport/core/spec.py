"""What a recogniser is, apart from its weights: what goes in, what comes out, and what the labels mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inkport import __version__
from inkport.core.charset import Charset
from inkport.core.config import parse_config, to_plain
from inkport.core.errors import RecipeError, SpecError, SpecMismatchError
from inkport.core.preprocess import PreprocessSpec


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """Name, dtype and axes of a tensor at a recogniser's border."""

    name: str
    """Name in the artifact's graph."""
    shape: tuple[str, ...]
    """One entry per axis: a number, or the name of a size that varies."""
    dtype: str = "float32"
    """numpy name of the dtype."""


@dataclass(frozen=True, kw_only=True)
class RecogniserSpec:
    """Everything needed to use a recogniser besides its weights.

    Raises:
        SpecError: If the stride does not divide the width multiple.
    """

    name: str
    """Name of the network, for example ``convtext-tiny``."""
    version: str
    """Version of the weights."""
    preprocess: PreprocessSpec
    """How an image becomes the input."""
    charset: Charset
    """What the labels mean."""
    stride: int
    """Input columns per frame."""

    def __post_init__(self) -> None:
        if self.stride < 1 or self.preprocess.width_multiple % self.stride:
            raise SpecError(f"stride {self.stride} does not divide width_multiple {self.preprocess.width_multiple}")

    @property
    def input(self) -> TensorSpec:
        """The images, float32 (n, 1, height, w)."""
        return TensorSpec(name="images", shape=("n", "1", str(self.preprocess.height), "w"))

    @property
    def output(self) -> TensorSpec:
        """The logits, float32 (n, w / stride, classes)."""
        return TensorSpec(name="logits", shape=("n", "t", str(self.charset.size)))

    def frames(self, width: int) -> int:
        """Return the number of frames for an input of ``width`` columns.

        Raises:
            SpecMismatchError: If the width is not one that ``prepare`` makes.
        """
        spec = self.preprocess
        if width % spec.width_multiple or not spec.min_width <= width <= spec.max_width:
            raise SpecMismatchError(
                f"width {width} is not a multiple of {spec.width_multiple} within {spec.min_width}..{spec.max_width}",
                remedy="prepare images with inkport.core.preprocess.prepare()",
            )
        return width // self.stride

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data; ``from_dict`` inverts it."""
        return {
            "name": self.name,
            "version": self.version,
            "stride": self.stride,
            "preprocess": to_plain(self.preprocess),
            "charset": {"symbols": "".join(self.charset.symbols), "digest": self.charset.digest},
            "input": to_plain(self.input),
            "output": to_plain(self.output),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: str) -> RecogniserSpec:
        """Parse what ``to_dict`` made.

        Args:
            data: The parsed JSON.
            where: Names the file in errors.

        Raises:
            SpecError: If anything differs from what ``to_dict`` writes: a part that is missing, malformed,
                unknown, or does not fit the rest, such as the charset's digest.
        """
        try:
            spec = cls(
                name=str(data["name"]),
                version=str(data["version"]),
                stride=int(data["stride"]),
                preprocess=parse_config(PreprocessSpec, data["preprocess"], where="preprocess"),
                charset=Charset(tuple(data["charset"]["symbols"])),
            )
        except (KeyError, TypeError, ValueError, RecipeError) as error:
            raise SpecError(f"{where}: not a recogniser specification ({error!r})") from error
        written = spec.to_dict()
        differing = sorted(key for key in written.keys() | data.keys() if written.get(key) != data.get(key))
        if differing:
            raise SpecError(f"{where}: {', '.join(differing)} not as inkport {__version__} writes it")
        return spec
