"""ARPA files, which every n-gram toolkit reads and writes; symbols are tokens, and the space is ``<space>``."""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError
from inkport.core.files import write_atomically
from inkport.core.lm.ngrams import KEY_BITS, SPECIAL, Level, NGrams, bits_for, unpack
from inkport.core.reading import open_regular
from inkport.core.zips import FREE_BYTES, RATIO


SPACE = "<space>"
"""The space as a token."""
LN10 = float(np.log(10.0))
"""ARPA files hold decimal logarithms."""
NEVER = -99.0
"""Their logarithm of zero, which the line's start has as a unigram."""
MOST_LOG = 1000.0
"""Largest decimal logarithm, either way: ten times that of zero, and still a number in half precision."""
ROUNDING = 1e-3
"""How far above 0 the logarithm of a probability may be; it is then taken for 0."""
MOST_ROW = 4096
"""Most bytes of a row: the longest n-gram of the longest names has 300."""
MOST_TEXT = 1 << 30
"""Most bytes of a file, unpacked: 30 million n-grams, a minute's work. Packed files are allowed less
(``inkport.core.zips``)."""

COMMENT = "# inkport line_digests "
"""Begins a comment with digests of lines. Toolkits skip text before the data; KenLM asks that it begins with ``#``."""
COMMENT_DIGITS = 960
"""Characters of digests per comment, so that no reader meets a line of unusual length."""

Entry = tuple[list[str], float, float]


def to_tokens(text: str) -> str:
    """Return a line as tokens separated by spaces: what another toolkit is trained on."""
    return " ".join(SPACE if symbol == " " else symbol for symbol in text)


