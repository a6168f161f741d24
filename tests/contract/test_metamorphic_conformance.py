"""The suite with all relations, inherited as a vendor would, and shown to fail on a wrong port."""

from __future__ import annotations

import numpy as np
import pytest


pytest.importorskip("torch", reason="the toy and its golden logits need torch")
pytest.importorskip("onnxruntime", reason="the toy runs in ONNX Runtime")

from inkport.core.target import Precision
from inkport.runtimes.conformance import RuntimeConformance
from inkport.runtimes.logits import TOLERANCES
from inkport.runtimes.ort import OnnxRuntime
from inkport.runtimes.relations.relations import RELATIONS


class TestOnnxRuntime(RuntimeConformance):
    runtime, relations = "onnxruntime", RELATIONS

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls, export_toy):
        return export_toy("onnx", Precision.FP32)

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls, toy_golden):
        return toy_golden


class Remembering(OnnxRuntime):
    """Adds something of the line before to each line."""

    def open(self, artifact, *, device, options):
        session = super().open(artifact, device=device, options=options)
        run, kept = session.run, [np.float32(0)]

        def remember(images):
            logits = run(images) + kept[0]
            kept[0] = logits.mean(axis=(0, 1)) * np.float32(0.1)
            return logits

        session.run = remember
        return session


def test_a_port_that_remembers_fails_with_its_smallest_example(export_toy, toy_golden):
    suite = TestOnnxRuntime()
    order = next(relation for relation in RELATIONS if relation.name == "order")
    said = r"keeps something of one line .*\(line \d of golden .*breaks 'order'"
    with pytest.raises(pytest.fail.Exception, match=said):
        suite.test_it_keeps_the_relation(
            order, Remembering(), export_toy("onnx", Precision.FP32), toy_golden, TOLERANCES[Precision.FP32]
        )
