from __future__ import annotations

import numpy as np
import pytest

from inkport.core.errors import ExportError
from inkport.core.spec import RecogniserSpec
from inkport.export.agreement import TOLERANCE, require_agreement


def logits_of(images):
    """Any fixed map from images to logits will do."""
    return np.cumsum(images[:, 0].mean(axis=1, keepdims=True), axis=-1, dtype=np.float32)


def test_equal_forwards_agree_on_several_batches_and_widths_that_the_recogniser_takes(toy_spec: RecogniserSpec):
    shapes = []

    def spy(images):
        shapes.append(images.shape)
        return logits_of(images)

    require_agreement("stage", toy_spec, spy, logits_of)
    assert {shape[0] for shape in shapes} == {1, 2, 3}
    assert toy_spec.preprocess.min_width in {shape[3] for shape in shapes}
    assert all(toy_spec.frames(shape[3]) for shape in shapes)
    assert len({shape[3] for shape in shapes}) >= 3


@pytest.mark.parametrize("factor", [1 + 10 * TOLERANCE, np.float32("nan")], ids=["too-far", "nan"])
def test_logits_that_differ_are_an_error_that_says_by_how_much(toy_spec: RecogniserSpec, factor):
    with pytest.raises(ExportError, match=r"stage: logits of images \(1, 1, 48, 32\) differ"):
        require_agreement("stage", toy_spec, logits_of, lambda images: logits_of(images) * np.float32(factor))


def test_rounding_is_no_error(toy_spec: RecogniserSpec):
    require_agreement("stage", toy_spec, logits_of, lambda images: logits_of(images) * np.float32(1 + TOLERANCE / 10))


def test_another_shape_is_an_error(toy_spec: RecogniserSpec):
    with pytest.raises(ExportError, match=r"shape"):
        require_agreement("stage", toy_spec, logits_of, lambda images: logits_of(images)[..., 1:])
