"""A session that breaks its contract fails where it breaks, with a sentence that names it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from inkport.core.errors import ArtifactCorruptError, RuntimeExecutionError, SpecMismatchError, UsageError
from inkport.core.runtime import CheckedSession, Session, SessionOptions


class Returns:
    """A session that returns what it was told to."""

    def __init__(self, result):
        self.result, self.closed = result, 0

    def run(self, images):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def close(self):
        self.closed += 1


IMAGES = np.zeros((2, 1, 48, 64), dtype=np.float32)
GOOD = np.zeros((2, 16, 8), dtype=np.float32)


def checked(spec, result):
    return CheckedSession(Returns(result), spec, label="acme on npu")


def test_good_logits_pass_through(toy_spec):
    assert checked(toy_spec, GOOD).run(IMAGES) is GOOD


@pytest.mark.parametrize(
    "images",
    [
        IMAGES[0],
        IMAGES.astype(np.float64),
        np.zeros((2, 3, 48, 64), dtype=np.float32),
        np.zeros((2, 1, 64, 64), dtype=np.float32),
        np.zeros((0, 1, 48, 64), dtype=np.float32),
        np.zeros((1, 1, 48, 65), dtype=np.float32),
    ],
)
def test_images_that_the_recogniser_does_not_take_never_reach_the_engine(toy_spec, images):
    with pytest.raises(SpecMismatchError):
        checked(toy_spec, AssertionError("reached")).run(images)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (GOOD[:1], "drops the batch: 1 lines come back for 2"),
        (GOOD.astype(np.float64), "returns a float64 array, expected a float32 array"),
        (GOOD[:, :15], "returns 15 frames, the stride gives 16"),
        (GOOD.tolist(), "returns a list, expected a float32 array"),
        (None, "returns a NoneType"),
        (np.full_like(GOOD, math.nan), "returns NaN or infinity"),
        (ZeroDivisionError("boom"), r"failed on images \(2, 1, 48, 64\): boom"),
    ],
)
def test_what_comes_back_is_checked(toy_spec, result, message):
    with pytest.raises(RuntimeExecutionError, match=f"acme on npu: .*{message}"):
        checked(toy_spec, result).run(IMAGES)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (1, 7, 3), (-1, -1, -1)])
def test_a_single_value_that_is_not_finite_is_seen_wherever_it_is(toy_spec, value, place):
    logits = GOOD.copy()
    logits[place] = value
    with pytest.raises(RuntimeExecutionError, match="acme on npu: returns NaN or infinity"):
        checked(toy_spec, logits).run(IMAGES)


def test_errors_of_ours_pass_through(toy_spec):
    with pytest.raises(ArtifactCorruptError, match="ours"):
        checked(toy_spec, ArtifactCorruptError("ours")).run(IMAGES)


def test_the_block_closes_the_session(toy_spec):
    session = checked(toy_spec, GOOD)
    with session as inside:
        assert inside is session
    assert session.session.closed == 1


def test_a_plain_class_is_a_session():
    assert isinstance(Returns(GOOD), Session)


def test_impossible_options_are_refused():
    with pytest.raises(UsageError, match="threads must be at least 1, found 0"):
        SessionOptions(threads=0)
    with pytest.raises(UsageError, match=r"\['b'\] are not known to this runtime\nfix: it knows a"):
        SessionOptions(extra={"a": "1", "b": "2"}).check_extra("a")
    SessionOptions(extra={"a": "1"}).check_extra("a")
