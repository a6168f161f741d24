"""A damaged package, signed again so that no digest tells: the evaluator's logits, or its errors, do."""

from __future__ import annotations

import shutil

import numpy as np
import pytest


pytest.importorskip("torch", reason="the toy and its golden logits need torch")

from inkport.core.artifact import load_artifact, new_artifact
from inkport.core.errors import ArtifactCorruptError, InkportError
from inkport.core.registry import open_session
from inkport.runtimes.faults import TOLERANCES, name_fault
from inkport.runtimes.mlpackage import PACKAGE


PROGRAM = f"{PACKAGE}/Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = f"{PACKAGE}/Data/com.apple.CoreML/weights/weight.bin"


@pytest.fixture
def resigned(package, tmp_path):
    """Copies the fp32 package, lets a function damage the copy, and writes a sidecar that fits the damage."""
    whole = package()

    def make(damage):
        path = tmp_path / "damaged"
        with new_artifact(
            path, spec=whole.spec, format=whole.format, precision=whole.precision, provenance=whole.provenance
        ) as folder:
            shutil.copytree(whole.path / PACKAGE, folder / PACKAGE)
            damage(folder)
        damaged = load_artifact(path)
        assert damaged.files != whole.files
        return damaged

    return make


def edit_program(folder, damage):
    from coremltools.proto import Model_pb2

    file = folder / PROGRAM
    model = Model_pb2.Model()
    model.ParseFromString(file.read_bytes())
    function = model.mlProgram.functions["main"]
    operations = function.block_specializations[function.opset].operations
    damage(operations)
    file.write_bytes(model.SerializeToString())


def constant(operations, consumer, argument):
    """Return the values of the constant that an operator takes as an argument."""
    name = consumer.inputs[argument].arguments[0].name
    found = next(op for op in operations if op.type == "const" and op.outputs[0].name == name)
    return found.attributes["val"].immediateValue.tensor


def one_weight(folder):
    """One value of the first convolution's weights is 1 off."""
    from coremltools.proto import Model_pb2

    model = Model_pb2.Model()
    model.ParseFromString((folder / PROGRAM).read_bytes())
    function = model.mlProgram.functions["main"]
    operations = function.block_specializations[function.opset].operations
    conv = next(op for op in operations if op.type == "conv")
    name = conv.inputs["weight"].arguments[0].name
    blob = next(op for op in operations if op.type == "const" and op.outputs[0].name == name)
    # A 64-byte entry with the size and offset of the data stands where the program points to.
    offset = blob.attributes["val"].blobFileValue.offset
    raw = bytearray((folder / WEIGHTS).read_bytes())
    start = int.from_bytes(raw[offset + 16 : offset + 24], "little")
    value = np.frombuffer(bytes(raw[start : start + 4]), dtype=np.float32)[0]
    raw[start : start + 4] = np.float32(value + 1).tobytes()
    (folder / WEIGHTS).write_bytes(bytes(raw))


def change(tensor, values):
    assert list(tensor.ints.values) != values
    tensor.ints.values[:] = values


def wrong_axis(folder):
    """Attention sums to 1 over the queries, not the keys."""

    def damage(operations):
        softmax = next(op for op in operations if op.type == "softmax")
        change(constant(operations, softmax, "axis"), [-2])

    edit_program(folder, damage)


def wrong_order(folder):
    """The last transpose of attention leaves the axes as they are; no shape tells."""

    def damage(operations):
        perms = [constant(operations, op, "perm") for op in operations if op.type == "transpose"]
        change(next(perm for perm in reversed(perms) if list(perm.ints.values) == [0, 2, 1, 3]), [0, 1, 2, 3])

    edit_program(folder, damage)


def pad_over_time(operations):
    pads = (constant(operations, op, "pad") for op in operations if op.type == "conv")
    return next(pad for pad in pads if list(pad.ints.values) == [3, 3])


def missing_pad(folder):
    """The convolution over time pads nothing."""
    edit_program(folder, lambda operations: change(pad_over_time(operations), [0, 0]))


def pad_on_one_side(folder):
    """The same padding, all of it before the line: every shape is right, every frame is late."""
    edit_program(folder, lambda operations: change(pad_over_time(operations), [6, 0]))


def fault_of(artifact, golden):
    """Return what is wrong by evaluating: an error's message, or the first fault in the logits."""
    try:
        with open_session(artifact, runtime="coreml-mil") as session:
            found = [session.run(images) for images in golden.images]
    except InkportError as error:
        return error.message
    faults = (
        name_fault(logits, expected, TOLERANCES[artifact.precision].reference)
        for logits, expected in zip(found, golden.logits, strict=True)
    )
    return next((fault for fault in faults if fault), None)


@pytest.mark.parametrize("damage", [one_weight, wrong_axis, wrong_order, missing_pad, pad_on_one_side])
def test_damage_is_caught_by_evaluation_with_digests_that_fit(resigned, toy_golden, damage):
    fault = fault_of(resigned(damage), toy_golden)
    assert fault is not None, f"{damage.__doc__} Nobody noticed."
    assert "SHA-256" not in fault


def test_an_undamaged_copy_has_no_fault(resigned, toy_golden):
    def touch(folder):
        (folder / "NOTES").write_text("a copy\n")

    assert fault_of(resigned(touch), toy_golden) is None


def test_damage_without_a_new_sidecar_is_caught_by_its_digest(package, tmp_path):
    copy = shutil.copytree(package().path, tmp_path / "copy")
    one_weight(copy)
    with pytest.raises(ArtifactCorruptError, match="SHA-256"):
        load_artifact(copy)
