"""One of the two targets: its trace, and which of its values stands for which tensor of the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from inkport.benchmarks.checks.debug.graph import Array, Graph
from inkport.core.runtime import Intermediate
from inkport.core.target import Precision


QUANTISERS = frozenset({"QuantizeLinear", "DequantizeLinear", "FakeQuantize"})
"""Operators that a quantizer puts into a graph, in the engines' words."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """A value of the trace that stands for a tensor of the graph."""

    name: str
    """The value's name in the trace."""
    how: str
    """``operator`` or ``name`` where names agree; ``operands`` or ``value`` where they do not; ``output``."""


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """What a value of the trace was computed from, in the graph's terms."""

    direct: Mapping[str, str]
    """Tensors of the graph that were read as they are: the trace's names by the graph's."""
    quantised: Mapping[str, str]
    """Tensors of the graph that were read through a quantizer: the name of its result by the graph's."""
    constants: tuple[str, ...]
    """Names of values that do not depend on the image: weights as the target has them."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A target and what it computed."""

    label: str
    """How the user named the target."""
    precision: Precision
    """What it computes in."""
    trace: Sequence[Intermediate]
    """What it computed, in order."""
    matches: dict[str, Match] = field(default_factory=dict)
    """The trace's values by the graph's tensors."""

    @cached_property
    def items(self) -> dict[str, Intermediate]:
        """The trace by name."""
        return {item.name: item for item in self.trace}

    @cached_property
    def computed(self) -> frozenset[str]:
        """Names of the values that depend on the image."""
        found: set[str] = set()
        for item in self.trace:
            if item.kind == "Input" or found & set(item.inputs):
                found.add(item.name)
        return frozenset(found)

    @cached_property
    def meanings(self) -> dict[str, list[str]]:
        """The graph's tensors by the trace's values."""
        found: dict[str, list[str]] = {}
        for tensor, match in self.matches.items():
            found.setdefault(match.name, []).append(tensor)
        return found

    def value(self, tensor: str) -> Array | None:
        """Return what stands for a tensor of the graph, or None."""
        match = self.matches.get(tensor)
        return None if match is None else np.asarray(self.items[match.name].value)

    def leaves(self, name: str) -> Leaves:
        """Walk back from a value of the trace to the nearest ones with a meaning."""
        direct: dict[str, str] = {}
        quantised: dict[str, str] = {}
        constants: list[str] = []
        for item in self._behind(name):
            if item.name in self.meanings:
                direct.update(dict.fromkeys(self.meanings[item.name], item.name))
            elif item.name not in self.computed:
                constants.append(item.name)
            else:
                quantised.update(dict.fromkeys(self.meanings.get(self._source(item.name), ()), item.name))
        return Leaves(direct=direct, quantised=quantised, constants=tuple(constants))

    def _behind(self, name: str) -> Iterator[Intermediate]:
        wanted, seen = list(self.items[name].inputs), {name}
        while wanted:
            item = self.items.get(wanted.pop())
            if item is None or item.name in seen:
                continue
            seen.add(item.name)
            known = item.name in self.meanings or item.name not in self.computed
            if known or (item.kind in QUANTISERS and item.value.dtype.kind == "f"):
                yield item
            else:
                wanted += item.inputs

    def _source(self, name: str) -> str:
        """Return what a chain of quantizers starts from."""
        item = self.items[name]
        while item.kind in QUANTISERS and item.name not in self.meanings:
            item = next(self.items[other] for other in item.inputs if other in self.computed)
        return item.name

    def before_quantisers(self, name: str) -> str:
        """Return what a quantized value was quantized from; the value itself if it was not."""
        item = self.items[name]
        return self._source(name) if item.kind in QUANTISERS and item.name in self.computed else name

    def quantiser(self, name: str) -> Intermediate:
        """Return the first operator of the chain of quantizers that ends in a value."""
        item = self.items[name]
        while True:
            source = next((self.items[other] for other in item.inputs if other in self.computed), None)
            if source is None or source.kind not in QUANTISERS or source.name in self.meanings:
                return item
            item = source


def names_agree(graph: Graph, trace: Sequence[Intermediate]) -> bool:
    """Whether most of the graph's tensors have a namesake in the trace, or most of a trace that ends early in it."""
    names = {item.name for item in trace if item.kind != "Constant"}
    known = [name for operator in graph.operators for name in operator.outputs if name in graph.dynamic]
    return len(names & set(known)) * 2 > min(len(known), len(names))
