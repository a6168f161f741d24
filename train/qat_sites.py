"""Which tensors of a network the exported int8 graph quantizes, found by watching it read one image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from inkport.core.errors import RecipeError


CONVOLUTIONS = frozenset({"conv1d", "conv2d"})
"""Functions that the exported graph has as Conv."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A convolution or matrix product that is quantized."""

    source: str
    """Site of its input."""
    norm: str | None = None
    """Name of the batch norm that is folded into it."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is quantized in one pass through a network.

    A site is a tensor, named ``layer:out`` for the result of a convolution (batch norm and ReLU included) and
    ``layer:in`` for any other tensor, after the first layer that reads it.
    """

    sites: Mapping[int, str]
    """Site by the number of the call that makes it, in the order of ``CountedCalls``."""
    layers: Mapping[str, Layer]
    """Quantised layers by name."""


class CountedCalls(TorchFunctionMode, ABC):
    """Sees every call of torch; those that return floating-point tensors are numbered from 0.

    What batch norms count with is an integer, so that a frozen one has the numbers of one that is not.
    """

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Make the call, and hand its result on."""
        result = self.call(func, args, kwargs or {})
        if not isinstance(result, Tensor) or not result.is_floating_point():
            return result
        result = self.made(self._count, result)
        self._count += 1
        return result

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make one call."""
        return func(*args, **kwargs)

    @abstractmethod
    def made(self, number: int, result: Tensor) -> Tensor:
        """Return what takes the place of the result of the latest call."""


def plan(network: nn.Module, run: Callable[[Tensor], object], image: Tensor, only: Collection[str] = ()) -> Plan:
    """Return what the exported int8 graph quantizes.

    That is: inputs of convolutions and linear layers, and results of convolutions after their batch norm and ReLU.
    In fp32 stay the first two convolutions, grouped ones, products of activations, and the last linear layer
    (``Int8Options.keep_fp32`` of the exporter has the reasons).

    Args:
        network: The network.
        run: ``network.forward`` or ``network.forward_train``.
        image: float32 (1, 1, h, w).
        only: Layers to quantize, in place of the rule above; for passes that are not exported.

    Raises:
        RecipeError: If nothing is quantized, or a quantized layer reads what is not a result of a single call.
    """
    watch = _Watch(network)
    with torch.no_grad(), watch:
        run(image)
    chosen = set(only) or set(_quantised(watch.calls))
    sites: dict[int, str] = {}
    layers: dict[str, Layer] = {}
    for number, call in enumerate(watch.calls):
        if call.layer is None or call.layer not in chosen:
            continue
        if call.source is None:
            raise RecipeError(
                f"qat: the input of {call.layer} cannot be quantized: it is not a result of a single call"
            )
        source = sites.setdefault(call.source, f"{call.layer}:in")
        norm = None
        if call.name in CONVOLUTIONS:
            end, norm = watch.end_of(number)
            sites.setdefault(end, f"{call.layer}:out")
        layers[call.layer] = Layer(source=source, norm=norm)
    if not layers:
        raise RecipeError("qat: nothing in this network is quantized")
    return Plan(sites=sites, layers=layers)


@dataclass(frozen=True, kw_only=True)
class _Call:
    """A numbered call."""

    name: str
    source: int | None
    """Number of the call that made its first argument."""
    layer: str | None = None
    """Name of the module whose weight it uses."""
    groups: int = 1
    dimensions: int
    """Dimensions of its result."""


class _Watch(CountedCalls):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.calls: list[_Call] = []
        self._latest: tuple[str, list[Tensor]] = "", []
        self._layers = weights_of(network)
        self._modules = dict(network.named_modules())
        self._readers: dict[int, list[int]] = defaultdict(list)
        # Tensors are kept, so that no later one gets the identity of an earlier one.
        self._makers: dict[int, tuple[int, Tensor]] = {}

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._latest = getattr(func, "__name__", ""), list(_tensors((*args, *kwargs.values())))
        return super().call(func, args, kwargs)

    def made(self, number: int, result: Tensor) -> Tensor:
        name, tensors = self._latest
        makers = [self._makers[id(tensor)][0] for tensor in tensors if id(tensor) in self._makers]
        for maker in dict.fromkeys(makers):
            self._readers[maker].append(number)
        layer = next((self._layers[id(tensor)] for tensor in tensors[1:] if id(tensor) in self._layers), None)
        first = self._makers.get(id(tensors[0])) if tensors else None
        self.calls.append(
            _Call(
                name=name,
                source=None if first is None else first[0],
                layer=layer,
                groups=getattr(self._modules.get(layer or ""), "groups", 1),
                dimensions=result.ndim,
            )
        )
        self._makers[id(result)] = (number, result)
        return result

    def end_of(self, number: int) -> tuple[int, str | None]:
        """Return the call that ends a convolution, batch norm and ReLU included, and the batch norm's name."""
        norm = None
        if (after := self._only_reader(number)) is not None and self.calls[after].name == "batch_norm":
            number, norm = after, self.calls[after].layer
        if (after := self._only_reader(number)) is not None and self.calls[after].name == "relu":
            number = after
        return number, norm

    def _only_reader(self, number: int) -> int | None:
        readers = self._readers[number]
        return readers[0] if len(readers) == 1 else None


def weights_of(network: nn.Module) -> dict[int, str]:
    """Return the names of modules by the identity of their weights."""
    return {
        id(module.weight): name
        for name, module in network.named_modules()
        if isinstance(getattr(module, "weight", None), nn.Parameter)
    }


def _quantised(calls: Sequence[_Call]) -> Iterator[str]:
    convolutions = [call for call in calls if call.name in CONVOLUTIONS]
    products = [call for call in calls if call.name == "linear" and call.dimensions > 2]
    for call in (*(c for c in convolutions[2:] if c.groups == 1), *products[:-1]):
        if call.layer is not None:
            yield call.layer


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
