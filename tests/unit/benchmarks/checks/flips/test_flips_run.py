"""The command's run on registered runtimes, and targets that read fragile lines in a verification."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

from inkport.benchmarks.checks.flips.forecast import Forecast, ForecastOptions, forecast_flips
from inkport.benchmarks.checks.flips.sections import present as present_forecast
from inkport.benchmarks.checks.verify import verify
from inkport.benchmarks.report.schema import schema_of
from inkport.benchmarks.report.sections import present
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.request import Request, VerifyOptions
from inkport.core.errors import LineDataError, RecipeError
from inkport.core.target import Budget, LineChoice, Precision, Target
from inkport.lines.audit import audit_lines


@pytest.fixture
def audit(fake_artifact, fake_lines):
    spec = fake_artifact.spec
    return audit_lines(fake_lines, charset=spec.charset, preprocess=spec.preprocess, stride=spec.stride)


@pytest.fixture
def forecast(install, fake_runtime, fake_artifact, audit):
    def run(*runtimes, probes=4, observe=True):
        install(fake_runtime("torch"), *runtimes)
        return forecast_flips(
            Request(
                model=fake_artifact,
                targets=[Target(name=r.name, runtime=r.name, precision=Precision.FP32) for r in runtimes],
                audit=audit,
                sources=["fake.tsv"],
                provide=lambda _: fake_artifact,
                options=ForecastOptions(threads=1, probes=probes, fragile=3, observe=observe),
            )
        )

    return run


def test_a_forecast_of_a_faithful_a_broken_and_a_crashing_port(forecast, fake_runtime, faithful, page):
    def late(images):
        """Right on the lines that come first and wrong afterwards: no probe line shows it."""
        late.calls += 1
        return faithful(images) if late.calls <= 4 else np.roll(faithful(images), 1, axis=2)

    late.calls = 0
    report = forecast(fake_runtime("right"), fake_runtime("late", late), fake_runtime("dies", dies_at_call=2))
    right, wrong, dead = (target.section(Forecast).forecast for target in report.targets)
    assert (right.expected, right.observed, right.surprise) == (0, 0, "as predicted")
    assert (wrong.observed, wrong.surprise) == (8, "more than predicted")
    assert (report.targets[2].outcome, dead, report.exit_code) == ("run-failed", None, 1)
    schema = schema_of("flip-forecast")
    jsonschema.validate(json.loads(report.to_json()), schema)
    text = " ".join(render_text(present_forecast(report)).split())
    assert len(page(present_forecast(report)).all("table")) == 1
    assert "late pass more than predicted" in text
    assert "driver fell over" in text


def test_predicting_alone_reads_the_probe_lines_alone(forecast, fake_runtime):
    port = fake_runtime("right")
    (target,) = forecast(port, observe=False).targets
    found = target.section(Forecast).forecast
    assert (port.calls, found.observed, found.bins) == (4, None, ())


def test_there_must_be_lines_besides_the_probe_lines(forecast, fake_runtime):
    with pytest.raises(LineDataError, match="none is left to predict"):
        forecast(fake_runtime("right"), probes=12)


@pytest.fixture
def fragile(install, fake_runtime, fake_artifact, audit, faithful):
    """Verify a port that reads the 4 most fragile of 12 lines; the reference is least sure of the widest lines."""

    def unsure(images):
        return faithful(images) * np.float32(1000 / images.shape[3])

    def run(logits=unsure, **budget):
        port = fake_runtime("port", logits)
        install(fake_runtime("torch", unsure), port)
        row = Target(
            name="port", runtime="port", precision=Precision.FP32, lines=4, choose=LineChoice.FRAGILE,
            budget=Budget(cer_margin=0.9, **budget),
        )  # fmt: skip
        report = verify(
            Request(
                model=fake_artifact,
                targets=[row],
                audit=audit,
                sources=["fake.tsv"],
                provide=lambda _: fake_artifact,
                options=VerifyOptions(latency_lines=0, resamples=50),
            )
        )
        return report, report.targets[0]

    return run


def test_fragile_lines_are_those_with_the_smallest_gaps(fragile, audit, faithful):
    seen = []

    def watch(images):
        seen.append(images.shape[3])
        return faithful(images)

    report, target = fragile(watch)
    wanted = sorted(image.shape[3] for image in audit.inputs)[-4:]
    # The narrowest once more, its mirror image, and the batch of both.
    assert sorted(seen) == sorted([*wanted, *[wanted[0]] * 3])
    assert (target.sample, target.sample_choice, target.outcome) == (4, "fragile", "pass")
    assert "port: read the lines closest to changing" in " ".join(render_text(present(report)).split())


def test_flips_on_fragile_lines_prove_no_error_rate(fragile, faithful):
    _, target = fragile(lambda images: np.roll(faithful(images), 1, axis=2))
    assert target.parity.delta > 0.5
    assert (target.outcome, target.parity.equivalence.verdict) == ("inconclusive", "INCONCLUSIVE")
    assert target.reason.startswith("4 of the 4 most fragile lines read differently.")
    assert target.parity.equivalence.further_writers is None


def test_flips_over_budget_on_fragile_lines_are_over_budget_on_all(fragile, faithful):
    _, target = fragile(lambda images: np.roll(faithful(images), 1, axis=2), flipped_lines=3)
    assert (target.outcome, "4 lines read differently" in target.reason) == ("text-differs", True)


def test_fragile_needs_a_number_of_lines():
    with pytest.raises(RecipeError, match="needs to know how many lines"):
        Target(name="x", runtime="y", precision=Precision.FP32, choose=LineChoice.FRAGILE)
