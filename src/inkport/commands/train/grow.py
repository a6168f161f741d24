"""``inkport train grow``."""

from __future__ import annotations

import sys
from pathlib import Path

from inkport.commands._options import Assignments, OutFile, Seed
from inkport.core.errors import needing


def grow(
    weights: Path,
    /,
    *,
    to: str,
    out: OutFile,
    set_: Assignments = (),
    seed: Seed = 1,
    version: str | None = None,
) -> None:
    """Grow weights into a larger network of the convtext family that initially reads as well.

    A training that starts from the result (``start`` in its recipe) goes on from what is known instead of
    from nothing.

    Args:
        weights: Weights file (.safetensors).
        to: Name of the larger network, for example convtext-small.
        out: The new weights file.
        set_: Change settings of that network: key=value as in TOML, for example ``--set "blocks=[2, 1, 1]"`` for a
            second residual block in the first stage; once per key.
        seed: Seed of the new values.
        version: Version of the result; that of the given weights if left out.
    """
    with needing("growing", extra="torch"):
        from inkport.model.grow import grow_weights
        from inkport.model.weights import load_weights, save_weights
        from inkport.train.overrides import parse_overrides
    grown = grow_weights(load_weights(weights), to, settings=parse_overrides(set_), seed=seed, version=version)
    save_weights(out, grown)
    sys.stdout.write(f"{out}\n")
