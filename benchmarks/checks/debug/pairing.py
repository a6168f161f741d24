"""One of the two targets: its trace, and which of its values stands for which tensor of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from inkport.benchmarks.checks.debug.graph import Array, Graph, Operator
from inkport.core.runtime import Intermediate
from inkport.core.target import Precision


QUANTIZERS = frozenset({"QuantizeLinear", "DequantizeLinear", "FakeQuantize"})
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
    quantized: Mapping[str, str]
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
        quantized: dict[str, str] = {}
        constants: list[str] = []
        for item in self._behind(name):
            if item.name in self.meanings:
                direct.update(dict.fromkeys(self.meanings[item.name], item.name))
            elif item.name not in self.computed:
                constants.append(item.name)
            else:
                quantized.update(dict.fromkeys(self.meanings.get(self._source(item.name), ()), item.name))
        return Leaves(direct=direct, quantized=quantized, constants=tuple(constants))

    def _behind(self, name: str) -> Iterator[Intermediate]:
        wanted, seen = list(self.items[name].inputs), {name}
        while wanted:
            item = self.items.get(wanted.pop())
            if item is None or item.name in seen:
                continue
            seen.add(item.name)
            known = item.name in self.meanings or item.name not in self.computed
            if known or (item.kind in QUANTIZERS and item.value.dtype.kind == "f"):
                yield item
            else:
                wanted += item.inputs

    def _source(self, name: str) -> str:
        """Return what a chain of quantizers starts from."""
        item = self.items[name]
        while item.kind in QUANTIZERS and item.name not in self.meanings:
            item = next(self.items[other] for other in item.inputs if other in self.computed)
        return item.name

    def before_quantizers(self, name: str) -> str:
        """Return what a quantized value was quantized from; the value itself if it was not."""
        item = self.items[name]
        return self._source(name) if item.kind in QUANTIZERS and item.name in self.computed else name

    def quantizer(self, name: str) -> Intermediate:
        """Return the first operator of the chain of quantizers that ends in a value."""
        item = self.items[name]
        while True:
            source = next((self.items[other] for other in item.inputs if other in self.computed), None)
            if source is None or source.kind not in QUANTIZERS or source.name in self.meanings:
                return item
            item = source


def names_agree(graph: Graph, trace: Sequence[Intermediate]) -> bool:
    """Whether most of the graph's tensors have a namesake in the trace, or most of a trace that ends early in it."""
    names = {item.name for item in trace if item.kind != "Constant"}
    known = [name for operator in graph.operators for name in operator.outputs if name in graph.dynamic]
    return len(names & set(known)) * 2 > min(len(known), len(names))


NEAR = 1e-2
"""Largest difference, relative to the tensor's root mean square, of values that are taken for the same tensor."""
PASSING = frozenset({"Identity", "Cast"})
"""Operators that leave values as they are."""

Token = tuple[str, frozenset[int]]
"""An operator's type, and the classes of equal tensors that it reads."""


def pair(graph: Graph, exact: Mapping[str, Array], trace: Sequence[Intermediate]) -> dict[str, Match]:
    """Match the tensors of a graph with the values of a trace.

    Args:
        graph: The graph.
        exact: All its tensors for the same images, in float64.
        trace: What a target computed.

    Returns:
        By tensor of the graph. Tensors that an engine has fused away have no match.
    """
    matches = _by_name(graph, trace) if names_agree(graph, trace) else _by_operands(graph, exact, trace)
    matches.setdefault(graph.image, Match(name=trace[0].name, how="name"))
    if trace[-1].value.shape == exact[graph.output].shape:
        matches.setdefault(graph.output, Match(name=trace[-1].name, how="output"))
    return matches


