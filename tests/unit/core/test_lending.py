"""What a session does to its input is seen, and reaches nobody else."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from inkport.core.errors import RuntimeExecutionError
from inkport.core.runtime import CheckedSession, check_returned, lend
from inkport.lines.audit import audit_lines
from inkport.lines.source import read_lines


class Acts:
    """A session that does something to its input, and returns right logits."""

    def __init__(self, spec, act):
        self.spec, self.act = spec, act

    def run(self, images):
        self.act(images)
        return np.zeros((len(images), self.spec.frames(images.shape[3]), self.spec.charset.size), dtype=np.float32)

    def close(self):
        pass


def subtract(images):
    images -= np.float32(0.5)


def unlock(images):
    images.setflags(write=True)
    images[0, 0, 0, 0] = 3


def through_the_address(images):
    ctypes.memset(images.ctypes.data, 0, 4)


def flip_a_sign_of_zero(images):
    images.setflags(write=True)
    images[images == 0] = -0.0


@pytest.mark.parametrize("act", [unlock, through_the_address, flip_a_sign_of_zero])
def test_a_session_that_changes_its_input_is_named_and_the_caller_keeps_the_original(toy_spec, act):
    images = np.ones((2, 1, 48, 64), dtype=np.float32)
    images[1] = 0
    before = images.copy()
    with pytest.raises(RuntimeExecutionError, match="acme: changes its input") as caught:
        CheckedSession(Acts(toy_spec, act), toy_spec, label="acme").run(images)
    assert "copy" in caught.value.remedy
    assert images.tobytes() == before.tobytes()


def test_writing_to_a_read_only_array_is_told_from_other_failures(toy_spec):
    images = np.ones((1, 1, 48, 64), dtype=np.float32)
    with pytest.raises(RuntimeExecutionError, match="acme: wants to write into its input"):
        CheckedSession(Acts(toy_spec, subtract), toy_spec, label="acme").run(images)
    assert (images == 1).all()


def test_what_is_lent_is_a_plain_array_whatever_the_caller_has(rng):
    wide = rng.random((2, 1, 8, 32), dtype=np.float32)
    for images in (wide[..., ::2], wide[..., ::-1], np.asfortranarray(wide)):
        lent = lend(images)
        assert lent.flags.c_contiguous
        assert not lent.flags.writeable
        assert not np.shares_memory(lent, images)
        check_returned(lent, images, label="nobody")


def test_nan_is_no_change(rng):
    images = rng.random((1, 1, 8, 32), dtype=np.float32)
    images[0, 0, 0, 0] = np.nan
    check_returned(lend(images), images, label="nobody")


def test_the_prepared_lines_of_an_audit_are_read_only(lines_folder, toy_spec):
    audit = audit_lines(
        read_lines([lines_folder]), charset=toy_spec.charset, preprocess=toy_spec.preprocess, stride=toy_spec.stride
    )
    for prepared in audit.inputs:
        with pytest.raises(ValueError, match="read-only"):
            prepared[0, 0, 0, 0] = 0
