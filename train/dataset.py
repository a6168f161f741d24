"""Training lines in memory, and which of them each step sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inkport.core.charset import Charset
from inkport.core.errors import RecipeError
from inkport.core.preprocess import PreprocessSpec
from inkport.lines.audit import Audit
from inkport.train.device import send


@dataclass(frozen=True)
class Batch:
    """Some lines on one canvas; all but the images lies on the host."""

    images: Tensor
    """uint8 (n, 1, h, w), padded right with the background."""
    widths: Tensor
    """int64 (n,): columns of each image that belong to the line."""
    targets: Tensor
    """int64 (sum of lengths,): labels, one line after the other."""
    lengths: Tensor
    """int64 (n,): labels per line; 0 for a line without a transcription."""
    needed: Tensor
    """int64 (n,): frames that CTC needs at the least."""
    indices: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    """int64 (n,): which line of ``TrainingLines`` each one is."""
    partners: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    """int64 (n,): which line follows it in the same image; -1 for none."""

    def views(self, count: int) -> Batch:
        """Return the batch with its targets ``count`` times over; the images, which augmentation copies, stay."""
        if count == 1:
            return self
        told = (self.widths, self.targets, self.lengths, self.needed, self.indices, self.partners)
        return Batch(self.images, *(tensor.repeat(count) for tensor in told))


class TrainingLines:
    """All training images at the network's height as uint8, with their labels.

    Images lie in one tensor of columns, one line after the other, so that a batch is one gathering of columns,
    wherever the tensor lies. Its first 256 columns are even: column v has the gray v.

    Args:
        audit: Usable lines with their prepared images.
        charset: Encodes the texts.
        spec: The preprocessing that made the images; undone here up to 8-bit rounding.
        unlabelled: Lines without a transcription, which come after the others.
    """

    def __init__(
        self, audit: Audit, charset: Charset, spec: PreprocessSpec, *, unlabelled: Audit | None = None
    ) -> None:
        self.background = spec.background_level
        self.gap = spec.width_multiple
        self.space = charset.symbols.index(" ") + 1 if " " in charset.symbols else None
        self.labels = [np.array(charset.encode(line.text), dtype=np.int64) for line in audit.lines]
        self.unlabelled = 0 if unlabelled is None else len(unlabelled.lines)
        self.labels += [np.zeros(0, dtype=np.int64)] * self.unlabelled
        inputs = [*audit.inputs, *([] if unlabelled is None else unlabelled.inputs)]
        self.widths = np.array([prepared.shape[3] for prepared in inputs], dtype=np.int64)
        self.starts = 256 + np.concatenate([[0], np.cumsum(self.widths)])[: len(inputs)]
        columns = np.empty((256 + int(self.widths.sum()), spec.height), np.uint8)
        columns[:256] = np.arange(256, dtype=np.uint8)[:, None]
        self.images: list[npt.NDArray[np.uint8]] = []
        """uint8 (h, w) each, without a copy."""
        for start, width, prepared in zip(self.starts, self.widths, inputs, strict=True):
            columns[start : start + width] = _to_uint8(prepared, spec).T
            self.images.append(columns[start : start + width].T)
        self.columns = torch.from_numpy(columns)
        self.papers = np.array([np.bincount(image.ravel()).argmax() for image in self.images], dtype=np.int64)
        """int64 (n,): the most frequent gray of each line, which is that of its paper."""

    def __len__(self) -> int:
        return len(self.images)

    def move(self, device: torch.device, *, free: int) -> None:
        """Hold the images on a device, where batches are made from then on.

        Args:
            device: Where to.
            free: Bytes that are free there; images may take half of them, since the training needs the rest.

        Raises:
            RecipeError: If there is not enough memory.
        """
        size = self.columns.numel()
        if size > free // 2:
            raise RecipeError(
                f"the images of {len(self)} lines take {size >> 20} MiB, the device has {free >> 20} MiB free, and "
                "half of that is left to the training",
                remedy="set data.resident = false: the images stay in the host's memory, each batch is copied",
            )
        self.columns = self.columns.to(device)

    def batch(self, indices: Iterable[int], partners: Iterable[int] = ()) -> Batch:
        """Gather lines onto one canvas, as wide as the widest.

        Args:
            indices: Which lines.
            partners: For each of them, the line that follows it in the same image, a gap of paper between them and a
                space between their texts; -1 for none. Nothing at all: each line stands alone.
        """
        chosen = [int(i) for i in indices]
        seconds = [int(i) for i in partners] or [-1] * len(chosen)
        rows = [self._columns_of(*pair) for pair in zip(chosen, seconds, strict=True)]
        labels = [self._labels_of(*pair) for pair in zip(chosen, seconds, strict=True)]
        index = np.full((len(rows), max(map(len, rows))), self.background, np.int64)
        for place, row in zip(index, rows, strict=True):
            place[: len(row)] = row
        there = send(torch.from_numpy(index.ravel()), self.columns.device)
        canvas = self.columns.index_select(0, there).view(*index.shape, -1).transpose(1, 2).contiguous()
        needed = [len(y) + int((y[1:] == y[:-1]).sum()) for y in labels]
        return Batch(
            canvas.unsqueeze(1),
            torch.tensor([len(row) for row in rows]),
            torch.from_numpy(np.concatenate(labels)),
            torch.tensor([len(y) for y in labels]),
            torch.tensor(needed),
            torch.tensor(chosen),
            torch.tensor(seconds),
        )

    def _columns_of(self, line: int, partner: int) -> npt.NDArray[np.int64]:
        own = np.arange(self.starts[line], self.starts[line] + self.widths[line])
        if partner < 0:
            return own
        half = self.gap // 2
        papers = np.repeat([self.papers[line], self.papers[partner]], [half, self.gap - half])
        return np.concatenate([own, papers, self._columns_of(partner, -1)])

    def _labels_of(self, line: int, partner: int) -> npt.NDArray[np.int64]:
        if partner < 0:
            return self.labels[line]
        return np.concatenate([self.labels[line], [self.space], self.labels[partner]])


def _to_uint8(prepared: npt.NDArray[np.float32], spec: PreprocessSpec) -> npt.NDArray[np.uint8]:
    gray = prepared[0, 0] * spec.std + spec.mean
    return np.rint(255 * gray).clip(0, 255).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class Join:
    """Which lines are followed by another one in the same image."""

    probability: float
    """Probability that a line is, where both fit."""
    gap: int
    """Columns between them."""
    labelled: int
    """How many lines, the first ones, have a transcription; others stand alone."""


class Sampler:
    """Which lines step ``s`` sees: a function of the seed and the step alone, so a resumed run is the same run.

    Each epoch shuffles all lines, sorts them by width within pools of ``pool`` batches (little padding, still
    random neighbours), and shuffles the batches. With ``join``, a line may get a partner, as long as both together
    are no wider than the widest line; it keeps its turn, and is sorted by the width of both.
    """

    def __init__(
        self, widths: npt.NDArray[np.int64], batch: int, seed: int, pool: int = 32, *, join: Join | None = None
    ) -> None:
        self.widths, self.size, self.seed, self.pool = widths, min(batch, len(widths)), seed, pool
        self.join = join
        self.per_epoch = max(1, len(widths) // self.size)

    def step(self, step: int) -> npt.NDArray[np.int64]:
        """Return the indices of the lines of a step (counted from 0), int64 (batch,)."""
        return self._at(step)[0]

    def partners(self, step: int) -> npt.NDArray[np.int64]:
        """Return the lines that follow them, int64 (batch,), -1 for none."""
        return self._at(step)[1]

    def _at(self, step: int) -> npt.NDArray[np.int64]:
        epoch, position = divmod(step, self.per_epoch)
        return self._epoch(epoch)[position]

    @lru_cache(maxsize=1)  # noqa: B019 - one sampler lives as long as the run
    def _epoch(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.widths))[: self.per_epoch * self.size]
        partners, widths = self._pair(order, epoch)
        pairs = np.stack([order, partners])
        batches: list[npt.NDArray[np.int64]] = []
        for start in range(0, len(order), self.pool * self.size):
            chunk = pairs[:, start : start + self.pool * self.size]
            chunk = chunk[:, np.argsort(widths[start : start + self.pool * self.size], kind="stable")]
            batches += np.split(chunk, chunk.shape[1] // self.size, axis=1)
        return [batches[i] for i in rng.permutation(len(batches))]

    def _pair(self, order: npt.NDArray[np.int64], epoch: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the partner of each line, or -1, and the width of both."""
        alone = self.widths[order]
        if self.join is None:
            return np.full(len(order), -1, np.int64), alone
        rng = np.random.default_rng([self.seed, epoch, 1])
        partner = rng.integers(self.join.labelled, size=len(order))
        both = alone + self.join.gap + self.widths[partner]
        joined = (rng.random(len(order)) < self.join.probability) & (both <= self.widths.max())
        joined &= order < self.join.labelled
        return np.where(joined, partner, -1), np.where(joined, both, alone)
