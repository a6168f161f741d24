"""Largest numbers that may be asked for."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.core.config import LARGEST_SEED, MOST_THREADS, require_seed, require_threads
from inkport.core.errors import RecipeError, UsageError


def test_every_generator_takes_the_seeds_that_pass():
    torch = pytest.importorskip("torch", reason="one of the generators is torch's")
    for seed in (0, LARGEST_SEED):
        require_seed(seed)
        np.random.RandomState(seed)
        np.random.default_rng([seed, 1])
        torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1])
def test_other_seeds_are_refused(seed):
    with pytest.raises(RecipeError, match=f"found {seed}"):
        require_seed(seed)


@pytest.mark.parametrize("threads", [-1, 0, MOST_THREADS + 1])
def test_threads_that_nothing_runs_are_refused(threads):
    with pytest.raises(UsageError, match=f"jobs must be at .*, found {threads}$"):
        require_threads(threads, "jobs")
    require_threads(1)
    require_threads(MOST_THREADS)
