from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from inkport.benchmarks.checks.verify import verify
from inkport.benchmarks.report.schema import schema_of
from inkport.benchmarks.report.sections import present
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.fusion import measure_gain, tune
from inkport.benchmarks.run.request import Request, VerifyOptions
from inkport.core.beam import BeamDecoder
from inkport.core.charset import Charset
from inkport.core.lm.estimate import estimate
from inkport.core.lm.files import Fusion
from inkport.core.lm.model import CharModel, build_trie
from inkport.core.target import Precision, Target
from inkport.lines.audit import audit_lines
from inkport.lines.line import Line


CHARSET = Charset(tuple("ab"))
MODEL = CharModel(build_trie(estimate(["abab"] * 9 + ["ab", "abababab"], order=3), CHARSET))


def doubtful(text, wrong):
    """Logits that read ``text``, but for one place where the other symbol is a little ahead."""
    logits = np.zeros((2 * len(text), 3), np.float32)
    for place, symbol in enumerate(text):
        label = "ab".index(symbol) + 1
        logits[2 * place, label] = 9
        if place == wrong:
            logits[2 * place, 3 - label] = 9.4
        logits[2 * place + 1, 0] = 9
    return logits


LINES = [Line(id=str(i), image=b"", text="abab", dataset=f"set{i % 2}", writer=str(i % 4)) for i in range(8)]
LOGITS = [doubtful("abab", i % 4) for i in range(8)]


def test_tuning_finds_weights_that_mend_what_the_image_leaves_open():
    fusion, trials = tune(MODEL, LOGITS, LINES, CHARSET, beam=8)
    by_alpha = {trial.alpha: trial.cer for trial in trials if trial.beta == 0.0}
    assert by_alpha[0.0] == pytest.approx(0.25)
    assert min(trial.cer for trial in trials) == 0.0
    assert fusion.alpha > 0
    (everything, *parts) = measure_gain(BeamDecoder(MODEL, fusion), LOGITS, LINES, CHARSET)
    assert (everything.cer_greedy, everything.cer_beam, everything.changed_lines) == (0.25, 0.0, 8)
    assert everything.interval == pytest.approx((-0.25, -0.25))
    assert [(part.dataset, part.lines) for part in parts] == [("set0", 4), ("set1", 4)]


def test_verify_decodes_the_reference_and_every_target_with_the_language_model(
    install, fake_runtime, fake_artifact, fake_lines
):
    install(fake_runtime("torch"), fake_runtime("port"))
    spec = fake_artifact.spec
    model = CharModel(build_trie(estimate(["abcdefg"] * 3, order=3), spec.charset))
    request = Request(
        model=fake_artifact,
        targets=[Target(name="port", runtime="port", precision=Precision.FP32)],
        audit=audit_lines(fake_lines, charset=spec.charset, preprocess=spec.preprocess, stride=spec.stride),
        sources=["fake.tsv"],
        provide=lambda _: fake_artifact,
        options=VerifyOptions(latency_lines=5, resamples=50),
    )
    plain = verify(request)
    # A beta far below zero makes the empty text the best one: everything is deleted, in both.
    fusion = Fusion(alpha=0.5, beta=-100.0, lm_sha256="0" * 64, charset_sha256=spec.charset.digest)
    report = verify(replace(request, beam=BeamDecoder(model, fusion)))
    parity = report.targets[0].parity
    assert plain.targets[0].parity.cer == 0.0
    assert (parity.cer, parity.cer_reference, parity.flipped_lines) == (1.0, 1.0, 0)
    assert plain.lm is None
    assert report.lm == fusion
    assert plain.host.beam_p50_ms is None
    assert report.host.beam_p50_ms > 0
    assert "language model" in render_text(present(report))
    schema = schema_of("verify")
    jsonschema.validate(json.loads(report.to_json()), schema)
