"""Optimisers of the network and of what trains beside it, the learning-rate schedule, and the moving average."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from inkport.train.device import Group
from inkport.train.recipe import OptimiserKind, OptimRecipe


MUON_MOMENTUM = 0.95
"""Muon's momentum, as published."""
MUON_MIN_SIDE = 16
"""Least rows and columns of a matrix that Muon moves; a thinner one (a stem, a depthwise filter) has no spectrum."""


class Optimiser:
    """AdamW, alone or beside Muon, as one.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) orthogonalises the momentum of hidden
    matrices; filters count as matrices (outputs, inputs * taps), as there. Its rate is scaled to AdamW's update
    size (Liu et al. 2025, arXiv 2502.16982), so that one rate serves both. Input and output layers, biases and
    norms stay with AdamW.

    Args:
        network: What to train; lies where it stays, because Muon sees its filters as views.
        recipe: Settings.
    """

    def __init__(self, network: nn.Module, recipe: OptimRecipe) -> None:
        muon = recipe.optimiser is OptimiserKind.MUON
        outputs = {id(m.weight) for m in network.modules() if isinstance(m, nn.Linear) and _is_output(network, m)}
        hidden = [p for p in network.parameters() if muon and p.ndim > 1 and id(p) not in outputs and _is_wide(p)]
        self._pairs = [(p, nn.Parameter(_as_matrix(p.detach()))) for p in hidden]
        taken = {id(p) for p in hidden}
        rest = [p for p in network.parameters() if id(p) not in taken]
        decayed, plain = [p for p in rest if p.ndim > 1], [p for p in rest if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self._parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.99), fused=True)
        ]
        if self._pairs:
            self._parts.append(
                torch.optim.Muon(
                    [matrix for _, matrix in self._pairs],
                    lr=recipe.lr,
                    weight_decay=recipe.weight_decay,
                    momentum=MUON_MOMENTUM,
                    adjust_lr_fn="match_rms_adamw",
                )
            )

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all parts: rates are set here."""
        return [group for part in self._parts for group in part.param_groups]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for part in self._parts:
            part.zero_grad()
        for parameter, _ in self._pairs:
            parameter.grad = None

    def step(self) -> None:
        """Move the weights along the gradients that lie on the network's parameters."""
        for parameter, matrix in self._pairs:
            matrix.grad = None if parameter.grad is None else _as_matrix(parameter.grad)
        for part in self._parts:
            part.step()

    def tensors(self) -> dict[str, Tensor]:
        """Return the state, named ``<part>.<parameter>.<key>``."""
        return {f"{number}.{name}": v for number, part in enumerate(self._parts) for name, v in _moments(part).items()}

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what ``tensors`` returned."""
        for number, part in enumerate(self._parts):
            _load_moments(part, tensors, prefix=f"{number}.")


def _moments(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the state, named ``<parameter>.<key>``."""
    states = optimiser.state_dict()["state"].items()
    return {f"{index}.{key}": value for index, state in states for key, value in state.items()}


def _load_moments(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor], *, prefix: str) -> None:
    """Restore what ``_moments`` returned, from among other tensors."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix):
            index, key = name.removeprefix(prefix).split(".", 1)
            like = parameters[int(index)]
            # The fused update walks memory in order, so a moment must lie in memory as its parameter does.
            laid_out = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape else tensor
            state.setdefault(int(index), {})[key] = laid_out
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _is_output(network: nn.Module, layer: nn.Linear) -> bool:
    classes = getattr(getattr(network, "config", None), "classes", None)
    return layer.out_features == classes


def _is_wide(parameter: Tensor) -> bool:
    return min(len(parameter), parameter[0].numel()) >= MUON_MIN_SIDE


def _as_matrix(tensor: Tensor) -> Tensor:
    """View filters (out, in, h, w), channels last in memory, as (out, h * w * in); other tensors as (out, rest).

    Raises:
        RuntimeError: If the memory does not allow a view.
    """
    if tensor.ndim == 4 and not tensor.is_contiguous():
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.view(len(tensor), -1)


def learning_rate(step: int, recipe: OptimRecipe) -> float:
    """Return the rate of a step counted from 0: linear warm-up, then half a cosine down to 0."""
    warmup = max(1, round(recipe.warmup * recipe.steps))
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    progress = (step - warmup) / max(1, recipe.steps - warmup)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class MovingAverage:
    """Exponential moving average of a network's whole state, batch-norm statistics included."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network; the decay ramps up as min(decay, (1 + step) / (10 + step))."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            average = self.state[name]
            if average.is_floating_point():
                average.lerp_(tensor, weight)
            else:
                average.copy_(tensor)

    def tensors(self) -> dict[str, Tensor]:
        """Return the averaged state."""
        return self.state


