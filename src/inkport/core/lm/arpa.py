"""ARPA files, which every n-gram toolkit reads and writes; symbols are tokens, and the space is ``<space>``."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError
from inkport.core.files import write_atomically
from inkport.core.lm.ngrams import SPECIAL, Level, NGrams, bits_for, pack, unpack


SPACE = "<space>"
"""The space as a token."""
LN10 = float(np.log(10.0))
"""ARPA files hold decimal logarithms."""
NEVER = -99.0
"""Their logarithm of zero, which the line's start has as a unigram."""


COMMENT = "# inkport line_digests "
"""Begins a comment with digests of lines. Toolkits skip text before the data; KenLM asks that it begins with ``#``."""
COMMENT_DIGITS = 960
"""Characters of digests per comment, so that no reader meets a line of unusual length."""


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
        with _text(path) as file:
            for line in file:
                if line.startswith("\\"):
                    break
                if line.startswith(COMMENT):
                    role, _, digests = line.removeprefix(COMMENT).strip().partition(" ")
                    found[role] = found.get(role, "") + digests
    except (OSError, EOFError, ValueError) as error:
        raise ArtifactCorruptError(f"{path}: not a readable ARPA file ({error})", remedy="build it again") from error
    return found


def _text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def read_arpa(path: Path) -> NGrams:
    """Read a model of single symbols.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is no ARPA file, or its tokens are not single symbols.
    """
    if not path.is_file():
        raise ArtifactNotFoundError(f"{path}: no such file", remedy="check the path")
    try:
        with _text(path) as file:
            return _parse(file, path)
    except (OSError, EOFError, UnicodeDecodeError, ValueError) as error:
        raise ArtifactCorruptError(f"{path}: not a readable ARPA file ({error})", remedy="build it again") from error


def _parse(file: Iterator[str], path: Path) -> NGrams:
    sizes: list[int] = []
    for line in file:
        if found := re.fullmatch(r"ngram (\d+)=(\d+)\s*", line):
            sizes.append(int(found[2]))
        elif line.startswith("\\1-grams:"):
            break
    if not sizes:
        raise ValueError("no \\data\\ section with sizes")
    entries: list[list[tuple[list[str], float, float]]] = [[] for _ in sizes]
    length = 1
    for line in file:
        if found := re.fullmatch(r"\\(\d+)-grams:\s*", line):
            length = int(found[1])
        elif line.startswith("\\end\\"):
            break
        elif line.strip():
            entries[length - 1].append(_entry(line, length))
    else:
        raise ValueError("it ends before \\end\\")
    if (found_sizes := [len(level) for level in entries]) != sizes:
        raise ValueError(f"{found_sizes} n-grams by length, its head says {sizes}")
    return _assemble(entries, path)


def _entry(line: str, length: int) -> tuple[list[str], float, float]:
    fields = line.split()
    if len(fields) not in {length + 1, length + 2}:
        raise ValueError(f"{line.strip()!r} is no {length}-gram")
    return fields[1 : length + 1], float(fields[0]), float(fields[length + 1]) if len(fields) == length + 2 else 0.0


def _assemble(entries: list[list[tuple[list[str], float, float]]], path: Path) -> NGrams:
    names = {" " if tokens[0] == SPACE else tokens[0] for tokens, _, _ in entries[0]} - set(SPECIAL)
    if long := sorted(name for name in names if len(name) != 1):
        raise ArtifactCorruptError(
            f"{path}: {long[0]!r} is no single symbol",
            remedy=f"train on symbols separated by spaces, with {SPACE} for the space (inkport lm tokens)",
        )
    symbols = (*SPECIAL, *sorted(names))
    ids = {SPACE if name == " " else name: index for index, name in enumerate(symbols)}
    bits, levels = bits_for(len(symbols)), []
    if bits * len(entries) > 64:
        raise ValueError(f"{len(entries)}-grams of {len(symbols)} symbols are longer than a key")
    for length, level in enumerate(entries, start=1):
        if unknown := [token for tokens, _, _ in level for token in tokens if token not in ids]:
            raise ValueError(f"{unknown[0]!r} is no unigram")
        rows = np.array([[ids[token] for token in tokens] for tokens, _, _ in level], dtype=np.int64)
        keys = pack(rows.reshape(-1, length), bits)
        order = np.argsort(keys)
        values = np.array([(a, b) for _, a, b in level], dtype=np.float64).reshape(-1, 2)[order] * LN10
        levels.append(Level(keys=keys[order], log_prob=np.minimum(values[:, 0], 0.0), backoff=values[:, 1]))
    return NGrams(symbols=symbols, levels=tuple(levels))
