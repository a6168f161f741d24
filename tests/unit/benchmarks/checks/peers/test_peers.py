"""The arithmetic of the comparison, with peers whose answers and times are scripted."""

from __future__ import annotations

import io

import jiwer
import numpy as np
import pytest
from PIL import Image

from inkport.benchmarks.checks.peers import engines
from inkport.benchmarks.checks.peers.engines import Answer
from inkport.benchmarks.checks.peers.reading import (
    WARM_UP,
    PeersReport,
    describe,
    median_line,
    read_in_turns,
    render_markdown,
)
from inkport.benchmarks.run.environment import read_environment
from inkport.core.artifact import bundled_artifacts
from inkport.core.ctc import greedy_text
from inkport.core.files import sha256_file
from inkport.lines.line import Line


class Scripted:
    version, parameters, bytes, sha256, lm_sha256 = "1", 1_500_000, 2_000_000, "cd" * 32, None

    def __init__(self, name, read, ms, network=True):
        self.name, self._read, self._ms, self._network, self.calls = name, read, ms, network, []

    def read(self, gray):
        self.calls.append(gray.shape)
        ns = int(1e6 * self._ms * gray.shape[1])
        return Answer(text=self._read(gray), total_ns=2 * ns, network_ns=ns if self._network else None)

    def close(self):
        pass


def image(width):
    file = io.BytesIO()
    Image.fromarray(np.full((64, width), width % 256, np.uint8)).save(file, "png")
    return file.getvalue()


@pytest.fixture
def lines():
    texts = ["un", "deux", "trois mots, ici", "quatre", "cinq"]
    return [
        Line(id=str(i), image=image(40 + i), text=text, dataset="ab"[i % 2], writer=f"w{i}")
        for i, text in enumerate(texts)
    ]


def test_rates_are_those_of_another_library_and_speed_ups_are_per_line(lines):
    by_width = {40 + i: line.text for i, line in enumerate(lines)}
    right = Scripted("right", lambda gray: by_width[gray.shape[1]], 1)
    wrong = Scripted("wrong", lambda gray: by_width[gray.shape[1]].replace("i", "y"), 4, network=False)
    answers = read_in_turns([right, wrong], lines, lambda *_: None)
    assert [len(found) for found in answers] == [5, 5]
    assert len(right.calls) == 5 + WARM_UP
    good, bad = (
        describe(p, a, answers[1], lines, macs=m)
        for p, a, m in zip((right, wrong), answers, (250_000_000, None), strict=True)
    )
    assert (good.rows[0].cer, good.total_speed_up, good.network_speed_up) == (0, 4, None)
    assert (bad.total_speed_up, bad.network_p50_ms) == (1, None)
    texts = [line.text for line in lines]
    assert bad.rows[0].cer == pytest.approx(jiwer.cer(texts, [text.replace("i", "y") for text in texts]))
    assert [(row.dataset, row.lines) for row in bad.rows] == [("", 5), ("a", 3), ("b", 2)]
    low, high = bad.rows[0].interval
    assert low <= bad.rows[0].cer <= high
    assert bad.rows[0].wer_htr == pytest.approx(3 / 8)
    low, high = bad.rows[0].wer_interval
    assert low < bad.rows[0].wer_htr < high
    shape, gray = median_line(lines)
    assert (shape.id, shape.width, shape.height) == ("2", 42, 64)
    assert gray.shape == (64, 42)
    report = PeersReport(
        created="2026-01-01T00:00:00+00:00",
        data_sha256="ab" * 32,
        sources=("lines.tsv",),
        environment=read_environment(threads=1),
        median_line=shape,
        compared_with="wrong",
        peers=(good, bad),
    )
    text = render_markdown(report)
    assert "| right | 1 | 1.50M | 0.250 | 2.0 |" in text
    assert "| wrong | 1 | 1.50M | - | 2.0 |" in text
    assert "(2, 42 x 64 pixels)" in text
    assert f"| a | unseen | 3 | 0.0 (0.0..0.0), 0.0 (0.0..0.0) | {100 * bad.rows[1].cer:.1f} (" in text


def test_fewer_lines_than_warm_up_are_all_answered(lines):
    assert len(read_in_turns([Scripted("one", lambda _: "", 1)], lines[:2], lambda *_: None)[0]) == 2


def test_ours_decodes_with_the_language_model_that_it_is_given(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime", reason="peers run in onnxruntime")
    pytest.importorskip("onnx", reason="parameters are counted in the graph")
    lm = tmp_path / "lm.npz"
    lm.write_bytes(bytes(1000))

    def load(path, _artifact):
        return greedy_text if path is None else lambda _logits, _charset: path.name

    monkeypatch.setattr(engines, "load_text_decoder", load)
    artifact = bundled_artifacts()[0]
    gray = np.full((64, 200), 255, np.uint8)
    plain, beam = engines.Ours(artifact), engines.Ours(artifact, lm=lm)
    assert (plain.read(gray).text, beam.read(gray).text) == ("", "lm.npz")
    assert (beam.name, beam.bytes) == (f"{plain.name} + language model", plain.bytes + 1000)
    assert (plain.lm_sha256, beam.lm_sha256) == (None, sha256_file(lm))
    assert plain.sha256 == beam.sha256 == artifact.digest
    plain.close()
    beam.close()