@contextmanager
def at_worst_nearby(network: nn.Module, radius: float) -> Iterator[None]:
    """Move a network along its gradient for a while: the gradient that counts is that of the worst point nearby.

    Inside, the parameters lie ``radius`` away, in the direction of the gradient that they had before. Afterwards
    parameters and buffers (batch-norm statistics) are, to the bit, what they were; gradients are those made inside.

    Args:
        network: With gradients.
        radius: Euclidean distance over all parameters together, above 0.

    Source:
        Foret et al., *Sharpness-Aware Minimization for Efficiently Improving Generalization* (ICLR 2021, arXiv
        2010.01412), with one direction for all processes of a run.
    """
    moved = [(p, p.grad) for p in network.parameters() if p.grad is not None]
    kept = [p.detach().clone() for p, _ in moved]
    buffers = [b.clone() for b in network.buffers()]
    with torch.no_grad():
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for _, gradient in moved]))
        scale = radius / (norm + 1e-12)
        for parameter, gradient in moved:
            parameter.add_(gradient * scale)
    try:
        yield
    finally:
        with torch.no_grad():
            for (parameter, _), before in zip(moved, kept, strict=True):
                parameter.copy_(before)
            for buffer, before in zip(network.buffers(), buffers, strict=True):
                buffer.copy_(before)


class TrainedObjectives:
    """The objectives that are modules, with an AdamW of their own.

    Args:
        objectives: All objectives by name; those that are no ``nn.Module`` or have no parameters are left alone.
        recipe: Settings of the network's optimiser, of which rate, decay and clipping hold here too.
    """

    def __init__(self, objectives: Mapping[str, object], recipe: OptimRecipe) -> None:
        found = {name: module for name, module in objectives.items() if isinstance(module, nn.Module)}
        self.modules = nn.ModuleDict({name: m for name, m in found.items() if any(True for _ in m.parameters())})
        self._clip = recipe.clip
        self._optimiser = None
        if len(self.modules):
            self._optimiser = torch.optim.AdamW(
                self.modules.parameters(), lr=recipe.lr, betas=(0.9, 0.99), weight_decay=recipe.weight_decay, fused=True
            )

    def zero_grad(self) -> None:
        """Forget all gradients."""
        if self._optimiser is not None:
            self._optimiser.zero_grad()

    def step(self, lr: float, group: Group) -> None:
        """Move the parameters along their gradients: averaged over all processes, clipped apart from the network's."""
        if self._optimiser is not None:
            group.average(self.modules)
            nn.utils.clip_grad_norm_(self.modules.parameters(), self._clip)
            for parameters in self._optimiser.param_groups:
                parameters["lr"] = lr
            self._optimiser.step()

    def tensors(self) -> dict[str, Tensor]:
        """Return the state, for a checkpoint; empty if there is nothing to train."""
        if self._optimiser is None:
            return {}
        moments = {f"moments.{name}": v for name, v in _moments(self._optimiser).items()}
        return {f"modules.{name}": v for name, v in self.modules.state_dict().items()} | moments

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what ``tensors`` returned."""
        if self._optimiser is None:
            return
        prefix = "modules."
        self.modules.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        _load_moments(self._optimiser, tensors, prefix="moments.")
