"""What a network does, found by running it: its axes, its frames at every width, what its scores are, its blank."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import TO_NTC
from inkport.core.errors import UsageError
from inkport.core.preprocess import PreprocessSpec
from inkport.core.spec import Axes, Dtype, Layout, Scores
from inkport.export.import_.onnx_file import Network
from inkport.runtimes.logits import sample_images


Array = npt.NDArray[np.float32]
STEPS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 23, 24, 31, 32, 33, 40)
"""Widths that are probed, in steps beyond the narrowest: neighbours for the rounding, far ones for the slope."""
WIDEST_STRIDE = 64
"""Largest number of columns per frame that is tried; recognisers have 2 to 16."""
MOST_GAIN = 4
"""Most frames per stride."""
NARROWEST = 512
"""Widths above this are not tried to find one that the network takes at all, in pixels."""
SUM_TOLERANCE = 1e-3
"""How far a sum of probabilities may be from 1: float32 rounding over 20,000 classes."""


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Frames are (gain * width + offset) / stride, rounded down."""

    gain: int
    """See above."""
    offset: int
    """See above."""
    stride: int
    """See above."""
    counts: Mapping[int, int]
    """Frames found, by width."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """The network's ends as far as they are known before it is run."""

    input: str
    """Name of the images."""
    output: str
    """Name of the scores."""
    layout: Layout
    """Axes of the images."""
    dtype: Dtype
    """Numbers of the images."""
    batch: int
    """Lines that it takes at once; 0 for any number."""


