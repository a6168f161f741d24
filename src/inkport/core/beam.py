"""CTC prefix beam search with a character language model (shallow fusion)."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import attrgetter, itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact, find_lm
from inkport.core.charset import BLANK, Charset
from inkport.core.ctc import Decode, Read, Transcription, best_path, greedy, greedy_text, transcribe
from inkport.core.lm.files import Fusion, load_fusion, load_model
from inkport.core.lm.model import CharModel


def align(logits: npt.NDArray[np.float32], labels: Sequence[int], charset: Charset) -> Transcription:
    """Place a text on its frames.

    Args:
        logits: float32 (t, k), finite, ``t`` at least 1.
        labels: Labels of the text, without blanks; at least one path must lead through ``t`` frames.
        charset: The recogniser's charset.

    Returns:
        The text; a symbol's confidence is its own best probability, its gap the smallest difference of the two
        best logits over its frames, as in ``greedy``.

    Source:
        Graves et al., *Connectionist Temporal Classification* (2006): the recursion with maxima for sums.
    """
    places = np.full(2 * len(labels) + 1, BLANK, dtype=np.intp)
    places[1::2] = labels
    path = _best_path(logits, places)
    return transcribe(logits, places[path], np.flatnonzero(np.diff(path, prepend=-1)), charset)


def _best_path(logits: npt.NDArray[np.float32], places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return which of the places ``blank, l1, blank, l2, ..., blank`` each frame stands on.

    What a frame's probabilities are divided by is the same for all paths, so logits serve as they are.
    """
    # What it costs to jump over a place: nothing, or all where it is a symbol or a blank that is needed.
    jump = np.full(len(places), -np.inf)
    jump[2:][(places[2:] != BLANK) & (places[2:] != places[:-2])] = 0.0
    emitted = logits[:, places].astype(np.float64)
    # Two more places before the first, where no path goes, give each place three to come from.
    scores = np.full((len(logits), len(places) + 2), -np.inf)
    scores[0, 2:4] = emitted[0, :2]
    before, now, jumped = scores[:-1], scores[1:, 2:], np.empty(len(places))
    for leap, step, stay, best, emission in zip(
        before[:, :-2], before[:, 1:-1], before[:, 2:], now, emitted[1:], strict=True
    ):
        np.maximum(stay, step, out=best)
        np.add(leap, jump, out=jumped)
        np.maximum(best, jumped, out=best)
        np.add(best, emission, out=best)
    place = len(places) - 1
    if place and scores[-1, -2] > scores[-1, -1]:
        place -= 1
    path, costs = [place], jump.tolist()
    for row in before[::-1]:
        leap, step, stay = row[place : place + 3].tolist()
        leap += costs[place]
        if step > stay or leap > stay:
            place -= 1 if step >= leap else 2
        path.append(place)
    return np.array(path[::-1], dtype=np.intp)


LEAST_PROBABILITY = 5e-3
"""Symbols below this are not tried at a frame, unless told otherwise."""
MOST_SYMBOLS = 8
"""Most symbols tried at a frame, unless told otherwise."""
THRESHOLD = 4.2
"""Prefixes whose score is this far below the best one's are dropped at a frame, in nats, unless told otherwise."""
REMEMBERED = 1024
"""Answers of the language model that a decoder keeps: about those of one line, so that they stay in a core's cache."""


