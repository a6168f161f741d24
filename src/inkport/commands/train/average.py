"""``inkport train average``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.commands._options import OutFile
from inkport.core.errors import needing


def average(
    weights: list[Path],
    /,
    *,
    shares: Annotated[tuple[float, ...], Parameter(consume_multiple=True)],
    out: OutFile,
    version: str | None = None,
    half: bool = False,
) -> None:
    """Average weights files of rounds that started from one another; often the average reads better than each.

    Choose the shares on validation lines, never on test lines.

    Args:
        weights: Weights files (.safetensors) of one network, charset and preprocessing.
        shares: One share per file; they sum to 1.
        out: The new weights file.
        version: Version of the result; that of the first file if left out.
        half: Keep values in half precision: half the bytes, widened again where they are read.
    """
    with needing("averaging", extra="torch"):
        from inkport.model.weights import average_weights, save_weights

    save_weights(out, average_weights(weights, shares, version=version), half=half)
    sys.stdout.write(f"{out}\n")
