from pathlib import Path

import pytest

from inkport.core.artifact import load_artifact
from inkport.runtimes.text_conformance import TextConformance, golden_texts


class TestAttention(TextConformance):
    runtime = "attention"

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls):
        return load_artifact(Path("models/attention"))

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls, artifact):
        return golden_texts(Path("lines/readings.tsv"), artifact.spec)
