"""What trains beside the network and is no part of its weights: the parameters of objectives that have some."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inkport.train.distributed import Group
from inkport.train.recipe import OptimRecipe


class Aside:
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
        state = self._optimiser.state_dict()["state"]
        moments = {f"moments.{index}.{key}": v for index, kept in state.items() for key, v in kept.items()}
        return {f"modules.{name}": v for name, v in self.modules.state_dict().items()} | moments

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what ``tensors`` returned."""
        if self._optimiser is None:
            return
        prefix = "modules."
        self.modules.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("moments."):
                _, index, key = name.split(".", 2)
                state.setdefault(int(index), {})[key] = tensor
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": state, "param_groups": groups})
