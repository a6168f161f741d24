"""What the log calls lines per second and data wait, on a clock that the test moves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.train import loop  # noqa: E402
from inkport.train.device import Group  # noqa: E402
from inkport.train.prepare import prepare_data  # noqa: E402


class Clock:
    now = 0.0

    def takes(self, seconds, result=None):
        def call(*_):
            self.now += seconds
            return result

        return call


@pytest.mark.parametrize("validate_every", [20, 50, 1000])
def test_neither_validations_nor_checkpoints_count(tmp_path, toy_recipe, monkeypatch, validate_every):
    recipe = toy_recipe(validate_every=validate_every, checkpoint_every=30, optim={"steps": 120, "batch": 4})
    entries, clock = [], Clock()
    run = loop.Trainer(recipe, prepare_data(recipe, tmp_path), tmp_path / "run", group=Group(), report=entries.append)
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(run, "lines", SimpleNamespace(batch=clock.takes(0.5, SimpleNamespace(lengths=[1] * 4))))
    monkeypatch.setattr(run, "_update", clock.takes(1.5, torch.zeros(())))
    monkeypatch.setattr(run, "_validate", clock.takes(300.0))
    monkeypatch.setattr(run, "_save", clock.takes(100.0))
    run.run()
    # Four lines in two seconds, a quarter of which the batch was waited for.
    assert [(e["step"], e["lines_per_s"], e["data_wait"]) for e in entries] == [
        (50, 2, 0.25),
        (100, 2, 0.25),
        (120, 2, 0.25),
    ]
