"""Which value of a trace stands for which tensor of the graph: by name, or by what it is computed from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from inkport.benchmarks.checks.debug.graph import Array, Graph, Operator
from inkport.benchmarks.checks.debug.side import Match, names_agree
from inkport.core.runtime import Intermediate


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
    # An operator goes before a tensor: a quantiser that drops a Relu gives the Relu's name to what comes before it.
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
