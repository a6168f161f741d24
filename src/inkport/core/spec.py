"""What a recogniser is, apart from its weights: what goes in, what comes out, and what the labels mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inkport import __version__
from inkport.core.charset import Charset
from inkport.core.config import parse_config, to_plain
from inkport.core.errors import RecipeError, SpecError, SpecMismatchError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.resampling import FOREIGN


SCHEMA_1 = frozenset({"height", "width_multiple", "min_width", "max_width", "mean", "std", "background", "resampling"})
"""Settings of preprocessing that version 1 of the sidecar knows."""


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """Name, dtype and axes of a tensor at a recogniser's border."""

    name: str
    """Name in the artifact's graph."""
    shape: tuple[str, ...]
    """One entry per axis: a number, or the name of a size that varies."""
    dtype: str = "float32"
    """numpy name of the dtype."""


class Decoder(StrEnum):
    """What makes text of what the recogniser returns."""

    CTC = "ctc"
    """inkport, from scores per frame."""
    TEXT = "text"
    """The recogniser itself: it returns texts (``inkport.core.texts``), as those with attention decoders do."""


class Layout(StrEnum):
    """Axes of the images."""

    NCHW = "nchw"
    NHWC = "nhwc"


class Dtype(StrEnum):
    """Numbers of the images."""

    FLOAT32 = "float32"
    UINT8 = "uint8"
    """The prepared values, rounded."""


class Axes(StrEnum):
    """Axes of the scores: line, frame, class."""

    NTC = "ntc"
    TNC = "tnc"
    NCT = "nct"


class Scores(StrEnum):
    """What a score is."""

    LOGITS = "logits"
    LOG_PROBABILITIES = "log-probabilities"
    PROBABILITIES = "probabilities"


@dataclass(frozen=True, kw_only=True)
class NativeSpec:
    """What an imported network takes and returns where that is not what our own do (``inkport.core.adapter``).

    Raises:
        SpecError: If a value is out of range.
    """

    input: str
    """Name of the images in the graph."""
    output: str
    """Name of the scores in the graph."""
    layout: Layout = Layout.NCHW
    """Axes of the images."""
    dtype: Dtype = Dtype.FLOAT32
    """Numbers of the images."""
    axes: Axes = Axes.NTC
    """Axes of the scores."""
    scores: Scores = Scores.LOGITS
    """What the scores are."""
    blank: int = 0
    """Class of the CTC blank; all others are the charset's symbols, in order."""
    batch: int = 0
    """Lines that the network takes at once, as its file fixes them; 0 for any number."""
    gain: int = 1
    """Frames are (gain * width + offset) / stride, rounded down."""
    offset: int = 0
    """See ``gain``."""

    def __post_init__(self) -> None:
        if not self.input or not self.output:
            raise SpecError(f"input and output need names, found {self.input!r} and {self.output!r}")
        if self.gain < 1 or min(self.blank, self.batch) < 0:
            raise SpecError(f"gain must be at least 1, blank and batch at least 0: {self}")


