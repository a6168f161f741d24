"""Golden logits survive a file, and the sample lines have what a test of a port needs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from inkport.core.errors import ArtifactCorruptError
from inkport.core.preprocess import PreprocessSpec
from inkport.runtimes.logits import Golden, sample_images


class Sums:
    def run(self, images):
        return images.sum(axis=2).transpose(0, 2, 1)[:, ::4]

    def close(self):
        pass


@pytest.fixture
def golden(toy_spec):
    return Golden.record(toy_spec, Sums())


def test_it_survives_its_file(golden, tmp_path):
    golden.save(tmp_path / "golden.npz")
    loaded = Golden.load(tmp_path / "golden.npz")
    for name in ("images", "logits"):
        for a, b in zip(getattr(golden, name), getattr(loaded, name), strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype == np.float32


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04junk"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "golden.npz").write_bytes(content)
    with pytest.raises(ArtifactCorruptError, match="not a file of golden logits"):
        Golden.load(tmp_path / "golden.npz")


def test_an_archive_of_other_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "golden.npz", a=np.zeros(1), b=np.zeros(1))
    with pytest.raises(ArtifactCorruptError, match="not a file of golden logits"):
        Golden.load(tmp_path / "golden.npz")


def test_it_holds_several_lines_of_several_widths_from_the_narrowest(golden, toy_spec):
    widths = [images.shape[3] for images in golden.images]
    assert widths == sorted(set(widths))
    assert widths[0] == toy_spec.preprocess.min_width
    assert len(widths) >= 3
    assert all(len(images) >= 2 for images in golden.images)


def test_widths_stay_within_what_the_recogniser_takes(toy_spec):
    from dataclasses import replace

    narrow = replace(toy_spec, preprocess=PreprocessSpec(max_width=64))
    assert [images.shape[3] for images in Golden.record(narrow, Sums()).images] == [32, 64]


def test_sample_lines_are_normalised_dark_on_light_and_all_different():
    spec = PreprocessSpec(mean=0.5, std=0.5)
    images = sample_images(spec, 128, lines=4)
    assert images.shape == (4, 1, 48, 128)
    assert images.dtype == np.float32
    assert images.max() == 1.0
    assert images.min() < -0.6
    assert np.median(images) > 0.9
    for a, b in itertools.combinations(images, 2):
        assert np.abs(a - b).max() > 0.5


def test_a_seed_gives_the_same_lines_again():
    spec = PreprocessSpec()
    np.testing.assert_array_equal(sample_images(spec, 64, seed=3), sample_images(spec, 64, seed=3))
    assert not np.array_equal(sample_images(spec, 64, seed=3), sample_images(spec, 64, seed=4))
