"""``triangle-v2`` against its definition in fractions, golden vectors, and float32 sums in any order."""

from __future__ import annotations

import json
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from inkport.core.errors import ImageError, SpecError
from inkport.core.preprocess import (
    TRIANGLE_V1,
    TRIANGLE_V2,
    PreprocessSpec,
    normalise,
    prepare,
    prepare_bytes,
    to_bytes,
)
from inkport.core.triangle import MOST_SAMPLES, SHIFT, integer_taps, resample_bytes


GOLDEN = Path(__file__).parents[2] / "golden" / "triangle-v2.json"


def weights(source: int, target: int, shift: int = SHIFT) -> list[list[int]]:
    """The share of each source sample, as the definition has it: a triangle at the target's centre, rounded half up."""
    scale = Fraction(source, target)
    support = max(scale, Fraction(1))
    rows = []
    for j in range(target):
        centre = (j + Fraction(1, 2)) * scale
        shares = [max(Fraction(0), 1 - abs(i + Fraction(1, 2) - centre) / support) for i in range(source)]
        total = sum(shares)
        rows.append([floor(share / total * 2**shift + Fraction(1, 2)) for share in shares])
    return rows


def along_first(image: list[list[int]], target: int, shift: int) -> list[list[int]]:
    return [
        [min(255, (sum(w * row[x] for w, row in zip(line, image, strict=True)) + 2 ** (shift - 1)) >> shift)
         for x in range(len(image[0]))]
        for line in weights(len(image), target, shift)
    ]  # fmt: skip


def oracle(image: np.ndarray, height: int, width: int, shift: int = SHIFT) -> np.ndarray:
    """Python integers from fractions, without an array."""
    low = along_first(image.tolist(), height, shift)
    wide = along_first([list(column) for column in zip(*low, strict=True)], width, shift)
    return np.array(wide, dtype=np.uint8).T


SIDES = st.tuples(st.integers(1, 24), st.integers(1, 24))


@settings(max_examples=40, deadline=None)
@given(SIDES, SIDES, st.integers(0, 2**32 - 1), st.sampled_from([11, 15]))
def test_it_is_the_definition_in_fractions(source, target, seed, shift):
    image = np.random.default_rng(seed).integers(0, 256, source, dtype=np.uint8)
    np.testing.assert_array_equal(resample_bytes(image, *target, shift=shift), oracle(image, *target, shift))


@pytest.mark.parametrize("pair", [(2200, 48), (48, 2200), (1, 1), (1, 48), (48, 1), (917, 688), (MOST_SAMPLES, 3)])
@pytest.mark.parametrize("shift", [11, 15])
def test_taps_are_every_weight_that_is_not_zero(pair, shift):
    source, target = pair
    indices, found = integer_taps(source, target, shift)
    dense = np.zeros((target, source), np.int64)
    np.add.at(dense, (np.arange(target)[None], indices), found)
    i, j = np.arange(source), np.arange(target)[:, None]
    shares = np.maximum(0, 2 * max(source, target) - abs((2 * i + 1) * target - (2 * j + 1) * source))
    total = shares.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(dense, ((shares << (shift + 1)) + total) // (2 * total))


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text())["cases"], ids=lambda case: case["name"])
def test_golden_vectors(case):
    image = np.frombuffer(bytes.fromhex(case["source"]), np.uint8).reshape(case["source_shape"])
    result = np.frombuffer(bytes.fromhex(case["result"]), np.uint8).reshape(case["result_shape"])
    np.testing.assert_array_equal(resample_bytes(image, *result.shape), result)


def test_golden_vectors_hold_what_matters():
    shapes = [
        (tuple(case["source_shape"]), tuple(case["result_shape"])) for case in json.loads(GOLDEN.read_text())["cases"]
    ]
    assert any(source == target for source, target in shapes), "n = m"
    assert any(source[0] < target[0] and source[1] < target[1] for source, target in shapes), "n < m"
    assert any(source[0] == 2200 for source, _ in shapes)
    assert any(source[1] == 1 < target[1] for source, target in shapes), "from a width of 1"
    assert any(source[1] > 1 == target[1] for source, target in shapes), "to a width of 1"