class Prober:
    """Runs a network on images that it was not trained on.

    Args:
        network: The network.
        ends: What it takes, and which output is meant.
        preprocess: Height, channels and normalisation of the images; its widths are those of the presets.
    """

    def __init__(self, network: Network, ends: Ends, preprocess: PreprocessSpec) -> None:
        self.network, self.ends, self.preprocess = network, ends, preprocess

    def scores(self, images: Array) -> npt.NDArray[Any] | None:
        """Return what the network makes of prepared images, as it is; None where it does not take them."""
        given: npt.NDArray[Any] = images
        if self.ends.dtype is Dtype.UINT8:
            given = np.rint(given).clip(0, 255).astype(np.uint8)
        if self.ends.layout is Layout.NHWC:
            given = np.ascontiguousarray(given.transpose(0, 2, 3, 1))
        found = self.network.run(self.ends.input, given)
        return None if found is None else found.get(self.ends.output)

    def sample(self, width: int, lines: int) -> npt.NDArray[Any] | None:
        """Return what the network makes of drawn strokes."""
        return self.scores(sample_images(self.preprocess, width, lines=lines))

    @property
    def lines(self) -> int:
        """How many lines it is given at once."""
        return self.ends.batch or 1

    def takes_any_batch(self, width: int) -> bool:
        """Whether several lines at once come back as several, each as it comes back alone."""
        one, three = self.sample(width, 1), self.sample(width, 3)
        return one is not None and three is not None and three.ndim == one.ndim and three.size == 3 * one.size

    def narrowest(self) -> int:
        """Return the narrowest width that it takes, of those that the preprocessing makes.

        Raises:
            UsageError: If it takes none.
        """
        pre = self.preprocess
        for width in range(pre.min_width, max(min(pre.max_width, NARROWEST), pre.min_width) + 1, pre.width_multiple):
            found = self.sample(width, self.lines)
            if found is not None and found.ndim == 3 and found.size:
                return width
        raise UsageError(
            f"the network takes no image of height {pre.height}, {pre.planes} channels and {pre.min_width} px or more "
            f"in width as {self.ends.layout}, or {self.ends.output} has not three axes",
            remedy="pass --set height=..., channels=..., layout=nchw or nhwc, min_width=..., output=...",
        )

    def axes(self, width: int, classes: int | None) -> tuple[Axes, int]:
        """Return the order of the axes of the scores, and the number of classes.

        Args:
            width: A width that it takes.
            classes: Number of classes that the charset asks for, if it is known: for a network of one width.

        Raises:
            UsageError: If they cannot be told apart.
        """
        shape = self._shape(width)
        fits = [axes for axes, order in TO_NTC.items() if shape[order[0]] == self.lines]
        if self.preprocess.max_width > self.preprocess.min_width:
            wider = self._shape(self._wider(width))
            varies = [place for place in range(3) if shape[place] != wider[place]]
            fits = [axes for axes in fits if varies == [TO_NTC[axes][1]]]
        elif classes is not None:
            fits = [axes for axes in fits if shape[TO_NTC[axes][2]] == classes]
        if self.ends.batch == 0 and len(fits) > 1:
            found = self.sample(width, self.lines + 1)
            more = () if found is None else found.shape
            grows = [place for place, (one, two) in enumerate(zip(shape, more, strict=False)) if one != two]
            fits = [axes for axes in fits if grows == [TO_NTC[axes][0]]]
        if len(fits) != 1:
            raise UsageError(
                f"scores of shape {shape} for {self.lines} line of {width} px: "
                f"{' or '.join(fits) or 'none of ntc, tnc, nct'}",
                remedy="pass --set axes=ntc, tnc or nct, and the charset",
            )
        return fits[0], shape[TO_NTC[fits[0]][2]]

    def _wider(self, width: int) -> int:
        # Wide enough for one more frame of any stride.
        step = -(-2 * WIDEST_STRIDE // self.preprocess.width_multiple) * self.preprocess.width_multiple
        return min(width + step, self.preprocess.max_width)

    def _shape(self, width: int) -> tuple[int, ...]:
        found = self.sample(width, self.lines)
        if found is None or found.ndim != 3:
            raise UsageError(
                f"the network does not take {width} px: its scores are "
                f"{'absent' if found is None else f'of shape {found.shape}'}",
                remedy="name its widths: --set min_width=..., max_width=..., width_multiple=...",
            )
        return found.shape

    def frames(self, narrowest: int, axes: Axes) -> Frames:
        """Return the rule that gives the frames at every width.

        Raises:
            UsageError: If there is none of this form.
        """
        pre, place = self.preprocess, TO_NTC[axes][1]
        widths = [narrowest + step * pre.width_multiple for step in STEPS]
        counts = {width: self._shape(width)[place] for width in widths if width <= pre.max_width}
        if len(counts) == 1:
            ((width, count),) = counts.items()
            stride = max(1, round(width / count))
            return Frames(gain=1, offset=count * stride - width, stride=stride, counts=counts)
        for stride in range(1, WIDEST_STRIDE + 1):
            for gain in range(1, MOST_GAIN + 1):
                # Each width leaves a range of offsets; the one nearest to 0 that all have is taken.
                low = max(count * stride - gain * width for width, count in counts.items())
                high = min((count + 1) * stride - 1 - gain * width for width, count in counts.items())
                if low <= high:
                    return Frames(gain=gain, offset=min(max(0, low), high), stride=stride, counts=counts)
        raise UsageError(
            f"its frames follow no rule (gain * width + offset) / stride: {dict(counts)}",
            remedy="allow only widths where they do: --set width_multiple=...",
        )

    def kind(self, axes: Axes, images: Sequence[Array]) -> Scores:
        """Return what the scores are, by whether they, or their exponentials, add up to 1."""
        rows = np.concatenate([self._rows(image, axes) for image in images]).astype(np.float64)
        if rows.min() >= 0 and np.abs(rows.sum(axis=1) - 1).max() <= SUM_TOLERANCE:
            return Scores.PROBABILITIES
        if rows.max() <= 0 and np.abs(np.exp(rows).sum(axis=1) - 1).max() <= SUM_TOLERANCE:
            return Scores.LOG_PROBABILITIES
        return Scores.LOGITS

    def commonest(self, axes: Axes, images: Sequence[Array]) -> tuple[int, float]:
        """Return the class that is the best of most frames, and its share of them, 0..1."""
        best = Counter(label for image in images for label in self._rows(image, axes).argmax(axis=1).tolist())
        ((label, count),) = best.most_common(1)
        return label, count / sum(best.values())

    def _rows(self, image: Array, axes: Axes) -> npt.NDArray[Any]:
        found = self.scores(np.repeat(image, self.lines, axis=0))
        if found is None or found.ndim != 3:
            raise UsageError(f"the network does not take an image of {image.shape}", remedy="check its widths")
        rows: npt.NDArray[Any] = found.transpose(TO_NTC[axes])[0]
        return rows
