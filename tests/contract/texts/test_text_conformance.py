"""The suite for recognisers that return text: an honest one passes, and each way of being wrong is caught and named."""

from __future__ import annotations

import importlib
import re

import pytest

from inkport.core.artifact import load_artifact
from inkport.core.runtime import CheckedTexts, SessionOptions
from inkport.runtimes.text_conformance import TextConformance, golden_texts


@pytest.mark.usefixtures("plugins")
class TestReader(TextConformance):
    runtime, thread_counts = "reader", (1,)

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls, place):
        return load_artifact(place / "model")

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls, place, artifact):
        return golden_texts(place / "readings.tsv", artifact.spec)[:6]


@pytest.mark.usefixtures("plugins")
class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("name", "test", "fault"),
        [
            ("Slips", "it_reads_what_its_own_pipeline_reads", r"suite reads '\d*8\d*', expected '\d*3\d*' \(line"),
            ("FirstLineOnly", "lines_of_one_size_are_read_together", "suite drops the batch: 1 lines come back for 2"),
            ("FirstLineRepeated", "lines_of_one_size_are_read_together", r"suite reads .* \(line.* in a batch\)"),
            ("Forgets", "it_reads_the_same_again", "suite reads '', expected .* read again"),
            ("TooSure", "it_reads_what_its_own_pipeline_reads", "suite returns a confidence of 1.5"),
            ("BareTexts", "it_reads_what_its_own_pipeline_reads", "suite returns a list of str, expected ReadText"),
            ("Scores", "it_reads_what_its_own_pipeline_reads", "suite returns a ndarray, expected a list of texts"),
            ("Draws", "it_leaves_its_input_alone", "suite wants to write into its input|suite changes its input"),
        ],
    )
    def test_it_is_named(self, place, name, test, fault):
        artifact = load_artifact(place / "model")
        golden = golden_texts(place / "readings.tsv", artifact.spec)[:6]
        adapter = getattr(importlib.import_module("glyph_reader"), name)()
        session = adapter.open(artifact, device="cpu", options=SessionOptions())
        suite = TextConformance()
        suite.runtime = "suite"
        with pytest.raises(pytest.fail.Exception) as caught:
            getattr(suite, f"test_{test}")(CheckedTexts(session, artifact.spec, label="suite"), golden)
        assert re.search(fault, str(caught.value)), str(caught.value)
