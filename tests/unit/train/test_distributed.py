from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train.distributed import Group  # noqa: E402


WORKER = """
import json, torch
from inkport.train.distributed import join, leave
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
print(json.dumps([gradients, network[1].running_mean.tolist(), group.leads, shared, whole]))
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
        gradients, mean, leads, shared, whole = json.loads(output.splitlines()[-1])
        assert gradients == [[1.5, 1.5], [1.5], [1.5], [1.5]]
        assert mean == [5.0]
        assert leads == (rank == 0)
        # Half of the batch each, and the gradient of the whole batch on both.
        assert shared == pytest.approx(whole, rel=1e-5)


def test_alone_nothing_is_averaged():
    network = torch.nn.Linear(1, 1)
    Group().average(network)
    assert network.weight.grad is None
