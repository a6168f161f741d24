"""What makes two recipes the same, across versions of inkport."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from inkport.core.config import to_plain


FIRST_KEYS = frozenset(
    """
    model version seed start data optim augment preprocess validate_every checkpoint_every train val skip
    steps batch optimiser lr warmup weight_decay clip ema shortcut bf16
    scale_x scale_y shear rotate shift elastic stroke contrast gamma shade noise blur mask
    height width_multiple min_width max_width mean std background resampling
    """.split()  # noqa: SIM905 - a list would take 44 lines
)
"""Keys of the first recipes, which always count."""


def digest_settings(settings: Any) -> str:
    """Return the SHA-256 (hex) of a dataclass's values.

    A key that came later counts only away from its default, so that a checkpoint from before the key goes on; its
    default must therefore do what inkport did without the key.
    """
    return hashlib.sha256(json.dumps(_identity(settings), sort_keys=True).encode()).hexdigest()


def _identity(value: Any) -> Any:
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return to_plain(value)
    return {
        field.name: _identity(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if field.name in FIRST_KEYS or getattr(value, field.name) != _default(field)
    }


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
