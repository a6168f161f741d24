"""Random numbers of one step's augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True, kw_only=True)
class Generators:
    """Where the random numbers of a step come from."""

    device: Generator
    """On the device of the training."""
    host: Generator
    """On the host; where that is the device, the same one, so that no numbers are drawn twice."""


def generators(device: torch.device, seed: int) -> Generators:
    """Return the generators of a step."""
    there = Generator(device).manual_seed(seed)
    return Generators(device=there, host=there if device.type == "cpu" else Generator().manual_seed(seed))


class Draw:
    """Random numbers per line, shaped to broadcast over (n, 1, h, w).

    Args:
        n: Lines.
        generator: Gives every number.
        device: Of the numbers; the generator's.
    """

    def __init__(self, n: int, generator: Generator, device: torch.device) -> None:
        self.n, self.generator, self.device = n, generator, device

    def uniform(self, *shape: int) -> Tensor:
        """Return numbers in 0 .. 1."""
        return torch.rand(*shape, generator=self.generator, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers."""
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def symmetric(self, limit: float) -> Tensor:
        """(n,), uniform in -limit .. limit."""
        return (2 * self.uniform(self.n) - 1) * limit

    def strength(self, limit: float, probability: float = 0.5) -> Tensor:
        """(n, 1, 1, 1): uniform in 0 .. limit with the given probability, else 0."""
        on = self.uniform(self.n) < probability
        return (self.uniform(self.n) * on * limit).view(-1, 1, 1, 1)
