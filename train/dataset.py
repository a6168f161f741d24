"""Training lines in memory, and which of them each step sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inkport.core.charset import Charset
from inkport.core.preprocess import PreprocessSpec
from inkport.lines.audit import Audit


@dataclass(frozen=True)
class Batch:
    """Some lines on one canvas."""

    images: Tensor
    """uint8 (n, 1, h, w), padded right with the background."""
    widths: Tensor
    """int64 (n,): columns of each image that belong to the line."""
    targets: Tensor
    """int64 (sum of lengths,): labels, one line after the other."""
    lengths: Tensor
    """int64 (n,): labels per line."""
    needed: Tensor
    """int64 (n,): frames that CTC needs at the least."""


class TrainingLines:
    """All training images at the network's height as uint8, with their labels.

    Args:
        audit: Usable lines with their prepared images.
        charset: Encodes the texts.
        spec: The preprocessing that made the images; undone here up to 8-bit rounding.
    """

    def __init__(self, audit: Audit, charset: Charset, spec: PreprocessSpec) -> None:
        self.background = round(255 * spec.background)
        self.images = [_to_uint8(x, spec) for x in audit.inputs]
        self.labels = [np.array(charset.encode(line.text), dtype=np.int64) for line in audit.lines]
        self.widths = np.array([image.shape[1] for image in self.images])

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Iterable[int]) -> Batch:
        """Gather lines onto one canvas, as wide as the widest."""
        chosen = list(indices)
        images = [self.images[i] for i in chosen]
        labels = [self.labels[i] for i in chosen]
        canvas = np.full(
            (len(chosen), 1, images[0].shape[0], max(x.shape[1] for x in images)), self.background, np.uint8
        )
        for row, image in zip(canvas, images, strict=True):
            row[0, :, : image.shape[1]] = image
        needed = [len(y) + int((y[1:] == y[:-1]).sum()) for y in labels]
        return Batch(
            torch.from_numpy(canvas),
            torch.tensor([x.shape[1] for x in images]),
            torch.from_numpy(np.concatenate(labels)),
            torch.tensor([len(y) for y in labels]),
            torch.tensor(needed),
        )


def _to_uint8(prepared: npt.NDArray[np.float32], spec: PreprocessSpec) -> npt.NDArray[np.uint8]:
    gray = prepared[0, 0] * spec.std + spec.mean
    return np.rint(255 * gray).clip(0, 255).astype(np.uint8)


class Sampler:
    """Which lines step ``s`` sees: a function of the seed and the step alone, so a resumed run is the same run.

    Each epoch shuffles all lines, sorts them by width within pools of ``pool`` batches (little padding, still
    random neighbours), and shuffles the batches.
    """

    def __init__(self, widths: npt.NDArray[np.int64], batch: int, seed: int, pool: int = 32) -> None:
        self.widths, self.size, self.seed, self.pool = widths, min(batch, len(widths)), seed, pool
        self.per_epoch = max(1, len(widths) // self.size)

    def step(self, step: int) -> npt.NDArray[np.int64]:
        """Return the indices of the lines of a step (counted from 0), int64 (batch,)."""
        epoch, position = divmod(step, self.per_epoch)
        return self._epoch(epoch)[position]

    @lru_cache(maxsize=1)  # noqa: B019 - one sampler lives as long as the run
    def _epoch(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.widths))[: self.per_epoch * self.size]
        batches: list[npt.NDArray[np.int64]] = []
        for start in range(0, len(order), self.pool * self.size):
            chunk = order[start : start + self.pool * self.size]
            chunk = chunk[np.argsort(self.widths[chunk], kind="stable")]
            batches += np.split(chunk, len(chunk) // self.size)
        return [batches[i] for i in rng.permutation(len(batches))]