def write_arpa(path: Path, ngrams: NGrams, *, line_digests: Mapping[str, str] | None = None) -> None:
    """Write a model as ARPA, compressed if the name ends in ``.gz``; the file is replaced in one step.

    Args:
        path: The file.
        ngrams: The model.
        line_digests: Digests of the lines that it was built on, as comments before the data.
    """
    names = [SPACE if name == " " else name for name in ngrams.symbols]
    out = io.StringIO()
    for role, digests in (line_digests or {}).items():
        for at in range(0, len(digests), COMMENT_DIGITS):
            out.write(f"{COMMENT}{role} {digests[at : at + COMMENT_DIGITS]}\n")
    out.write("\\data\\\n")
    for length, level in enumerate(ngrams.levels, start=1):
        out.write(f"ngram {length}={len(level.keys)}\n")
    for length, level in enumerate(ngrams.levels, start=1):
        out.write(f"\n\\{length}-grams:\n")
        rows = unpack(level.keys, length, ngrams.bits)
        for row, log_prob, backoff in zip(rows, level.log_prob / LN10, level.backoff / LN10, strict=True):
            value = NEVER if length == 1 and names[row[0]] == SPECIAL[1] else log_prob
            weight = f"\t{backoff:.7g}" if length < ngrams.order else ""
            out.write(f"{value:.7g}\t{' '.join(names[i] for i in row)}{weight}\n")
    out.write("\n\\end\\\n")
    data = out.getvalue().encode()
    write_atomically(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def arpa_digests(path: Path) -> dict[str, str]:
    """Return the digests of lines that ``write_arpa`` wrote, by role; empty if the file has none.

    Raises:
        ArtifactCorruptError: If the file cannot be read.
    """
    found: dict[str, str] = {}
    try:
        with _rows_of(path) as rows:
            for row in rows:
                if row.startswith("\\"):
                    break
                if row.startswith(COMMENT):
                    role, _, digests = row.removeprefix(COMMENT).partition(" ")
                    found[role] = found.get(role, "") + digests
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ArtifactCorruptError(f"{path}: not a readable ARPA file ({error})", remedy="build it again") from error
    return found


@contextmanager
def _rows_of(path: Path) -> Iterator[Iterator[str]]:
    """Open a file, packed or not, as its rows, within the limits of what it may hold."""
    with open_regular(path) as file:
        if path.suffix != ".gz":
            yield _rows(file, most=MOST_TEXT)
            return
        size = os.fstat(file.fileno()).st_size
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield _rows(unpacked, most=min(MOST_TEXT, FREE_BYTES + RATIO * size))


def read_arpa(path: Path) -> NGrams:
    """Read a model of single symbols.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is not an ARPA file, is damaged, or its tokens are not single symbols.
    """
    if not path.exists():
        raise ArtifactNotFoundError(f"{path}: no such file", remedy="check the path")
    try:
        with _rows_of(path) as rows:
            return _parse(rows, path)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ArtifactCorruptError(f"{path}: not a readable ARPA file ({error})", remedy="build it again") from error


def _rows(file: BinaryIO | gzip.GzipFile, *, most: int) -> Iterator[str]:
    """Yield the rows without the white space around them, never more than a row at a time."""
    read = 0
    while row := file.readline(MOST_ROW):
        read += len(row)
        if len(row) == MOST_ROW:
            raise ValueError(f"a row of {MOST_ROW} bytes or more")
        if read > most:
            raise ValueError(f"more than {most} bytes of text")
        yield row.decode("utf-8").strip()


def _parse(rows: Iterator[str], path: Path) -> NGrams:
    sizes = _sizes(rows)
    grams = _Grams(_unigrams(_section(rows, 1, sizes), path), len(sizes))
    for length in range(2, len(sizes) + 1):
        grams.add(_section(rows, length, sizes), length)
    return NGrams(symbols=grams.symbols, levels=tuple(grams.levels))


def _sizes(rows: Iterator[str]) -> list[int]:
    """Return the numbers of n-grams by length, as the head says, up to the first of the sections."""
    sizes: list[int] = []
    for row in rows:
        if found := re.fullmatch(r"ngram (\d+)\s*=\s*(\d+)", row):
            if int(found[1]) != len(sizes) + 1:
                raise ValueError(f"the number of {found[1]}-grams where that of {len(sizes) + 1}-grams is expected")
            sizes.append(int(found[2]))
        elif row.startswith("\\1-grams:"):
            break
    if not sizes:
        raise ValueError("no \\data\\ section with sizes")
    return sizes


def _section(rows: Iterator[str], length: int, sizes: list[int]) -> Iterator[Entry]:
    """Yield the n-grams of one length, up to the head of the next section or the end."""
    following = "\\end\\" if length == len(sizes) else f"\\{length + 1}-grams:"
    expected, count = sizes[length - 1], 0
    for row in rows:
        if row == following:
            break
        if row.startswith("\\") and row.endswith((":", "\\")):
            raise ValueError(f"{row!r} where {following!r} is expected")
        if row:
            count += 1
            if count > expected:
                raise ValueError(f"more {length}-grams than the {expected} that its head says")
            yield _entry(row, length)
    else:
        raise ValueError(f"it ends before {following}")
    if count != expected:
        raise ValueError(f"{count} {length}-grams, its head says {expected}")


def _entry(row: str, length: int) -> Entry:
    fields = row.split()
    if len(fields) not in {length + 1, length + 2}:
        raise ValueError(f"{row!r} is no {length}-gram")
    log_prob, backoff = float(fields[0]), float(fields[length + 1]) if len(fields) == length + 2 else 0.0
    if not -MOST_LOG <= log_prob <= ROUNDING or not abs(backoff) <= MOST_LOG:
        raise ValueError(f"{row!r}: a logarithm that is above 0, beyond {MOST_LOG:g}, or no number")
    return fields[1 : length + 1], min(log_prob, 0.0), backoff


def _unigrams(entries: Iterator[Entry], path: Path) -> dict[str, tuple[float, float]]:
    """Return the unigrams by name, the space as itself."""
    found: dict[str, tuple[float, float]] = {}
    for (token,), log_prob, backoff in entries:
        name = " " if token == SPACE else token
        if len(name) != 1 and name not in SPECIAL:
            raise ArtifactCorruptError(
                f"{path}: {name!r} is not a single symbol",
                remedy=f"train on symbols separated by spaces, with {SPACE} for the space (inkport lm tokens)",
            )
        if name in found:
            raise ValueError(f"the unigram {token!r} appears twice")
        found[name] = log_prob, backoff
    return found


class _Grams:
    """N-grams as they are read: packed, because as Python's objects a file takes twenty times its size."""

    def __init__(self, unigrams: dict[str, tuple[float, float]], order: int) -> None:
        self.symbols = (*SPECIAL, *sorted(unigrams.keys() - set(SPECIAL)))
        self.bits = bits_for(len(self.symbols))
        if self.bits * order > KEY_BITS:
            raise ValueError(f"{order}-grams of {len(self.symbols)} symbols are longer than a key")
        self.ids = {SPACE if name == " " else name: index for index, name in enumerate(self.symbols)}
        self.levels: list[Level] = []
        self.add((([SPACE if name == " " else name], *values) for name, values in unigrams.items()), 1)

    def add(self, entries: Iterable[Entry], length: int) -> None:
        """Add all n-grams of one length."""
        keys, log_probs, backoffs, ids = array("Q"), array("d"), array("d"), self.ids
        for tokens, log_prob, backoff in entries:
            key = 0
            for token in tokens:
                if token not in ids:
                    raise ValueError(f"{token!r} is not a unigram")
                key = key << self.bits | ids[token]
            keys.append(key)
            log_probs.append(log_prob)
            backoffs.append(backoff)
        packed = np.frombuffer(keys, np.uint64) if keys else np.zeros(0, np.uint64)
        order = np.argsort(packed)
        if (packed[order][1:] == packed[order][:-1]).any():
            raise ValueError(f"a {length}-gram appears twice")
        self.levels.append(
            Level(
                keys=packed[order],
                log_prob=np.array(log_probs, dtype=np.float64)[order] * LN10,
                backoff=np.array(backoffs, dtype=np.float64)[order] * LN10,
            )
        )
