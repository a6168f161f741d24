"""The suite itself: a right runtime passes every test, and each way of being wrong is caught and named."""

from __future__ import annotations

import ctypes
import inspect

import numpy as np
import pytest

from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError
from inkport.core.runtime import Availability, CheckedSession, SessionOptions
from inkport.core.target import Precision
from inkport.runtimes.conformance import RuntimeConformance
from inkport.runtimes.logits import TOLERANCES, Golden


class Right:
    """A recogniser in numpy: each frame looks at its columns and at the whole line to the left and right."""

    def __init__(self, spec):
        rng = np.random.default_rng(5)
        self.spec = spec
        self.weights = rng.normal(size=(spec.stride * spec.preprocess.height, spec.charset.size)).astype(np.float32)

    def run(self, images):
        n, _, _, w = images.shape
        columns = np.ascontiguousarray(images[:, 0].transpose(0, 2, 1)).reshape(n, w // self.spec.stride, -1)
        local = np.stack([line @ self.weights for line in columns])
        return local + 0.3 * local.mean(axis=1, keepdims=True)

    def close(self):
        pass


class NeighbourPadding(Right):
    def run(self, images):
        padded = images.copy()
        padded[..., -8:] = np.roll(images, 1, axis=0)[..., -8:]
        return super().run(padded)


class BatchStatistics(Right):
    def run(self, images):
        return super().run(images - images.mean() + np.float32(0.8))


class OneFrameLate(Right):
    def run(self, images):
        logits = super().run(images)
        return np.concatenate([logits[:, :1], logits[:, :-1]], axis=1)


class OneFrameEarly(Right):
    def run(self, images):
        logits = super().run(images)
        return np.concatenate([logits[:, 1:], logits[:, -1:]], axis=1)


class FirstLineOnly(Right):
    def run(self, images):
        return super().run(images[:1])


class FirstLineRepeated(Right):
    def run(self, images):
        return np.repeat(super().run(images[:1]), len(images), axis=0)


class Reversed(Right):
    def run(self, images):
        return super().run(images)[::-1].copy()


class Probabilities(Right):
    def run(self, images):
        exp = np.exp(super().run(images) / 10)
        return exp / exp.sum(axis=2, keepdims=True)


class LogProbabilities(Right):
    def run(self, images):
        logits = super().run(images)
        return logits - np.log(np.exp(logits.astype(np.float64)).sum(axis=2, keepdims=True)).astype(np.float32)


class OneFrameMore(Right):
    def run(self, images):
        logits = super().run(images)
        return np.concatenate([logits, logits[:, -1:]], axis=1)


class Doubles(Right):
    def run(self, images):
        return super().run(images).astype(np.float64)


class NotFinite(Right):
    def run(self, images):
        logits = super().run(images)
        logits[-1, -1, -1] = np.nan
        return logits


class WrongWeights(Right):
    def run(self, images):
        return super().run(images) * np.float32(1.05)


class OneBuffer(Right):
    def run(self, images):
        logits = super().run(images)
        if getattr(self, "buffer", logits[:0]).shape != logits.shape:
            self.buffer = np.empty_like(logits)
        self.buffer[:] = logits
        return self.buffer


class Remembers(Right):
    def run(self, images):
        self.runs = getattr(self, "runs", 0) + 1
        return super().run(images) + np.float32(1e-3 * self.runs)


class WritesItsInput(Right):
    def run(self, images):
        logits = super().run(images)
        if images.flags.writeable:
            images += 1
        return logits


class WritesToWhatever(Right):
    def run(self, images):
        images -= np.float32(0.5)
        return super().run(images)


class WritesThroughTheAddress(Right):
    """As an engine in C does, which no flag of numpy's holds back."""

    def run(self, images):
        logits = super().run(images)
        if images.flags.c_contiguous:
            ctypes.memset(images.ctypes.data, 0, 4)
        return logits


class WritesOnTheNextRun(Right):
    last = None

    def run(self, images):
        if self.last is not None and self.last.flags.writeable:
            self.last[:] = 0
        self.last = images
        return super().run(images)


class ReadsMemoryAsIs(Right):
    def run(self, images):
        raw = images if images.flags.c_contiguous else np.ascontiguousarray(images.transpose(0, 1, 3, 2))
        return super().run(raw.reshape(images.shape))


class Adapter:
    """The adapter that belongs to a session class."""

    name, formats = "numpy", ("numpy",)

    def __init__(self, session):
        self.session = session

    def probe(self):
        return Availability(ok=True, version="1", devices=("cpu",))

    def open(self, artifact, *, device, options):
        options.check_extra()
        if device != "cpu":
            raise RuntimeUnavailableError("cpu only")
        if artifact.file(".bin").read_bytes() != b"seed 5":
            raise ArtifactCorruptError("not the weights")
        return self.session(artifact.spec)


class ClosesOnce(Right):
    def close(self):
        del self.weights


class AnyFile(Adapter):
    def open(self, artifact, *, device, options):
        options.check_extra()
        return self.session(artifact.spec)


class ErrorOfItsOwn(Adapter):
    def open(self, artifact, *, device, options):
        try:
            return super().open(artifact, device=device, options=options)
        except ArtifactCorruptError as error:
            raise ValueError("protobuf parsing failed") from error


class IgnoresOptions(Adapter):
    def open(self, artifact, *, device, options):
        return super().open(artifact, device=device, options=SessionOptions())


class AnyDevice(Adapter):
    def open(self, artifact, *, device, options):
        return super().open(artifact, device="cpu", options=options)


class NoVersion(Adapter):
    def probe(self):
        return Availability(ok=True, devices=("cpu",))


class NoReason(Adapter):
    def probe(self):
        return Availability(ok=False, reason="broken")


class OtherName(Adapter):
    name = "numpyy"


REGISTERED = {"test_it_refuses_other_formats", "test_it_computes_with_the_threads_it_is_given"}
"""Tests that take a registered runtime."""


class OfNumpy(RuntimeConformance):
    runtime = "numpy"


@pytest.fixture(scope="module")
def numpy_artifact(toy_spec, tmp_path_factory):
    path = tmp_path_factory.mktemp("numpy") / "artifact"
    with new_artifact(
        path, spec=toy_spec, format="numpy", precision=Precision.FP32, provenance=Provenance(stage="test")
    ) as folder:
        (folder / "weights.bin").write_bytes(b"seed 5")
    return load_artifact(path)


@pytest.fixture
def faults(numpy_artifact, tmp_path):
    """Run every test of the suite that needs no registered runtime; return what each failing one said."""

    def run(adapter):
        suite = OfNumpy()
        given = {
            "adapter": adapter,
            "session": CheckedSession(adapter.session(numpy_artifact.spec), numpy_artifact.spec, label="numpy"),
            "artifact": numpy_artifact,
            "golden": Golden.record(numpy_artifact.spec, Right(numpy_artifact.spec)),
            "tolerance": TOLERANCES[Precision.FP32],
            "tmp_path": tmp_path,
        }
        said = {}
        for name, test in inspect.getmembers(suite, inspect.ismethod):
            if name.startswith("test_") and name not in REGISTERED:
                needed = inspect.signature(test).parameters
                for relation in suite.relations if "relation" in needed else [None]:
                    try:
                        test(**{key: relation if key == "relation" else given[key] for key in needed})
                    except pytest.skip.Exception:
                        continue
                    except (pytest.fail.Exception, Exception) as failure:  # noqa: BLE001 - what pytest would report
                        said[name if relation is None else relation.name] = str(failure)
        return said

    return run


def test_a_right_runtime_passes_every_test(faults):
    assert faults(Adapter(Right)) == {}


@pytest.mark.parametrize(
    ("session", "test", "message"),
    [
        (NeighbourPadding, "neighbours", "numpy pads with the neighbour"),
        (BatchStatistics, "neighbours", "computes something over the whole batch"),
        (NeighbourPadding, "batch", r"as line \d of a batch of 2, compared with the line alone; reads"),
        (OneFrameLate, "test_it_agrees_with_the_reference", r"is off by one frame \(late\)"),
        (OneFrameEarly, "test_it_agrees_with_the_reference", r"is off by one frame \(early\)"),
        (FirstLineOnly, "test_any_batch_size_and_width", "drops the batch: 1 lines come back for 2"),
        (FirstLineOnly, "test_it_agrees_with_the_reference", "drops the batch: 1 lines come back for 3"),
        (FirstLineRepeated, "test_it_agrees_with_the_reference", "drops the batch: the first line's logits"),
        (FirstLineRepeated, "batch", "drops the batch: the first line's"),
        (Reversed, "test_it_agrees_with_the_reference", "returns the lines in another order"),
        (Reversed, "batch", "returns the lines in another order"),
        (Probabilities, "test_it_agrees_with_the_reference", "returns probabilities, not logits"),
        (LogProbabilities, "test_it_agrees_with_the_reference", "as log-probabilities are"),
        (OneFrameMore, "test_any_batch_size_and_width", "returns 9 frames, the stride gives 8"),
        (Doubles, "test_any_batch_size_and_width", "returns a float64 array"),
        (NotFinite, "test_any_batch_size_and_width", "returns NaN or infinity"),
        (WrongWeights, "test_it_agrees_with_the_reference", r"differs by .* at line \d+, frame \d+, class \d+"),
        (OneBuffer, "test_logits_stay_valid_after_the_next_run", "a buffer that the next run overwrites"),
        (Remembers, "repeat", "gives other logits when a line is run again"),
        (WritesItsInput, "test_inputs_of_any_memory_layout", "writes into its input"),
        (WritesItsInput, "test_it_leaves_its_input_alone", "numpy changes its input"),
        (WritesToWhatever, "test_it_leaves_its_input_alone", "wants to write into its input, which is read-only"),
        (WritesToWhatever, "test_inputs_of_any_memory_layout", "wants to write into its input, which is read-only"),
        (WritesThroughTheAddress, "test_it_leaves_its_input_alone", "numpy changes its input"),
        (WritesThroughTheAddress, "test_it_agrees_with_the_reference", "numpy changes its input"),
        (WritesOnTheNextRun, "test_it_leaves_its_input_alone", "numpy changes its input"),
        (ReadsMemoryAsIs, "test_inputs_of_any_memory_layout", "on an array that is"),
        (ClosesOnce, "test_closing_twice_is_fine", "weights"),
    ],
)
def test_a_wrong_session_is_caught_and_its_fault_named(faults, session, test, message):
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(faults(Adapter(session)).get(test, "nothing was caught"))


@pytest.mark.parametrize(
    ("adapter", "test", "message"),
    [
        (AnyFile, "test_it_refuses_damaged_files", "DID NOT RAISE"),
        (ErrorOfItsOwn, "test_it_refuses_damaged_files", "protobuf parsing failed"),
        (IgnoresOptions, "test_it_refuses_unknown_options", "DID NOT RAISE"),
        (AnyDevice, "test_it_refuses_unknown_devices", "DID NOT RAISE"),
        (NoVersion, "test_probe_says_whether_and_why", "names no version"),
        (NoReason, "test_probe_says_whether_and_why", "gives no reason or no remedy"),
        (OtherName, "test_it_is_registered_under_its_own_name", "the class 'numpyy'"),
    ],
)
def test_a_wrong_adapter_is_caught(faults, adapter, test, message):
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(faults(adapter(Right)).get(test, "nothing was caught"))