@pytest.mark.parametrize("shift", [11, 15])
def test_float32_sums_in_any_order_give_the_same_bytes(shift, rng):
    """The largest sums there are, of white paper, and noise; in a matrix product, forwards, backwards and shuffled."""
    for source, target in ((2200, 48), (64, 48), (30, 48), (MOST_SAMPLES, 2)):
        indices, found = integer_taps(source, target, shift)
        assert 255 * int(found.sum(axis=0).max()) + 2 ** (shift - 1) < 2**24
        dense = np.zeros((target, source), np.float32)
        np.add.at(dense, (np.arange(target)[None], indices), found.astype(np.float32))
        image = rng.integers(0, 256, (source, 5), dtype=np.uint8)
        image[:, 0] = 255
        for order in (np.arange(source), np.arange(source)[::-1], rng.permutation(source)):
            products = dense[:, order] @ image[order].astype(np.float32)
            result = np.minimum(255, (products.astype(np.int64) + 2 ** (shift - 1)) >> shift)
            np.testing.assert_array_equal(resample_bytes(image, target, 5, shift=shift), result)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (MOST_SAMPLES + 1, 5), (5, MOST_SAMPLES + 1)])
def test_sides_beyond_the_limits_are_refused(shape):
    for source, target in ((shape, (5, 5)), ((5, 5), shape)):
        with pytest.raises(ImageError, match=rf"1 to {MOST_SAMPLES} px"):
            resample_bytes(np.zeros(source, np.uint8), *target)


def test_paper_stays_white_or_a_level_below(rng):
    """Rounded weights need not sum to one; in the heights that images have, that is at most a level and a half."""
    for height in (*range(8, 200), *rng.integers(200, 7000, 100)):
        white = resample_bytes(np.full((height, 3), 255, np.uint8), 48, 3)
        assert white.min() >= 253


SPEC = PreprocessSpec(mean=0.5, std=0.3, background=0.75)


def test_the_tensor_stage_is_padded_bytes_and_the_input_a_table_of_256_values(rng):
    image = rng.integers(0, 256, (24, 20), dtype=np.uint8)
    tensor = prepare_bytes(image, SPEC)
    assert (tensor.dtype, tensor.shape) == (np.uint8, (1, 1, 48, 48))
    np.testing.assert_array_equal(tensor[0, 0, :, :40], oracle(image, 48, 40))
    assert (tensor[..., 40:] == 191).all()
    levels = np.float32([np.float32(np.float32(v) / np.float32(255)) for v in range(256)])
    table = (levels - np.float32(0.5)) / np.float32(0.3)
    np.testing.assert_array_equal(prepare(image, SPEC), table[tensor])
    np.testing.assert_array_equal(normalise(np.arange(256, dtype=np.uint8), SPEC), table)


def test_sixteen_bits_become_eight_by_rounding():
    values = np.arange(65536, dtype=np.int64).reshape(256, 256)
    gray = values.astype(np.float32) / np.float32(65535)
    np.testing.assert_array_equal(to_bytes(gray), (values + 128) // 257)
    bytes_ = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(to_bytes(bytes_.astype(np.float32) / np.float32(255)), bytes_)


def test_what_is_too_large_for_it_is_no_specification():
    with pytest.raises(SpecError, match="at most 32768 px"):
        PreprocessSpec(max_width=MOST_SAMPLES + 16)
    assert PreprocessSpec(max_width=MOST_SAMPLES + 16, resampling=TRIANGLE_V1).max_width > MOST_SAMPLES
    with pytest.raises(SpecError, match=f"{TRIANGLE_V1}, {TRIANGLE_V2}"):
        PreprocessSpec(resampling="triangle-v3")
    with pytest.raises(SpecError, match="no tensor of bytes"):
        prepare_bytes(np.zeros((48, 48), np.uint8), PreprocessSpec(resampling=TRIANGLE_V1))
