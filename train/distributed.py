"""Data-parallel training in several processes, started by torchrun.

Gradients and batch-norm statistics are averaged after every step in one flat vector: a network this small
gains nothing from overlapping, and plain averaging keeps every process's state equal and a resume exact.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class Group:
    """The processes of a run."""

    rank: int = 0
    """This process, counted from 0."""
    size: int = 1
    """How many there are."""

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    @torch.no_grad()
    def average(self, network: nn.Module) -> None:
        """Average gradients and floating-point buffers over all processes, in place."""
        if self.size == 1:
            return
        tensors = [p.grad for p in network.parameters() if p.grad is not None]
        tensors += [b for b in network.buffers() if b.is_floating_point()]
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def wait(self) -> None:
        """Return when every process has come this far."""
        if self.size > 1:
            dist.barrier()


def join() -> Group:
    """Join the group that torchrun announces in the environment, or be alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Group()
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return Group(rank=dist.get_rank(), size=size)


def leave(group: Group) -> None:
    """Leave what ``join`` joined."""
    if group.size > 1:
        dist.destroy_process_group()
