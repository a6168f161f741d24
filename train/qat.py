"""Quantisation-aware training: the network computes as its exported int8 graph does, while its weights stay fp32.

The network itself is left as it is. A ``TorchFunctionMode`` stands around its calls of torch, rounds the tensors that
the exporter quantizes at the place where they are made (so that every reader sees rounded values, residual sums too),
and rounds the weights of quantized layers after folding their batch norm, as the exporter folds it. torchao's PT2E flow
and NNCF were passed over: both turn the network into another module with other parameter names, which our checkpoints,
averages and exporters would have to be taught, and place quantizers by patterns of their own (torchao per operator,
NNCF per hardware profile) that would have to be bent to this graph. ``torch.fake_quantize_*``, the observer of torch.ao
and a mode express the graph exactly, and the weights keep their names.

Sources: Jacob et al., *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference*
(CVPR 2018) for folding batch norm in training; Jain et al., *Trained Quantization Thresholds* (MLSys 2020) for training
logarithms of ranges; ``inkport.train.qat_rounding`` for the gradients.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.ao.quantization.observer import HistogramObserver

from inkport.core.config import to_plain
from inkport.core.errors import RecipeError
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.lines.line import Line
from inkport.lines.roles import Role, describe_lines
from inkport.model.recogniser import Recogniser, TrainOutput
from inkport.train.prepare import Prepared
from inkport.train.qat_rounding import grid, round_activation, round_bias, round_weight, weight_step
from inkport.train.qat_sites import CONVOLUTIONS, CountedCalls, Plan, plan, weights_of
from inkport.train.recipe import Recipe
from inkport.train.recipe_sections import QatRecipe


SMALLEST = 1e-6
"""Least width of a range, and least factor of a batch norm; below, a division would leave float32."""
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class FakeQuantized(Recogniser):
    """A network that computes as its exported int8 graph does.

    Its state is that of the network under ``network.`` and, per site, the measured range and how far training moved it.

    Args:
        network: The network; it stays the owner of its weights.
        recipe: Settings.
        preprocess: The recogniser's preprocessing, for the size of an image.

    Raises:
        RecipeError: If the network has nothing to quantize, or computes something else in training.
    """

    low: Tensor
    """Smallest value of each site as measured, float32 (sites,)."""
    high: Tensor
    """Largest value of each site as measured."""

    def __init__(self, network: Recogniser, recipe: QatRecipe, preprocess: PreprocessSpec) -> None:
        super().__init__()
        self.network, self.config, self.recipe = network, network.config, recipe
        network.eval()
        image = torch.zeros(1, 1, preprocess.height, preprocess.min_width, device=next(network.parameters()).device)
        self._plan = plan(network, network.forward, image)
        self.sites = tuple(self._plan.sites.values())
        # Masks are drawn in training alone, so the calls of that pass have numbers of their own.
        kept = [(buffer, buffer.clone()) for buffer in network.buffers()]
        self._train_plans = {
            training: plan(network.train(training), network.forward_train, image, only=self._plan.layers.keys())
            for training in (True, False)
        }
        with torch.no_grad():
            for buffer, before in kept:
                buffer.copy_(before)
        if any(set(self.sites) != set(made.sites.values()) for made in self._train_plans.values()):
            raise RecipeError("qat: the network's training pass makes other tensors than the one that is exported")
        self.register_buffer("low", torch.zeros(len(self.sites)))
        self.register_buffer("high", torch.zeros(len(self.sites)))
        self.low_move = nn.Parameter(torch.zeros(len(self.sites)))
        self.high_move = nn.Parameter(torch.zeros(len(self.sites)))

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Return the smallest and largest value of each site, float32 (sites,), differentiable.

        Training moves logarithms, so that a range that begins at 0 always does: there the exporter drops a ReLU.
        """
        rate = self.recipe.range_rate
        return self.low * torch.exp(rate * self.low_move), self.high * torch.exp(rate * self.high_move)

    def ranges(self) -> dict[str, list[float]]:
        """Return smallest and largest value by site, as they are exported."""
        low, high = (bound.detach().cpu().tolist() for bound in self.bounds())
        return {site: [bottom, top] for site, bottom, top in zip(self.sites, low, high, strict=True)}

    @torch.no_grad()
    def set_ranges(self, ranges: Mapping[str, Sequence[float]]) -> None:
        """Begin with these ranges, as ``ranges`` returns them."""
        for index, site in enumerate(self.sites):
            self.low[index], self.high[index] = ranges[site]
        self.low_move.zero_()
        self.high_move.zero_()

    @torch.no_grad()
    def measure(self, images: Iterable[Tensor]) -> None:
        """Begin with the ranges of least squared error on ``images``, each float32 (1, 1, h, w), in fp32."""
        training = self.network.training
        self.network.eval()
        observer = _Measuring(self._plan)
        with observer:
            for image in images:
                observer.restart()
                self.network(image)
        self.set_ranges(observer.ranges())
        self.network.train(training)

    def at(self, share: float) -> None:
        """Take the state of a training of which ``share`` (0..1) is done: whether batch norms still move."""
        if share >= self.recipe.freeze_after:
            for module in self.network.modules():
                if isinstance(module, NORMS):
                    module.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the int8 graph; shapes are those of the network."""
        with _FakeQuantizing(self, self._plan):
            logits: Tensor = self.network(images)
        return logits

    def forward_train(self, images: Tensor) -> TrainOutput:
        """Return what the network returns, computed in int8 up to its heads."""
        with _FakeQuantizing(self, self._train_plans[self.network.training]):
            return self.network.forward_train(images)


class _FakeQuantizing(CountedCalls):
    """One pass of a network in int8."""

    def __init__(self, owner: FakeQuantized, plan: Plan) -> None:
        super().__init__()
        self._plan, self._names = plan, weights_of(owner.network)
        self._norms = {layer.norm for layer in plan.layers.values()} - {None}
        self._modules = dict(owner.network.named_modules())
        low, high = owner.bounds()
        self._bounds = dict(zip(owner.sites, zip(low.unbind(), high.unbind(), strict=True), strict=True))
        steps, _ = grid(low.detach(), high.detach())
        self._steps = dict(zip(owner.sites, steps.unbind(), strict=True))
        self._rounded: dict[str, Tensor] = {}

    def made(self, number: int, result: Tensor) -> Tensor:
        site = self._plan.sites.get(number)
        if site is None:
            return result
        self._rounded[site] = round_activation(result, *self._bounds[site])
        return self._rounded[site]

    def call(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = getattr(func, "__name__", "")
        # torch hands the parameters of a batch norm on by keyword.
        if name == "batch_norm" and self._folded(kwargs.get("weight")):
            return args[0]
        if name in CONVOLUTIONS or name == "linear":
            layer = self._names.get(id(args[1]))
            if layer is not None and layer in self._plan.layers:
                return self._layer(func, layer, name, args)
        return func(*args, **kwargs)

    def _folded(self, weight: Tensor | None) -> bool:
        name = self._names.get(id(weight))
        return name in self._norms and not self._modules[name].training

    def _layer(self, func: Callable[..., Any], name: str, kind: str, args: tuple[Any, ...]) -> Tensor:
        values, weight, bias, *rest = args
        layer = self._plan.layers[name]
        if values is not self._rounded.get(layer.source):
            raise RecipeError(f"qat: {name} reads another tensor in training than when it was planned")
        norm = self._modules[layer.norm] if layer.norm is not None else None
        factor = None
        if norm is not None:
            factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            factor = torch.where(factor.abs() < SMALLEST, SMALLEST, factor)
            weight = weight * factor.view(-1, *[1] * (weight.ndim - 1))
        step = weight_step(weight)
        weight = round_weight(weight, step)
        if norm is not None and factor is not None and norm.training:
            # Rounded as folded with the running statistics, then unfolded: the batch's own follow (Jacob et al. 2018).
            plain: Tensor = func(values, weight, None, *rest)
            plain = plain / factor.view(1, -1, *[1] * (plain.ndim - 2))
            return plain if bias is None else plain + bias.view(1, -1, *[1] * (plain.ndim - 2))
        if norm is not None:
            shift = norm.running_mean if bias is None else norm.running_mean - bias
            bias = norm.bias - shift * factor
        if kind in CONVOLUTIONS and bias is not None:
            bias = round_bias(bias, self._steps[layer.source] * step)
        result: Tensor = func(values, weight, bias, *rest)
        return result


class _Measuring(CountedCalls):
    """Observes the sites of fp32 passes."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._sites = plan.sites
        self._observers = {
            site: HistogramObserver(dtype=torch.quint8, qscheme=torch.per_tensor_affine) for site in plan.sites.values()
        }

    def restart(self) -> None:
        """Begin another pass."""
        self._count = 0

    def made(self, number: int, result: Tensor) -> Tensor:
        if number in self._sites:
            self._observers[self._sites[number]](result.float().cpu())
        return result

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return smallest and largest value by site; 0 lies between them, or is the smallest."""
        found = {}
        for site, observer in self._observers.items():
            step, zero = (float(value) for value in observer.calculate_qparams())
            found[site] = (0.0 - zero * step, max((255 - zero) * step, SMALLEST))
        return found


def fake_quantized(network: Recogniser, recipe: Recipe, data: Prepared | None = None) -> Recogniser:
    """Return a network that computes in int8, or the network itself if the recipe has no ``[qat]``.

    Args:
        network: The network, on its device.
        recipe: The recipe.
        data: Lines whose ranges it begins with; without, ranges are to be loaded.
    """
    if recipe.qat is None:
        return network
    device = next(network.parameters()).device
    quantised = FakeQuantized(network, recipe.qat, recipe.preprocess).to(device)
    if data is not None:
        chosen = calibration_lines(data.train.lines, recipe.qat.calibration_lines)
        prepared = (prepare(line.gray(), recipe.preprocess) for line in chosen)
        quantised.measure(torch.from_numpy(image).to(device) for image in prepared)
    return quantised


def plain(network: Recogniser) -> Recogniser:
    """Return the network that owns the weights."""
    return network.network if isinstance(network, FakeQuantized) else network


def advance(network: Recogniser, share: float) -> None:
    """Bring a network in training mode into the state after ``share`` (0..1) of the steps."""
    if isinstance(network, FakeQuantized):
        network.at(share)


def learned_ranges(network: Recogniser, recipe: Recipe, data: Prepared) -> dict[str, Any]:
    """Return what the weights record, for the exporter: ``inkport.export.quantize.learned_ranges.Learned``."""
    if not isinstance(network, FakeQuantized):
        return {}
    chosen = calibration_lines(data.train.lines, network.recipe.calibration_lines)
    calibration = describe_lines(chosen, Role.CALIBRATION)
    return {"qat": {"ranges": network.ranges(), "calibration": to_plain(calibration), "recipe": recipe.digest}}


def calibration_lines(lines: Iterable[Line], count: int) -> list[Line]:
    """Choose training lines by their ids alone: data sets take turns, each in the order of its ids' SHA-256.

    A line that is there several times, to weigh more in training, counts once, whatever its copies are called.
    """
    once: dict[str, Line] = {}
    for line in lines:
        once.setdefault(line.content, line)
    sets: dict[str, list[Line]] = defaultdict(list)
    for line in once.values():
        sets[line.dataset].append(line)
    ranked = [
        (turn, name, line)
        for name, some in sets.items()
        for turn, line in enumerate(sorted(some, key=lambda line: hashlib.sha256(line.id.encode()).hexdigest()))
    ]
    return [line for _, _, line in sorted(ranked, key=lambda item: item[:2])[:count]]
