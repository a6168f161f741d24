from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.errors import CheckpointError, RecipeError, UsageError  # noqa: E402
from inkport.train.device import Group, join  # noqa: E402
from inkport.train.loop import Trainer  # noqa: E402
from inkport.train.prepare import prepare_data  # noqa: E402


WORKER = """
import json, torch
from inkport.train.device import join, leave
group = join()
network = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
for parameter in network.parameters():
    parameter.grad = torch.full_like(parameter, float(group.rank + 1))
network[1].running_mean.fill_(10.0 * group.rank)
group.average(network)
gradients = [p.grad.flatten().tolist() for p in network.parameters()]
torch.manual_seed(0)
reader, lines = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.GELU(), torch.nn.Linear(5, 1)), torch.randn(8, 3)
reader(lines[group.rank :: group.size]).square().mean().backward()
group.average(reader)
shared = torch.cat([p.grad.flatten() for p in reader.parameters()]).tolist()
reader.zero_grad()
reader(lines).square().mean().backward()
whole = torch.cat([p.grad.flatten() for p in reader.parameters()]).tolist()
steps = group.gather(10 * group.rank + 1)
print(json.dumps([gradients, network[1].running_mean.tolist(), group.leads, shared, whole, steps]))
leave(group)
"""


def test_two_processes_end_with_the_mean_gradient_and_statistics():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    meeting = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER], env=meeting | {"RANK": rank}, stdout=subprocess.PIPE, text=True
        )
        for rank in "01"
    ]
    for rank, worker in enumerate(workers):
        output, _ = worker.communicate(timeout=240)
        assert worker.returncode == 0
        gradients, mean, leads, shared, whole, steps = json.loads(output.splitlines()[-1])
        assert gradients == [[1.5, 1.5], [1.5], [1.5], [1.5]]
        assert mean == [5.0]
        assert leads == (rank == 0)
        assert steps == [1, 11]
        # Half of the batch each, and the gradient of the whole batch on both.
        assert shared == pytest.approx(whole, rel=1e-5)


def test_alone_nothing_is_averaged():
    network = torch.nn.Linear(1, 1)
    Group().average(network)
    assert network.weight.grad is None
    assert Group().gather(7) == [7]


@pytest.fixture
def machine(monkeypatch):
    """A machine with two GPUs, whose calls are written down."""
    calls = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda place: calls.append(("gpu", place)))
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend: calls.append(("group", backend)))
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 3)
    monkeypatch.setenv("WORLD_SIZE", "4")
    return calls


def test_each_process_takes_the_gpu_of_its_number_on_its_machine(machine, monkeypatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert join() == Group(rank=3, size=4)
    assert machine == [("gpu", 1), ("group", "nccl")]


def test_more_processes_than_gpus_are_refused(machine, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UsageError, match="finds 2 GPUs") as error:
        join()
    assert error.value.remedy == "torchrun --nproc-per-node 2"
    assert machine == []


def test_processes_that_would_go_on_from_different_steps_are_stopped(trainer, monkeypatch):
    monkeypatch.setattr(Group, "gather", lambda _, step: [step, step + 250])
    with pytest.raises(CheckpointError, match=r"different steps: \[0, 250\]"):
        trainer(batch=4, processes=2)


def test_a_batch_that_processes_cannot_share_evenly_is_refused(trainer):
    with pytest.raises(RecipeError, match="3 lines cannot be shared evenly by 2"):
        trainer(batch=3, processes=2)


@pytest.fixture
def trainer(tmp_path, toy_recipe):
    def make(batch, processes=1):
        recipe = toy_recipe(optim={"steps": 2, "batch": batch})
        group = Group(size=processes)
        return Trainer(recipe, prepare_data(recipe, tmp_path), tmp_path / "run", group=group, report=[].append)

    return make
