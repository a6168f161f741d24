from pathlib import Path

import pytest

from inkport.core.artifact import load_artifact
from inkport.runtimes.conformance import RuntimeConformance
from inkport.runtimes.logits import Golden


class TestOnnxReference(RuntimeConformance):
    runtime, thread_counts = "onnx-reference", (1,)

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls):
        return load_artifact(Path("models/onnx-fp32"))

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls):
        return Golden.load(Path("models/golden.npz"))
