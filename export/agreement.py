"""Whether an exported recogniser computes what its source does, on inputs that nobody tuned for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ExportError
from inkport.core.spec import RecogniserSpec


Forward = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Maps images float32 (n, 1, h, w) to logits float32 (n, t, k)."""

TOLERANCE = 1e-4
"""Largest difference of two fp32 logits, as a share of the largest logit (of 1 if that is smaller).

Sums in another order differ by about 5e-6 here; a wrong weight, axis or padding by more than 1e-2.
"""
FP16_TOLERANCE = 5e-3
"""The same where weights or sums are rounded to fp16: 7e-4 measured on convtext-tiny."""


def require_agreement(
    stage: str,
    spec: RecogniserSpec,
    expected: Forward,
    found: Forward,
    *,
    tolerance: float = TOLERANCE,
    widths: Sequence[int] = (),
) -> None:
    """Compare two forwards on noise, over batch sizes and widths that include the narrowest.

    Args:
        stage: Name of the exporter, for the error.
        spec: The recogniser.
        expected: The source.
        found: What was exported.
        tolerance: Largest difference of two logits, as a share of the largest logit (of 1 if that is smaller).
        widths: Widths to compare at, for formats that treat some apart; drawn below 512 px if left out.

    Raises:
        ExportError: If a shape differs, or a logit differs by more than ``tolerance``.
    """
    rng = np.random.default_rng(0)
    pre = spec.preprocess
    multiples = rng.integers(pre.min_width // pre.width_multiple, min(pre.max_width, 512) // pre.width_multiple, 3)
    widths = widths or (pre.min_width, *(int(m) * pre.width_multiple for m in multiples))
    for batch, width in zip(cycle((1, 1, 2, 3)), widths):
        images = pre.normalise(rng.random((batch, pre.planes, pre.height, width), dtype=np.float32))
        want, got = expected(images), found(images)
        if want.shape != got.shape:
            raise ExportError(f"{stage}: logits have shape {got.shape}, the source gives {want.shape}")
        worst = float(np.abs(want - got).max()) / max(1.0, float(np.abs(want).max()))
        # Written so that NaN fails too.
        if not worst <= tolerance:
            raise ExportError(
                f"{stage}: logits of images {images.shape} differ from the source by {worst:.1e} of the largest, "
                f"at most {tolerance:.0e} is allowed",
                remedy="the converter changed the network: try the versions that pyproject.toml pins",
            )
