"""What the customer's own pipeline read, compared with what the import reads; and which setting explains a difference.

A setting is named if it alone makes most of the differing lines agree. Where one is not enough the search goes on
from the best, for as long as each further one helps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import feed, logits_of
from inkport.core.arrays import read_npz
from inkport.core.charset import Charset, normalise_text
from inkport.core.ctc import best_path
from inkport.core.errors import DataError, InkportError, SpecError
from inkport.core.preprocess import prepare
from inkport.core.reading import read_bytes
from inkport.core.spec import RecogniserSpec
from inkport.export.import_.neighbours import neighbours
from inkport.export.import_.onnx_file import Network
from inkport.lines.line import Line


Array = npt.NDArray[np.float32]
READINGS_BYTES = 64 << 20
"""Largest file of readings."""
HEADS = (("id", "text"), ("image", "text"))
"""What a first row may say that is no reading."""
TRIED_LINES = 24
"""Lines that neighbouring settings are tried on: half of them that differ, as far as there are so many."""
MOST_ROUNDS = 3
"""Settings that are named at the most."""
WORTH = 0.2
"""Share of the lines tried that a setting must bring into agreement to be named."""
SCORE_TOLERANCE = 1e-3
"""How far scores may be apart, as a share of the expected ones' standard deviation: sums in another order."""
VOTES = 3
"""How often a class must have been seen to say that its symbol is another one."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What somebody else's pipeline made of one line."""

    line: Line
    """The line."""
    text: str | None = None
    """The text that it read."""
    scores: Array | None = None
    """The scores that its network returned, as the network has them, one line alone."""


def read_expectations(path: Path, lines: Sequence[Line]) -> list[Expected]:
    """Read what a pipeline read: a ``.tsv`` of texts, or an ``.npz`` of scores.

    A row of the TSV names a line, by its id, or by the name or path of its image, and after a tab has its text; a first
    row ``id`` or ``image``, tab, ``text`` is a head. An array of the ``.npz`` file, float32, has a line's id as name.

    Args:
        path: The file.
        lines: The lines; if empty, each row names an image by its path, relative to the file.

    Raises:
        DataError: If it cannot be read, names no line, or one twice.
    """
    if path.suffix.lower() == ".npz":
        try:
            arrays = read_npz(path, "<f4")
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: no scores ({error})", remedy="np.savez(path, **{id: float32 array})") from error
        return _matched(path, {name: Expected(line=lines[0], scores=found) for name, found in arrays.items()}, lines)
    rows = _rows(path)
    if not lines:
        lines = [Line(id=name, image=path.parent / name, text=text) for name, text in rows.items()]
    return _matched(path, {name: Expected(line=lines[0], text=text) for name, text in rows.items()}, lines)