@dataclass(frozen=True, kw_only=True)
class RecogniserSpec:
    """Everything needed to use a recogniser besides its weights.

    Raises:
        SpecError: If the stride does not divide the width multiple, or what is native does not fit the rest, or the
            decoder.
    """

    name: str
    """Name of the network, for example ``convtext-tiny``."""
    version: str
    """Version of the weights."""
    preprocess: PreprocessSpec
    """How an image becomes the input."""
    charset: Charset
    """What the labels mean; of a recogniser that returns text, what it can read, and no symbols if nobody says."""
    stride: int = 1
    """Input columns per frame; of an imported network, per ``native.gain`` frames."""
    native: NativeSpec | None = None
    """What an imported network takes and returns; absent for our own."""
    decoder: Decoder = Decoder.CTC
    """What makes text of what it returns."""

    def __post_init__(self) -> None:
        self._check_decoder()
        if self.native is None:
            if self.stride < 1 or self.preprocess.width_multiple % self.stride:
                raise SpecError(f"stride {self.stride} does not divide width_multiple {self.preprocess.width_multiple}")
            return
        if self.stride < 1:
            raise SpecError(f"stride must be at least 1, found {self.stride}")
        if self.native.blank > len(self.charset.symbols):
            raise SpecError(f"blank {self.native.blank} is outside the classes, 0..{len(self.charset.symbols)}")
        if self._frames(self.preprocess.min_width) < 1:
            raise SpecError(f"an input of {self.preprocess.min_width} px has no frame by {self.native}")

    def _check_decoder(self) -> None:
        if self.decoder is Decoder.TEXT:
            if self.native is not None:
                raise SpecError("decoder=text has no frames and classes: native is for recognisers that return scores")
            return
        if self.preprocess.as_is:
            raise SpecError("fit=none is for recognisers that return text (decoder=text)")
        if not self.charset.symbols:
            raise SpecError("decoder=ctc needs a symbol for each class but the blank, found none")

    @property
    def no_frames(self) -> str:
        """Why nothing can be said of it that takes scores per frame; empty if it can."""
        if self.decoder is Decoder.CTC:
            return ""
        return f"{self.name} returns text (decoder=text) and no scores per frame"

    @property
    def schema(self) -> int:
        """Version of the sidecar that holds it: 1 unless it says what version 1 cannot."""
        known = to_plain(self.preprocess).keys() <= SCHEMA_1 and self.preprocess.resampling not in FOREIGN
        ours = self.native is None and self.decoder is Decoder.CTC and not self.charset.free
        return 1 if ours and known else 2

    @property
    def frame_px(self) -> float:
        """Input columns per frame."""
        return self.stride / (1 if self.native is None else self.native.gain)

    @property
    def input(self) -> TensorSpec:
        """The images, float32 (n, 1, height, w) unless an imported network takes others."""
        pre, native = self.preprocess, self.native
        if pre.as_is:
            return TensorSpec(name="images", shape=("n", str(pre.planes), "h", "w"), dtype="uint8")
        if native is None:
            return TensorSpec(name="images", shape=("n", str(pre.planes), str(pre.height), "w"))
        sizes = {"n": str(native.batch or "n"), "c": str(pre.planes), "h": str(pre.height), "w": self._width}
        return TensorSpec(name=native.input, shape=tuple(sizes[axis] for axis in native.layout), dtype=native.dtype)

    @property
    def output(self) -> TensorSpec:
        """The logits, float32 (n, w / stride, classes) unless an imported network returns others."""
        if self.decoder is Decoder.TEXT:
            return TensorSpec(name="texts", shape=("n",), dtype="str")
        if self.native is None:
            return TensorSpec(name="logits", shape=("n", "t", str(self.charset.size)))
        sizes = {"n": str(self.native.batch or "n"), "t": "t", "c": str(self.charset.size)}
        return TensorSpec(name=self.native.output, shape=tuple(sizes[axis] for axis in self.native.axes))

    @property
    def _width(self) -> str:
        pre = self.preprocess
        return str(pre.max_width) if pre.min_width == pre.max_width else "w"

    def frames(self, width: int) -> int:
        """Return the number of frames for an input of ``width`` columns.

        Raises:
            SpecMismatchError: If the width is not one that ``prepare`` makes, or it returns text.
        """
        spec = self.preprocess
        if self.no_frames:
            raise SpecMismatchError(self.no_frames)
        if width % spec.width_multiple or not spec.min_width <= width <= spec.max_width:
            raise SpecMismatchError(
                f"width {width} is not a multiple of {spec.width_multiple} within {spec.min_width}..{spec.max_width}",
                remedy="prepare images with inkport.core.preprocess.prepare()",
            )
        return self._frames(width)

    def _frames(self, width: int) -> int:
        if self.native is None:
            return width // self.stride
        return (self.native.gain * width + self.native.offset) // self.stride

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data; ``from_dict`` inverts it."""
        symbols = self.charset.symbols
        return {
            "name": self.name,
            "version": self.version,
            "stride": self.stride,
            "preprocess": to_plain(self.preprocess),
            "charset": {
                "symbols": list(symbols) if self.charset.free else "".join(symbols),
                "digest": self.charset.digest,
            },
            "input": to_plain(self.input),
            "output": to_plain(self.output),
            **({} if self.native is None else {"native": to_plain(self.native)}),
            **({} if self.decoder is Decoder.CTC else {"decoder": self.decoder.value}),
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
            native, symbols = data.get("native"), data["charset"]["symbols"]
            spec = cls(
                name=str(data["name"]),
                version=str(data["version"]),
                stride=int(data["stride"]),
                preprocess=parse_config(PreprocessSpec, data["preprocess"], where="preprocess"),
                charset=Charset(tuple(symbols), free=isinstance(symbols, list)),
                native=None if native is None else parse_config(NativeSpec, native, where="native"),
                decoder=Decoder(data.get("decoder", Decoder.CTC)),
            )
        except (AttributeError, KeyError, TypeError, ValueError, RecipeError) as error:
            raise SpecError(f"{where}: not a recogniser specification ({error!r})") from error
        written = spec.to_dict()
        differing = sorted(key for key in written.keys() | data.keys() if written.get(key) != data.get(key))
        if differing:
            raise SpecError(f"{where}: {', '.join(differing)} not as inkport {__version__} writes it")
        return spec
