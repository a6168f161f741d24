"""Runtimes that read a batch otherwise than its lines are named, whatever their numbers; a right one never is."""

from __future__ import annotations

import re

import numpy as np
import pytest

from inkport.benchmarks.run.batches import check_batch
from inkport.core.errors import RuntimeExecutionError


class Port:
    """Logits that depend on every column of the line; ``change`` is what a batch does to them."""

    def __init__(self, change=lambda logits: logits):
        self.change, self.shapes = change, []

    def run(self, images):
        self.shapes.append(images.shape)
        return self.change(images.reshape(len(images), 6, -1, 4).mean(axis=3).transpose(0, 2, 1))

    def close(self):
        pass


@pytest.fixture
def line(rng):
    return rng.random((1, 1, 6, 32), dtype=np.float32)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda logits: np.repeat(logits[:1], len(logits), axis=0), "drops the batch: the first line's logits come"),
        (lambda logits: logits[::-1], "returns the lines of a batch in another order"),
    ],
)
def test_a_batch_that_is_read_otherwise_is_named(line, change, fault):
    with pytest.raises(RuntimeExecutionError, match=f"acme on npu: {re.escape(fault)}"):
        check_batch(Port(change), line, label="acme on npu")


def test_two_lines_make_a_batch(line):
    port = Port()
    check_batch(port, line, label="acme")
    assert port.shapes == [(1, 1, 6, 32), (1, 1, 6, 32), (2, 1, 6, 32)]


def test_rounding_that_depends_on_the_batch_is_no_fault(line):
    """As engines do that scale int8 by what the whole batch holds."""
    check_batch(Port(lambda logits: np.round(logits / logits.max() * 10)), line, label="acme")


def test_a_line_that_is_its_own_mirror_image_proves_nothing_and_is_no_fault():
    paper = np.ones((1, 1, 6, 32), dtype=np.float32)
    check_batch(Port(lambda logits: logits[::-1]), paper, label="acme")


def test_a_session_that_returns_one_buffer_is_compared_with_what_it_returned(line):
    buffer = np.zeros((2, 8, 6), dtype=np.float32)

    def into_buffer(logits):
        buffer[: len(logits)] = logits
        return buffer[: len(logits)]

    check_batch(Port(into_buffer), line, label="acme")
