"""Seeded damage to bytes that knows nothing of their format: what disks, networks and careless tools do to files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np


Rng = np.random.Generator
Damage = Callable[[bytes, Rng], bytes]
"""Returns damaged bytes; the same bytes and the same state of the generator give the same damage."""

EDGES = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
"""Numbers at which sizes, offsets and signs turn over."""
NUMBERS = ("0", "-1", "-0.0", "1e-320", "1e308", "1e309", "-1e309", "nan", "inf", "-Infinity", "9" * 400, str(2**63))
"""Numbers as text that are out of somebody's range: subnormal, infinite, wider than 64 bits."""
ODD_TEXT = ("\0", "\ufeff", "\u2028", "\r", "\t", "\u202e", "\U0001f600", "e\u0301", " ", '"', "\\", "%s", "../" * 8)
"""Symbols and pieces that break quoting, splitting, paths and terminals."""
BAD_UTF8 = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80")
"""No UTF-8: a byte that never occurs, a cut sequence, a surrogate, a code point above the last."""
LONG = 100_000
"""How often a piece is repeated where something is to become long."""


def pick(rng: Rng, choices: Sequence):
    """Return one of ``choices``."""
    return choices[int(rng.integers(len(choices)))]


def flip_bits(data: bytes, rng: Rng) -> bytes:
    out = bytearray(data)
    for place in rng.integers(len(out), size=int(rng.integers(1, 9))):
        out[place] ^= 1 << int(rng.integers(8))
    return bytes(out)


def overwrite(data: bytes, rng: Rng) -> bytes:
    """Write random bytes over a stretch."""
    start = int(rng.integers(len(data)))
    length = int(rng.integers(1, 33))
    return (data[:start] + rng.bytes(length) + data[start + length :])[: len(data)]


def truncate(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(len(data)))]


def remove(data: bytes, rng: Rng) -> bytes:
    start, end = sorted(int(place) for place in rng.integers(len(data) + 1, size=2))
    return data[:start] + data[end:]


def repeat(data: bytes, rng: Rng) -> bytes:
    start, end = sorted(int(place) for place in rng.integers(len(data) + 1, size=2))
    return data[:end] + data[start:end] * int(rng.integers(1, 5)) + data[end:]


def append(data: bytes, rng: Rng) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 2000)))


def edit_field(data: bytes, rng: Rng) -> bytes:
    """Write a number on the edge into a field of 1, 2, 4 or 8 bytes, more often near the front, where headers are."""
    size = int(pick(rng, (1, 2, 4, 8)))
    most = len(data) if rng.random() < 0.3 else min(len(data), 128)
    start = int(rng.integers(most))
    value = int(pick(rng, EDGES)) % (1 << 8 * size)
    return data[:start] + value.to_bytes(size, pick(rng, ("little", "big"))) + data[start + size :]


def shift_number(data: bytes, rng: Rng) -> bytes:
    """Add a little to a number of 1, 2 or 4 bytes: a length that is off by one."""
    size, order = int(pick(rng, (1, 2, 4))), pick(rng, ("little", "big"))
    start = int(rng.integers(len(data)))
    value = int.from_bytes(data[start : start + size], order) + int(rng.integers(-4, 5))
    return data[:start] + (value % (1 << 8 * size)).to_bytes(size, order) + data[start + size :]


BYTES: tuple[Damage, ...] = (flip_bits, overwrite, truncate, remove, repeat, append, edit_field, shift_number)
"""Damage for any file."""


def _lines(change: Callable[[list[bytes], Rng], list[bytes]]) -> Damage:
    def damage(data: bytes, rng: Rng) -> bytes:
        return b"\n".join(change(data.split(b"\n"), rng))

    damage.__name__ = change.__name__
    return damage


def repeat_line(rows: list[bytes], rng: Rng) -> list[bytes]:
    return [*rows, pick(rng, rows)] if rng.random() < 0.5 else [*rows[:1], *rows]


def drop_line(rows: list[bytes], rng: Rng) -> list[bytes]:
    place = int(rng.integers(len(rows)))
    return rows[:place] + rows[place + 1 :]


def swap_lines(rows: list[bytes], rng: Rng) -> list[bytes]:
    return [rows[int(place)] for place in rng.permutation(len(rows))]


def edit_number(data: bytes, rng: Rng) -> bytes:
    """Put another number in the place of one."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not found:
        return data + pick(rng, NUMBERS).encode()
    match = pick(rng, found)
    return data[: match.start()] + pick(rng, NUMBERS).encode() + data[match.end() :]


def insert_text(data: bytes, rng: Rng) -> bytes:
    start = int(rng.integers(len(data) + 1))
    odd = pick(rng, BAD_UTF8) if rng.random() < 0.3 else pick(rng, ODD_TEXT).encode()
    return data[:start] + odd + data[start:]


def lengthen(data: bytes, rng: Rng) -> bytes:
    """Repeat one byte very often: a name, a number or a line without end."""
    start = int(rng.integers(len(data)))
    return data[:start] + data[start : start + 1] * LONG + data[start:]


def recode(data: bytes, rng: Rng) -> bytes:
    """Save the text as some editors do: with a mark in front, with other line ends, in UTF-16."""
    text = data.decode("utf-8", errors="replace")
    return pick(rng, (text.encode("utf-8-sig"), text.replace("\n", "\r\n").encode(), text.encode("utf-16")))


TEXT: tuple[Damage, ...] = (
    *(_lines(change) for change in (repeat_line, drop_line, swap_lines)),
    edit_number,
    insert_text,
    lengthen,
    recode,
)
"""Damage for files of text, besides that for any file."""


def splice(data: bytes, other: bytes, rng: Rng) -> bytes:
    """Return the front of one file with the back of another."""
    return data[: int(rng.integers(len(data) + 1))] + other[int(rng.integers(len(other) + 1)) :]


def once(damages: Sequence[Damage], data: bytes, rng: Rng) -> bytes:
    """Damage ``data`` in one way; where there is nothing to damage, put something there."""
    return pick(rng, damages)(data, rng) if data else rng.bytes(8)


def apply(damages: Sequence[Damage], data: bytes, rng: Rng) -> bytes:
    """Damage ``data`` once, or a few times over."""
    for _ in range(int(pick(rng, (1, 1, 1, 2, 3)))):
        data = once(damages, data, rng)
    return data
