"""Programs built operator by operator with coremltools: rounding, names, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.core.errors import ArtifactCorruptError, RuntimeExecutionError, UnsupportedFormatError, UsageError
from inkport.runtimes.mil.program import Evaluator
from inkport.runtimes.mlpackage import import_coremltools, quiet


WIDTH = 64


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Saves the program of a function that builds one from the image; coremltools' passes are left out."""
    ct = import_coremltools()
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    def save(build):
        image = mb.TensorSpec(shape=(1, 1, 2, WIDTH))
        program = mb.program(input_specs=[image], opset_version=ct.target.iOS16)(build)
        with quiet():
            model = ct.convert(
                program,
                convert_to="mlprogram",
                compute_precision=ct.precision.FLOAT32,
                minimum_deployment_target=ct.target.iOS16,
                pass_pipeline=ct.PassPipeline.EMPTY,
                skip_model_load=True,
            )
        path = tmp_path_factory.mktemp("program") / "model.mlpackage"
        model.save(str(path))
        return path

    return mb, save


@pytest.fixture
def image(rng):
    return rng.random((1, 1, 2, WIDTH), dtype=np.float32)


def test_fp16_rounds_after_every_operator_and_sums_in_float32(package, image):
    mb, save = package

    def build(x):
        x = mb.cast(x=x, dtype="fp16", name="half")
        x = mb.add(x=x, y=np.float16(1000), name="far")
        x = mb.sub(x=x, y=np.float16(1000), name="near")
        x = mb.reduce_mean(x=x, axes=[3], keep_dims=True, name="mean")
        return mb.cast(x=x, dtype="fp32", name="logits")

    # torch would do as an oracle, but numpy's own fp16 says the same in three lines.
    half = image.astype(np.float16)
    near = (half + np.float16(1000)) - np.float16(1000)
    mean = near.astype(np.float32).mean(axis=3, keepdims=True).astype(np.float16)
    evaluator = Evaluator(save(build), "x")
    found = evaluator.run(image, ["near", "mean", "logits"])
    assert [found[name].dtype for name in found] == [np.float16, np.float16, np.float32]
    assert np.array_equal(found["near"], near)
    assert not np.array_equal(found["near"], half), "1000 costs most of the mantissa"
    assert np.array_equal(found["mean"], mean)
    assert np.array_equal(found["logits"], mean.astype(np.float32))


def test_values_in_between_are_had_by_name(package, image):
    mb, save = package

    def build(x):
        return mb.add(x=mb.relu(x=mb.sub(x=x, y=np.float32(0.5), name="moved"), name="cut"), y=x, name="logits")

    evaluator = Evaluator(save(build), "x")
    assert evaluator.names == ("x", "moved", "cut", "logits")
    found = evaluator.run(image, ["cut", "moved", "x"])
    assert list(found) == ["cut", "moved", "x"]
    assert np.array_equal(found["moved"], image - np.float32(0.5))
    assert np.array_equal(found["cut"], np.maximum(found["moved"], 0))
    assert list(evaluator.run(image)) == ["logits"]
    with pytest.raises(UsageError, match="no values elsewhere") as caught:
        evaluator.run(image, ["cut", "elsewhere"])
    assert "Evaluator.names" in caught.value.remedy


def test_what_is_no_longer_needed_is_let_go(package, image, monkeypatch):
    mb, save = package
    kept = []

    def build(x):
        for index in range(6):
            x = mb.add(x=x, y=np.float32(index), name=f"value{index}")
        return x

    from inkport.runtimes.mil import program as module

    computed = module._computed

    def watch(step, values):
        kept.append({name for name in values if name.startswith("value")})
        return computed(step, values)

    monkeypatch.setattr(module, "_computed", watch)
    evaluator = Evaluator(save(build), "x")
    evaluator.run(image)
    assert max(len(values) for values in kept) == 1
    kept.clear()
    evaluator.run(image, ["value0", "value5"])
    assert all("value0" in values for values in kept[1:])


def test_an_unknown_operator_is_named_before_anything_runs(package):
    mb, save = package
    path = save(lambda x: mb.erf(x=x, name="logits"))
    with pytest.raises(UnsupportedFormatError, match=r"operator erf \(of value logits\)") as caught:
        Evaluator(path, "x")
    assert "layer_norm" in caught.value.remedy


def test_an_attribute_value_that_is_not_supported_names_operator_and_value(package, image):
    mb, save = package

    def build(x):
        return mb.max_pool(x=x, kernel_sizes=[2, 2], strides=[1, 1], pad_type="valid", ceil_mode=True, name="logits")

    evaluator = Evaluator(save(build), "x")
    with pytest.raises(RuntimeExecutionError, match=r"operator max_pool \(of value logits\): ceil_mode True"):
        evaluator.run(image)


def test_an_input_that_the_package_does_not_have_is_refused(package):
    mb, save = package
    path = save(lambda x: mb.relu(x=x, name="logits"))
    with pytest.raises(ArtifactCorruptError, match="no input 'images'"):
        Evaluator(path, "images")


def test_a_package_that_is_none_is_refused(tmp_path):
    (tmp_path / "model.mlpackage").mkdir()
    with pytest.raises(ArtifactCorruptError, match="coremltools cannot read it"):
        Evaluator(tmp_path / "model.mlpackage", "x")
