"""Sessions with scripted costs, on a clock of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inkport.benchmarks.run.environment import Conditions
from inkport.benchmarks.run.noise import NoiseMeter


STILL = Conditions(governor=None, frequency_mhz=None, temperature_c=None, load_1min=None)


class World:
    """A clock, and what moves it."""

    def __init__(self) -> None:
        self.now = 0

    def clock(self) -> int:
        return self.now

    def session(self, cost: Callable[[np.ndarray], float], fail_at: int = 0) -> Scripted:
        return Scripted(self, cost, fail_at)

    def meter(self, load_ns: Callable[[], float] = lambda: 1e6) -> NoiseMeter:
        def load() -> None:
            self.now += int(load_ns())

        return NoiseMeter(load=load, conditions=lambda: STILL, clock=self.clock)


class Scripted:
    """Takes as many nanoseconds as its script says."""

    def __init__(self, world: World, cost: Callable[[np.ndarray], float], fail_at: int) -> None:
        self.world, self.cost, self.fail_at = world, cost, fail_at
        self.shapes: list[tuple[int, int]] = []

    def run(self, images: np.ndarray) -> np.ndarray:
        self.shapes.append((len(images), images.shape[3]))
        if len(self.shapes) == self.fail_at:
            raise ValueError("driver fell over")
        self.world.now += int(self.cost(images))
        return images

    def close(self) -> None:
        pass


@pytest.fixture
def world():
    return World()


@pytest.fixture
def inputs():
    return [np.zeros((1, 1, 8, width), dtype=np.float32) for width in (32, 64, 64, 96, 160, 320)]