def _by_name(graph: Graph, trace: Sequence[Intermediate]) -> dict[str, Match]:
    # An operator goes before a tensor: a quantizer that drops a Relu gives the Relu's name to what comes before it.
    results: dict[tuple[str, str], list[str]] = {}
    for item in trace:
        results.setdefault((item.operator, item.kind), []).append(item.name)
    matches: dict[str, Match] = {}
    for operator in graph.operators:
        found = results.get((operator.name, operator.kind), [])
        outputs = [name for name in operator.outputs if name]
        if len(found) == len(outputs):
            matches |= {tensor: Match(name=name, how="operator") for tensor, name in zip(outputs, found, strict=True)}
    taken = {match.name for match in matches.values()}
    for name in (item.name for item in trace):
        if name in graph.dynamic and name not in matches and name not in taken:
            matches[name] = Match(name=name, how="name")
    return matches


def _by_operands(graph: Graph, exact: Mapping[str, Array], trace: Sequence[Intermediate]) -> dict[str, Match]:
    """Follow both from the image on: what has the same type and reads the same is the same.

    Among several, the nearest in value; one that reads something unknown is matched by its value, if only one tensor
    has it.
    """
    classes = _classes(graph, exact)
    tokens = {tensor: _token(graph, operator, classes) for tensor, operator in _tensors(graph, exact)}
    same: dict[int, list[str]] = {}
    for tensor in tokens:
        same.setdefault(classes[tensor], []).append(tensor)
    found: dict[str, int] = {trace[0].name: classes[graph.image]}
    matches: dict[str, Match] = {}
    for item in trace[1:]:
        # Constants are in no class, and what is computed from nothing known is matched by its value alone.
        operands = [found[name] for name in item.inputs if name in found]
        if item.value.dtype.kind != "f" or not item.inputs:
            continue
        if item.kind in PASSING and operands:
            found[item.name] = operands[0]
            continue
        free = [name for name in tokens if name not in matches and exact[name].shape == item.value.shape]
        choices, how = [name for name in free if tokens[name] == (item.kind, frozenset(operands))], "operands"
        if not choices:
            choices = [name for name in free if _distance(exact[name], item.value) < NEAR]
            choices, how = choices if len({classes[name] for name in choices}) == 1 else [], "value"
        if choices:
            best = min(choices, key=lambda name: _distance(exact[name], item.value))
            found[item.name] = classes[best]
            # A converter that drops moves of values there and back leaves one value for several tensors.
            equal = [name for name in same[classes[best]] if name not in matches]
            matches |= {name: Match(name=item.name, how=how) for name in equal}
    return matches


def _tensors(graph: Graph, exact: Mapping[str, Array]) -> Iterable[tuple[str, Operator]]:
    for operator in graph.operators:
        for name in operator.outputs:
            if name in graph.dynamic and exact[name].dtype.kind == "f":
                yield name, operator


def _classes(graph: Graph, exact: Mapping[str, Array]) -> dict[str, int]:
    """Number the tensors that depend on the image, equal ones alike."""
    numbers: dict[tuple[tuple[int, ...], bytes], int] = {}
    return {
        name: numbers.setdefault((exact[name].shape, exact[name].astype(np.float64).tobytes()), len(numbers))
        for name in (graph.image, *(tensor for tensor, _ in _tensors(graph, exact)))
    }


def _token(graph: Graph, operator: Operator, classes: Mapping[str, int]) -> Token:
    reads = [name for name in operator.inputs if name in classes]
    if operator.kind == "Add" and len(reads) == 1:
        # Elsewhere a product with a weight and the addition of a bias are one operator.
        product = graph.producers.get(reads[0])
        if product is not None and product.kind == "MatMul" and product.inputs[1] not in classes:
            return "Gemm", frozenset({classes[product.inputs[0]]})
    return operator.kind, frozenset(classes[name] for name in reads)


def _distance(a: Array, b: Array) -> float:
    size = float(np.sqrt(np.mean(np.square(a))))
    return float(np.sqrt(np.mean((a - b.astype(np.float64)) ** 2)) / size) if size else float(np.abs(b).max(initial=0))