class _Prefix:
    """A text so far: the sums over its paths that end in a blank, and in its last symbol, times its bonus."""

    __slots__ = (
        "blank",
        "children",
        "factor",
        "frame",
        "label",
        "new_blank",
        "new_symbol",
        "parent",
        "state",
        "symbol",
        "total",
    )

    def __init__(self, parent: _Prefix | None, label: int, factor: float, state: int) -> None:
        self.parent, self.label, self.factor, self.state = parent, label, factor, state
        self.children: dict[int, _Prefix] = {}
        self.blank = self.symbol = self.total = self.new_blank = self.new_symbol = 0.0
        self.frame = -1

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
        threshold: Prefixes this far below the best one are dropped at a frame, in nats; infinity keeps all.
        recombine: Whether, of prefixes that end in one symbol and one state of the language model, those are dropped
            that have both the lesser sum of all paths and the lesser of paths that end in a blank. Whatever follows is
            rated alike, so that they could win only by paths that have yet to reach their end. Without a language
            model (``alpha`` 0) nothing is.

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
        threshold: float = THRESHOLD,
        recombine: bool = True,
    ) -> None:
        self.model, self.fusion = model, fusion
        self.least_probability, self.most_symbols = least_probability, most_symbols
        self._recombine = recombine and fusion.alpha > 0
        self._ratio, self._most = math.exp(-threshold), math.exp(fusion.beta)
        # The same few contexts come again at every frame.
        self._score = lru_cache(maxsize=REMEMBERED)(self._bonus)

    def __call__(self, logits: npt.NDArray[np.float32], charset: Charset) -> Transcription:
        """Decode one line; arguments and errors are those of ``greedy``."""
        path = best_path(logits, charset)
        if not len(path):
            return greedy(logits, charset)
        labels = self.search(logits, charset)
        # The best path of a text that greedy decoding reads is greedy's own.
        return greedy(logits, charset) if labels == path else align(logits, labels, charset)

    def text(self, logits: npt.NDArray[np.float32], charset: Charset) -> str:
        """Return the text alone, which spares placing it on frames; arguments and errors are those of ``greedy``."""
        return charset.decode(self.search(logits, charset) if best_path(logits, charset) else ())

    def search(self, logits: npt.NDArray[np.float32], charset: Charset) -> list[int]:
        """Return the labels of the best text; ``logits`` float32 (t, k), finite, ``t`` at least 1."""
        root = _Prefix(None, BLANK, 1.0, self.model.start)
        root.blank = root.total = 1.0
        beam, blanks = [root], False
        for frame, (blank, candidates) in enumerate(self._frames(logits)):
            if candidates:
                peak = _stay(beam, frame, blank, candidates)
                touched = self._extend(beam, frame, peak, candidates, charset.symbols)
                beam = self._keep(touched)
            elif not blanks:
                # Only a blank: it comes after every prefix alike, and one more changes nothing.
                for prefix in beam:
                    prefix.blank, prefix.symbol = prefix.total, 0.0
            blanks = not candidates
        return max(beam, key=lambda p: p.total * self._weight(self.model.end(p.state))).labels()

    def _frames(self, logits: npt.NDArray[np.float32]) -> Iterable[tuple[float, list[tuple[int, float]]]]:
        """Yield per frame the blank's probability, and the labels to try with theirs, the most probable first."""
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
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
            if len(row) > 1:
                row.sort(key=_PROBABILITY, reverse=True)
                del row[self.most_symbols :]
            yield blank, row

    def _extend(
        self,
        beam: list[_Prefix],
        frame: int,
        peak: float,
        candidates: list[tuple[int, float]],
        symbols: tuple[str, ...],
    ) -> list[_Prefix]:
        """Add each symbol to each prefix, best first, where the result can come near the best; return all prefixes.

        The language model can only lower a score, so what is too far below without it needs no question to it.
        """
        touched, most, ratio, score = list(beam), self._most, self._ratio, self._score
        limit = peak * ratio
        for prefix in beam:
            children, total = prefix.children, prefix.total
            for label, probability in candidates:
                mass = total * probability
                if mass * most <= limit:
                    break
                # The same symbol once more needs a blank between.
                if label == prefix.label:
                    mass = prefix.blank * probability
                child = children.get(label)
                if child is None:
                    factor, state = score(prefix.state, symbols[label - 1])
                else:
                    factor, state = child.factor, child.state
                mass *= factor
                if child is None or child.frame != frame:
                    if mass <= limit:
                        continue
                    if child is None:
                        child = children[label] = _Prefix(prefix, label, factor, state)
                    child.frame, child.new_blank, child.new_symbol = frame, 0.0, mass
                    touched.append(child)
                else:
                    child.new_symbol += mass
                if mass > peak:
                    peak, limit = mass, mass * ratio
        return touched

    def _keep(self, touched: list[_Prefix]) -> list[_Prefix]:
        """Take over the frame's sums and return the best prefixes in order."""
        for prefix in touched:
            prefix.total = prefix.new_blank + prefix.new_symbol
        touched.sort(key=_TOTAL, reverse=True)
        peak = touched[0].total
        limit, most, recombine = peak * self._ratio, self.fusion.beam, self._recombine
        kept: list[_Prefix] = []
        blanks: dict[tuple[int, int], float] = {}
        for prefix in touched:
            if kept and (prefix.total <= limit or len(kept) == most):
                break
            if recombine:
                # A prefix kept before has the larger sum; after it whatever follows is worth as much, and the same
                # symbol once more, which needs a blank between, too if its paths that end in one weigh more.
                ending = (prefix.state, prefix.label)
                if blanks.get(ending, -1.0) >= prefix.new_blank:
                    continue
                blanks[ending] = prefix.new_blank
            kept.append(prefix)
        if _SMALL < peak < _LARGE:
            for prefix in kept:
                prefix.blank, prefix.symbol = prefix.new_blank, prefix.new_symbol
        else:
            # Only ratios count, so that long lines need not run out of numbers.
            scale = 1.0 / max(peak, sys.float_info.min)
            for prefix in kept:
                prefix.blank, prefix.symbol = prefix.new_blank * scale, prefix.new_symbol * scale
                prefix.total *= scale
        return kept

    def _bonus(self, state: int, symbol: str) -> tuple[float, int]:
        """Return what a symbol after a state multiplies a score by, and the state after it."""
        if not self.fusion.alpha:
            return self._most, state
        value, after = self.model.step(state, symbol)
        return self._most * self._weight(value), after

    def _weight(self, log_prob: float) -> float:
        """Return what a log-probability of the language model multiplies a score by; no file makes it more than 1."""
        return math.exp(self.fusion.alpha * min(log_prob, 0.0))


