"""How long the parts around ``Session.run`` take: preparing an image and decoding logits, the same for every target."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inkport.core.ctc import Decode, greedy
from inkport.core.preprocess import prepare
from inkport.core.runtime import Session
from inkport.core.spec import RecogniserSpec
from inkport.lines.line import Line


@dataclass(frozen=True, kw_only=True)
class HostTimes:
    """Median times of the parts that run in numpy, with numpy's own choice of threads."""

    prepare_p50_ms: float
    """``prepare()``, from the decoded pixels to the network's input."""
    decode_p50_ms: float
    """``greedy()``, from the logits to the text."""
    n: int
    """Lines timed."""
    beam_p50_ms: float | None = None
    """The beam with a language model, from the logits to the text; absent without one."""


def host_times(lines: Sequence[Line], spec: RecogniserSpec, session: Session, beam: Decode | None = None) -> HostTimes:
    """Time ``prepare``, ``greedy`` and ``beam`` on ``lines``; the session makes the logits and is not timed."""
    prepare_ns, decode_ns, beam_ns = [], [], []
    for line in lines:
        pixels = line.pixels()
        start = time.perf_counter_ns()
        image = prepare(pixels, spec.preprocess)
        prepare_ns.append(time.perf_counter_ns() - start)
        logits = session.run(image)[0]
        start = time.perf_counter_ns()
        greedy(logits, spec.charset)
        decode_ns.append(time.perf_counter_ns() - start)
        if beam is not None:
            start = time.perf_counter_ns()
            beam(logits, spec.charset)
            beam_ns.append(time.perf_counter_ns() - start)
    return HostTimes(
        prepare_p50_ms=float(np.median(prepare_ns)) / 1e6,
        decode_p50_ms=float(np.median(decode_ns)) / 1e6,
        n=len(prepare_ns),
        beam_p50_ms=float(np.median(beam_ns)) / 1e6 if beam_ns else None,
    )
