"""Thrift's compact protocol, as far as the heads in Parquet files need it; nothing is believed.

pyarrow ends the process over some damage to them (a histogram of the wrong size in 26.0), and says nothing of pages.

Source:
    https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from typing import Any


DEPTH = 16
"""Deepest nesting; Parquet's heads go down to six."""

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)


class ThriftReader:
    """Reads structs from bytes.

    Args:
        data: The bytes.
        place: Where to begin.
    """

    def __init__(self, data: bytes, place: int = 0) -> None:
        self.data, self.place = data, place

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the fields of a struct by their numbers; lists and structs in them as lists and dicts.

        Raises:
            IndexError: If the data end within it.
            ValueError: If it is none.
        """
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            found[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if depth > DEPTH:
            raise ValueError(f"nested deeper than {DEPTH} levels")
        if kind in (_I16, _I32, _I64):
            return self._signed()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            head = self._byte()
            count = self._unsigned() if head >> 4 == 15 else head >> 4
            return [self._value(head & 15, depth + 1) for _ in range(self._room(count))]
        if kind == _MAP:
            count = self._room(self._unsigned())
            kinds = self._byte() if count else 0
            return [(self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1)) for _ in range(count)]
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind in (_DOUBLE, _BINARY):
            return self._take(8 if kind == _DOUBLE else self._unsigned())
        raise ValueError(f"a value of type {kind}")

    def _byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]

    def _room(self, count: int) -> int:
        """Return a number of values, each of which takes at least a byte."""
        if count > len(self.data) - self.place:
            raise IndexError(f"{count} values")
        return count

    def _take(self, count: int) -> bytes:
        self.place += self._room(count)
        return self.data[self.place - count : self.place]

    def _unsigned(self) -> int:
        found = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise ValueError("a number without end")

    def _signed(self) -> int:
        found = self._unsigned()
        return found >> 1 ^ -(found & 1)