def _stay(beam: list[_Prefix], frame: int, blank: float, candidates: list[tuple[int, float]]) -> float:
    """Add the paths on which a prefix stays as it is, and return the largest such sum."""
    peak, repeats = 0.0, dict(candidates)
    for prefix in beam:
        prefix.frame = frame
        prefix.new_blank = mass = prefix.total * blank
        if prefix.label in repeats:
            prefix.new_symbol = again = prefix.symbol * repeats[prefix.label]
            mass += again
        else:
            prefix.new_symbol = 0.0
        if mass > peak:  # noqa: PLR1730 - a call to max takes longer, and this runs for every prefix of every frame
            peak = mass
    return peak


_TOTAL = attrgetter("total")
_PROBABILITY = itemgetter(1)
_SMALL, _LARGE = 1e-100, 1e100


def load_beam(lm: Path | None, artifact: Artifact) -> BeamDecoder | None:
    """Return a beam with a language model and the weights that are next to it; None without a language model.

    Args:
        lm: Its file, or the name of one that comes with inkport.
        artifact: The recogniser.

    Raises:
        ArtifactNotFoundError: If the model or its weights are not there.
        ArtifactCorruptError: If one of them cannot be read.
        SpecMismatchError: If they belong to another charset, or the weights to another recogniser.
    """
    if lm is None:
        return None
    charset, file = artifact.spec.charset, find_lm(lm)
    return BeamDecoder(load_model(file, charset), load_fusion(file, charset, root=artifact.root))


def load_decoder(lm: Path | None, artifact: Artifact) -> Decode:
    """Return ``greedy`` without a language model, else what ``load_beam`` returns; its errors are raised.

    Of a recogniser that returns text it is ``greedy``, which has nothing to do there: ``lm_not_judged`` says why.
    """
    return greedy if lm_not_judged(lm, artifact) else load_beam(lm, artifact) or greedy


def lm_not_judged(lm: Path | None, artifact: Artifact) -> str:
    """Return why a language model that is wanted can do nothing; empty if it can, or none is wanted."""
    reason = artifact.spec.no_frames
    return f"language model: not judged: {reason}" if lm is not None and reason else ""


def load_text_decoder(lm: Path | None, artifact: Artifact) -> Read:
    """Return ``greedy_text`` without a language model, else ``BeamDecoder.text``; errors are those of ``load_beam``."""
    beam = load_beam(lm, artifact)
    return greedy_text if beam is None else beam.text
