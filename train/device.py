"""The processes of a training, started by torchrun, and tensors on their way to the device of each.

Gradients and batch-norm statistics are averaged after every step in one flat vector: a network this small
gains nothing from overlapping, and plain averaging keeps every process's state equal and a resume exact.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from inkport.core.errors import UsageError
from inkport.model.recogniser import Recogniser, TrainOutput


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the host on the device, without waiting for what the device still has to do.

    A plain ``to`` waits for all of it, once per copy. Ordinary memory is copied aside before this returns, so that
    the caller may do with it what it likes.
    """
    return tensor.to(device, non_blocking=True)


def compiled(network: Recogniser) -> Callable[[Tensor], TrainOutput]:
    """Return the network's training pass, compiled on its first call for all widths at once.

    Its gradients may differ from those of the plain pass in the last bits; runs of one machine and one torch agree.
    """
    run: Callable[[Tensor], TrainOutput] = torch.compile(network.forward_train, dynamic=True)
    return run


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

    def gather(self, value: int) -> list[int]:
        """Return what each process gave, by rank."""
        if self.size == 1:
            return [value]
        given = torch.zeros(self.size, dtype=torch.int64, device="cuda" if dist.get_backend() == "nccl" else "cpu")
        given[self.rank] = value
        dist.all_reduce(given)
        found: list[int] = given.tolist()
        return found

    def wait(self) -> None:
        """Return when every process has come this far."""
        if self.size > 1:
            dist.barrier()


def join() -> Group:
    """Join the group that torchrun announces in the environment, or be alone; on GPUs, each process takes its own.

    Raises:
        UsageError: If this machine has more processes than GPUs.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Group()
    if torch.cuda.is_available():
        _take_gpu(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return Group(rank=dist.get_rank(), size=size)


def _take_gpu(place: int) -> None:
    """Make the GPU with the number of this process on its machine the current one."""
    there = torch.cuda.device_count()
    if place >= there:
        raise UsageError(
            f"process {place} of this machine, counted from 0, finds {there} GPUs and needs one of its own",
            remedy=f"torchrun --nproc-per-node {there}",
        )
    torch.cuda.set_device(place)


def leave(group: Group) -> None:
    """Leave what ``join`` joined."""
    if group.size > 1:
        dist.destroy_process_group()
