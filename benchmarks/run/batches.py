"""Whether a session reads every line of a batch: what reading one line at a time cannot show."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from inkport.benchmarks.run.latency import Image
from inkport.core.errors import RuntimeExecutionError
from inkport.core.runtime import AnySession
from inkport.core.texts import ReadText


def check_batch(session: AnySession, inputs: Sequence[Image], *, label: str) -> None:
    """Run the narrowest line and its mirror image alone and together: each must be itself in the batch.

    Compared is which of the two a line of the batch is closer to, so that no tolerance is needed: int8 engines that
    scale by the whole batch round differently, and are right. Texts are equal or not; where both read the same, nothing
    can be told.

    Args:
        session: An open session, which checks its own results (``CheckedSession``, ``CheckedTexts``).
        inputs: Prepared lines, at least one.
        label: Names the session in errors.

    Raises:
        RuntimeExecutionError: If a line of the batch is missing, or is another one.
    """
    line = min(inputs, key=lambda image: image.shape[3])[:1]
    mirrored = np.ascontiguousarray(line[..., ::-1])
    first, second = copy(session.run(line)[0]), copy(session.run(mirrored)[0])
    together = session.run(np.concatenate([line, mirrored]))
    if _is_closer(together[1], to=first, than=second):
        drops = not _is_closer(together[0], to=second, than=first)
        come = "text comes" if isinstance(first, ReadText) else "logits come"
        fault = (
            f"drops the batch: the first line's {come} back for the second"
            if drops
            else "returns the lines of a batch in another order"
        )
        raise RuntimeExecutionError(f"{label}: {fault} (on images {(2, *line.shape[1:])})")


def _is_closer(row: Any, *, to: Any, than: Any) -> bool:
    if isinstance(row, ReadText):
        return bool(row.text == to.text != than.text)
    return float(np.abs(row - to).mean()) < float(np.abs(row - than).mean())
