"""``inkport grow``."""

from __future__ import annotations

import sys
from pathlib import Path

from inkport.core.errors import RuntimeUnavailableError


def grow(weights: Path, *, to: str, out: Path, seed: int = 1, version: str | None = None) -> None:
    """Grow weights into a larger network of the convtext family that starts out reading as well.

    A training that starts from the result (``start`` in its recipe) goes on from what is known instead of
    from nothing.

    Args:
        weights: Weights file (.safetensors).
        to: Name of the larger network, for example convtext-small.
        out: The new weights file.
        seed: Seed of the fresh values.
        version: Version of the result; that of the given weights if left out.
    """
    try:
        from inkport.model.grow import grow_weights
        from inkport.model.weights import load_weights, save_weights
    except ModuleNotFoundError as error:
        raise RuntimeUnavailableError(
            f"growing needs {error.name}, which is not installed", remedy="pip install 'inkport[torch]'"
        ) from error
    save_weights(out, grow_weights(load_weights(weights), to, seed=seed, version=version))
    sys.stdout.write(f"{out}\n")
