"""CTC prefix beam search with a character language model (shallow fusion)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from heapq import nlargest

import numpy as np
import numpy.typing as npt

from inkport.core.align import align
from inkport.core.charset import BLANK, Charset
from inkport.core.ctc import Transcription, greedy
from inkport.core.lm.files import Fusion
from inkport.core.lm.model import CharModel


LEAST_PROBABILITY = 1e-3
"""Symbols below this are not tried at a frame, unless told otherwise."""
MOST_SYMBOLS = 12
"""Most symbols tried at a frame, unless told otherwise."""


class _Prefix:
    """A text so far: the sums over its paths that end in a blank, and in its last symbol."""

    __slots__ = (
        "blank",
        "bonus",
        "children",
        "label",
        "new_blank",
        "new_symbol",
        "parent",
        "state",
        "symbol",
        "touched",
    )

    def __init__(self, parent: _Prefix | None, label: int, bonus: float, state: int) -> None:
        self.parent, self.label, self.bonus, self.state = parent, label, bonus, state
        self.children: dict[int, _Prefix] = {}
        self.blank = self.symbol = self.new_blank = self.new_symbol = 0.0

    def labels(self) -> list[int]:
        found: list[int] = []
        node = self
        while node.parent is not None:
            found.append(node.label)
            node = node.parent
        return found[::-1]


class BeamDecoder:
    """Decodes lines by the text that maximises log p(text | image) + alpha log p(text) + beta length.

    Args:
        model: The language model.
        fusion: Its weights, and the width of the beam.
        least_probability: Symbols below this are not tried at a frame; 0 tries all.
        most_symbols: Most symbols tried at a frame.

    Source:
        Graves and Jaitly, *Towards End-to-End Speech Recognition with Recurrent Neural Networks* (2014), and Hannun
        et al., *First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs* (2014).
    """

    def __init__(
        self,
        model: CharModel,
        fusion: Fusion,
        *,
        least_probability: float = LEAST_PROBABILITY,
        most_symbols: int = MOST_SYMBOLS,
    ) -> None:
        self.model, self.fusion = model, fusion
        self.least_probability, self.most_symbols = least_probability, most_symbols

    def __call__(self, logits: npt.NDArray[np.float32], charset: Charset) -> Transcription:
        """Decode one line; arguments and errors are those of ``greedy``."""
        reading = greedy(logits, charset)
        if not len(logits):
            return reading
        labels = self.search(logits, charset)
        # The best path of a text that greedy decoding reads is greedy's own.
        same = reading.text == charset.decode(labels)
        return reading if same else align(logits, labels, charset)

    def search(self, logits: npt.NDArray[np.float32], charset: Charset) -> list[int]:
        """Return the labels of the best text; ``logits`` float32 (t, k), finite, ``t`` at least 1."""
        root = _Prefix(None, BLANK, 0.0, self.model.start)
        root.blank = 1.0
        beam = [root]
        for blank, candidates in self._frames(logits):
            if candidates:
                beam = self._advance(beam, blank, candidates, charset.symbols)
            else:
                # Only a blank: it comes after every prefix alike.
                for prefix in beam:
                    prefix.blank, prefix.symbol = prefix.blank + prefix.symbol, 0.0
        alpha, end = self.fusion.alpha, self.model.end
        return max(beam, key=lambda prefix: _score(prefix) + (alpha * end(prefix.state) if alpha else 0.0)).labels()

    def _frames(self, logits: npt.NDArray[np.float32]) -> Iterable[tuple[float, list[tuple[int, float]]]]:
        """Yield per frame the blank's probability, and the labels to try with theirs."""
        shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        probability = shifted / shifted.sum(axis=1, keepdims=True)
        blanks = probability[:, BLANK].tolist()
        wanted = probability > self.least_probability
        # A frame without any candidate keeps its blank, so that no line ends without a text.
        wanted[:, BLANK] = False
        rows: list[list[tuple[int, float]]] = [[] for _ in blanks]
        where, labels = np.nonzero(wanted)
        for row, label, value in zip(where.tolist(), labels.tolist(), probability[wanted].tolist(), strict=True):
            rows[row].append((label, value))
        for blank, row in zip(blanks, rows, strict=True):
            yield blank, nlargest(self.most_symbols, row, key=_second) if len(row) > self.most_symbols else row

    def _advance(
        self, beam: list[_Prefix], blank: float, candidates: list[tuple[int, float]], symbols: tuple[str, ...]
    ) -> list[_Prefix]:
        touched: dict[_Prefix, None] = {}
        for prefix in beam:
            total = prefix.blank + prefix.symbol
            touched[prefix] = None
            prefix.new_blank += total * blank
            for label, probability in candidates:
                before = total
                if label == prefix.label:
                    prefix.new_symbol += prefix.symbol * probability
                    # The same symbol once more needs a blank between.
                    before = prefix.blank
                if before > 0.0:
                    child = prefix.children.get(label) or self._extend(prefix, label, symbols)
                    touched[child] = None
                    child.new_symbol += before * probability
        return self._keep(list(touched))

    def _keep(self, touched: list[_Prefix]) -> list[_Prefix]:
        """Take over the frame's sums, scaled so that they never underflow, and return the best prefixes."""
        scale = 1.0 / max(prefix.new_blank + prefix.new_symbol for prefix in touched)
        for prefix in touched:
            prefix.blank, prefix.symbol = prefix.new_blank * scale, prefix.new_symbol * scale
            prefix.new_blank = prefix.new_symbol = 0.0
        if len(touched) <= self.fusion.beam:
            return touched
        ranked = sorted(touched, key=_score, reverse=True)
        for prefix in ranked[self.fusion.beam :]:
            prefix.blank = prefix.symbol = 0.0
        return ranked[: self.fusion.beam]

    def _extend(self, prefix: _Prefix, label: int, symbols: tuple[str, ...]) -> _Prefix:
        bonus, state = prefix.bonus + self.fusion.beta, prefix.state
        if self.fusion.alpha:
            value, state = self.model.step(state, symbols[label - 1])
            bonus += self.fusion.alpha * value
        child = prefix.children[label] = _Prefix(prefix, label, bonus, state)
        return child


def _score(prefix: _Prefix) -> float:
    total = prefix.blank + prefix.symbol
    return math.log(total) + prefix.bonus if total > 0.0 else -math.inf


def _second(candidate: tuple[int, float]) -> float:
    return candidate[1]
