"""Tensor files: numpy reads them, and foreign or lying ones are refused."""

from __future__ import annotations

import io

import numpy as np
import pytest

from inkport.benchmarks.run.kit.tensors import BYTES, FLOATS, from_npy, to_npy
from inkport.core.errors import ArtifactCorruptError


@pytest.mark.parametrize("shape", [(3, 5), (1, 1, 48, 64), (1, 0, 7), (4,), ()])
def test_numpy_reads_what_is_written_and_the_other_way_round(shape, rng):
    array = rng.normal(size=shape).astype(np.float32)
    loaded = np.load(io.BytesIO(to_npy(array)), allow_pickle=False)
    assert loaded.dtype.str == "<f4"
    np.testing.assert_array_equal(loaded, array)
    found = from_npy(to_npy(array), name="x")
    np.testing.assert_array_equal(found, array)
    assert found.flags.writeable


def test_order_in_memory_does_not_matter(rng):
    array = rng.normal(size=(5, 7)).astype(np.float32)
    assert to_npy(np.asfortranarray(array)) == to_npy(array)
    assert to_npy(array.astype(">f4")) == to_npy(array)


def test_values_that_are_not_finite_are_kept_for_the_judgement():
    found = from_npy(to_npy(np.array([1, np.nan, np.inf], np.float32)), name="x")
    assert np.isnan(found[1])
    assert np.isinf(found[2])


def test_bytes_stay_bytes_where_they_are_taken(rng):
    array = rng.integers(0, 256, (48, 64), dtype=np.uint8)
    data = to_npy(array)
    assert np.load(io.BytesIO(data)).dtype == np.uint8
    for dtypes in ((BYTES,), (FLOATS, BYTES)):
        found = from_npy(data, name="x", dtypes=dtypes)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, array)
    with pytest.raises(ArtifactCorruptError, match="expected little-endian float32 values in an"):
        from_npy(data, name="x")
    with pytest.raises(ArtifactCorruptError, match="expected bytes in an"):
        from_npy(to_npy(array.astype(np.float32)), name="x", dtypes=(BYTES,))


def saved(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"junk" * 50,
        saved(np.zeros(3)),
        saved(np.zeros((2, 3), ">f4")),
        saved(np.asfortranarray(np.zeros((2, 3), np.float32))),
        to_npy(np.zeros((2, 3), np.float32))[:-1],
        to_npy(np.zeros((2, 3), np.float32)) + b"x",
        to_npy(np.zeros((2, 3), np.float32)).replace(b"(2, 3)", b"(9**99, 3)"),
        to_npy(np.zeros((2, 300), np.float32)).replace(b"(2, 300)", b"(2e9, 9)"),
        to_npy(np.zeros((2, 300000), np.float32))[:128].replace(b"(2, 300000)", b"(2000, 900)"),
    ],
    ids=range(11),
)
def test_anything_else_is_refused(data):
    with pytest.raises(ArtifactCorruptError, match=r"^x: .*expected little-endian float32"):
        from_npy(data, name="x")