def _rows(path: Path) -> dict[str, str]:
    try:
        text = read_bytes(path, limit=READINGS_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 ({error})") from error
    rows: dict[str, str] = {}
    for number, row in enumerate(text.splitlines(), start=1):
        name, tab, read = row.partition("\t")
        if not row or (number == 1 and (name, read) in HEADS):
            continue
        if not tab or not name or "\0" in name:
            raise DataError(f"{path}, line {number}: expected a line's id, a tab, and its text")
        if name in rows:
            raise DataError(f"{path}, line {number}: {name!r} a second time")
        rows[name] = read
    return rows


def _matched(path: Path, found: Mapping[str, Expected], lines: Sequence[Line]) -> list[Expected]:
    """Pair what was read with the lines, by id or by the name of the image file."""
    names: dict[str, Line] = {}
    for line in lines:
        if isinstance(line.image, Path):
            names.setdefault(line.image.name, line)
            names.setdefault(str(line.image), line)
    names |= {line.id: line for line in lines}
    pairs = [replace(expected, line=names[name]) for name, expected in found.items() if name in names]
    if not pairs:
        some = ", ".join(sorted(found)[:3])
        raise DataError(
            f"{path}: names no line that was given with --lines ({some or 'it is empty'})",
            remedy=f"name lines by id, such as {', '.join(line.id for line in lines[:3]) or 'those of a line set'}",
        )
    return pairs


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What came out of the comparison."""

    lines: int
    """Lines compared."""
    differing: int
    """Lines that are read differently."""
    examples: tuple[tuple[str, str, str], ...]
    """Some of them: id, what was expected, what was read."""
    settings: tuple[str, ...]
    """What explains them, as ``key=value`` of ``--set``, the most important first; of charsets, in a sentence."""
    tried: int
    """Lines that neighbouring settings were tried on."""
    remaining: int
    """How many of them still differ with all of ``settings``."""


def explain(
    expectations: Sequence[Expected],
    spec: RecogniserSpec,
    network: Network,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Explanation:
    """Compare readings with what was expected, and look for the setting that explains a difference.

    Args:
        expectations: What the other pipeline made of each line.
        spec: The recogniser as it is to be imported.
        network: Its network.
        progress: Told what is being tried.
    """
    found = [_judge(expected, spec, network) for expected in expectations]
    wrong = [index for index, verdict in enumerate(found) if verdict is not None]
    examples = tuple((expectations[i].line.id, *(found[i] or ("", ""))) for i in wrong[:5])
    if not wrong:
        return Explanation(lines=len(found), differing=0, examples=(), settings=(), tried=0, remaining=0)
    right = [index for index in range(len(found)) if found[index] is None]
    half = max(TRIED_LINES // 2, TRIED_LINES - len(right))
    chosen = [*wrong[:half], *right[: TRIED_LINES - min(half, len(wrong))]]
    search = _Search([expectations[index] for index in chosen], network, progress)
    settings, remaining = search.run(spec)
    return Explanation(
        lines=len(found),
        differing=len(wrong),
        examples=examples,
        settings=tuple(settings),
        tried=len(chosen),
        remaining=remaining,
    )


def _scores(expected: Expected, spec: RecogniserSpec, network: Network) -> tuple[Array, Array]:
    """Return the network's scores of a line as it has them, and its logits float32 (t, k)."""
    image = prepare(expected.line.pixels(spec.preprocess), spec.preprocess)
    outputs = network.run(spec.input.name, feed(image, spec)[0])
    if outputs is None:
        raise SpecError(f"the network does not take {image.shape}")
    native: Array = outputs[spec.output.name]
    return native, logits_of([native], spec, 1)[0]


def _read(expected: Expected, spec: RecogniserSpec, network: Network) -> tuple[str, list[int]]:
    _, logits = _scores(expected, spec, network)
    labels = best_path(logits, spec.charset)
    return normalise_text(spec.charset.decode(labels)), labels


def _judge(expected: Expected, spec: RecogniserSpec, network: Network) -> tuple[str, str] | None:
    """Return what was expected and what was found, None where they agree."""
    try:
        if expected.scores is not None:
            return _judge_scores(expected.scores, _scores(expected, spec, network)[0])
        text, _ = _read(expected, spec, network)
    except InkportError as error:
        return expected.text or "scores", error.message
    wanted = normalise_text(expected.text or "")
    return None if text == wanted else (wanted, text)


def _judge_scores(wanted: Array, found: Array) -> tuple[str, str] | None:
    if wanted.ndim + 1 == found.ndim:
        # One line alone, its axis left out.
        found = found.squeeze(next((axis for axis, size in enumerate(found.shape) if size == 1), 0))
    if wanted.shape != found.shape:
        return f"scores of shape {wanted.shape}", f"scores of shape {found.shape}"
    off, allowed = float(np.abs(wanted - found).max()), SCORE_TOLERANCE * float(wanted.std())
    return None if off <= allowed else (f"within {allowed:.2g}", f"scores that differ by {off:.2g}")


class _Search:
    """Tries neighbouring settings on some lines."""

    def __init__(self, lines: Sequence[Expected], network: Network, progress: Callable[[str], None]) -> None:
        self.lines, self.network, self.progress = lines, network, progress

    def run(self, spec: RecogniserSpec) -> tuple[list[str], int]:
        """Return the settings that explain most, and how many lines still differ with all of them."""
        settings: list[str] = []
        remaining = self.differing(spec, len(self.lines))
        while remaining and len(settings) < MOST_ROUNDS:
            found, name, other = self._best(spec, remaining)
            if remaining - found < max(1, WORTH * len(self.lines)):
                break
            remaining, spec = found, other
            settings.append(name)
        return settings, remaining

    def differing(self, spec: RecogniserSpec, most: int) -> int:
        """Return how many lines differ; no more are read once there are more than ``most``."""
        count = 0
        for expected in self.lines:
            count += _judge(expected, spec, self.network) is not None
            if count > most:
                break
        return count

    def _best(self, spec: RecogniserSpec, remaining: int) -> tuple[int, str, RecogniserSpec]:
        """Return the neighbour with which the fewest lines differ; the first one with none ends the search."""
        best = (remaining, "", spec)
        for name, other in self._tried(spec):
            self.progress(f"trying {name}")
            if (count := self.differing(other, best[0])) < best[0]:
                best = (count, name, other)
            if not count:
                break
        return best

    def _tried(self, spec: RecogniserSpec) -> Iterator[tuple[str, RecogniserSpec]]:
        yield from neighbours(spec)
        if (reordered := self._other_symbols(spec)) is not None:
            yield reordered

    def _other_symbols(self, spec: RecogniserSpec) -> tuple[str, RecogniserSpec] | None:
        """Return the charset that the expected texts speak for, where they are as long as what was read."""
        votes: dict[int, Counter[str]] = {}
        for expected in self.lines:
            if expected.text is None:
                continue
            try:
                _, labels = _read(expected, spec, self.network)
            except InkportError:
                continue
            if len(labels) == len(text := normalise_text(expected.text)):
                for label, symbol in zip(labels, text, strict=True):
                    votes.setdefault(label, Counter())[symbol] += 1
        symbols = list(spec.charset.symbols)
        changed: list[int] = []
        for label, counts in votes.items():
            ((symbol, count),) = counts.most_common(1)
            if count >= VOTES and symbol != symbols[label - 1]:
                changed.append(label)
                symbols[label - 1] = symbol
        if not changed:
            return None
        native = [label - 1 if spec.native is not None and label <= spec.native.blank else label for label in changed]
        shown = ", ".join(
            f"class {place} is {symbols[label - 1]!r}, not {spec.charset.symbols[label - 1]!r}"
            for place, label in sorted(zip(native, changed, strict=True))[:4]
        )
        name = f"charset: its order is another one ({shown}{', ...' if len(changed) > 4 else ''})"
        return name, replace(spec, charset=Charset(tuple(symbols), free=True))
