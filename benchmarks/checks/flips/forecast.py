"""The flip forecast: the reference reads all lines, each target a few; the rest is predicted and may be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

import numpy as np

from inkport.benchmarks.measure.gaps import PROBES, FrameGaps, Prediction, Probe, find_gaps, logit_errors, predict
from inkport.benchmarks.measure.parity import choose_fragile
from inkport.benchmarks.report.envelope import Check, Report
from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.latency import choose_lines
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.record import Outcome, TargetRecord
from inkport.benchmarks.run.request import (
    Options,
    Reference,
    Request,
    describe_data,
    describe_model,
    describe_reference,
    open_reference,
)
from inkport.benchmarks.run.targets import open_target, results_of
from inkport.core.ctc import greedy
from inkport.core.errors import LineDataError, failure_of
from inkport.core.runtime import Session, SessionOptions
from inkport.core.spec import RecogniserSpec
from inkport.core.target import Target
from inkport.lines.audit import Audit


class Surprise(StrEnum):
    """How the observed flips lie to the predicted ones."""

    NONE = "as predicted"
    """Within the interval: the errors are the kind that the probe lines showed."""
    MORE = "more than predicted"
    """Above it: something else than rounding changes text, on lines that the probe lines do not resemble."""
    FEWER = "fewer than predicted"
    """Below it."""


@dataclass(frozen=True, kw_only=True)
class ForecastOptions(Options):
    """What `inkport diagnose flips` is asked for."""

    probes: int = PROBES
    """Lines that the errors are learned from."""
    fragile: int = 50
    """How many of the most fragile lines are listed and looked at."""
    observe: bool = True
    """Whether the other lines were read, too, to compare the prediction with what happens."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(probes=1, fragile=0)


@dataclass(frozen=True, kw_only=True)
class FragileLine:
    """A line that is close to changing."""

    id: str
    """The line's id."""
    threshold: float | None
    """Smallest gap that matters, in logits; absent if no change of one frame changes the text."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Lines whose predicted probabilities are alike, and how many of them flipped."""

    low: float
    """Lowest probability."""
    high: float
    """Highest probability, excluded but for 1."""
    lines: int
    """Lines."""
    expected: float
    """Sum of their probabilities."""
    observed: int
    """Lines that flipped."""


@dataclass(frozen=True, kw_only=True)
class FlipForecast:
    """What was predicted for a target, and what came."""

    probes: int
    """Lines that the errors were learned from."""
    frames: int
    """Frames of those lines."""
    error_rms: float
    """Root mean square of the errors between the two best labels, in logits."""
    error_mean: float
    """Their mean: the model takes it for zero, and a port that is off to one side shows it here."""
    probe_flips: int
    """Probe lines that read differently; not among the others."""
    lines: int
    """Lines that the prediction is about: all but the probe lines, or the target's sample of them."""
    expected: float
    """Expected number of them that read differently."""
    interval: tuple[float, float]
    """Where that number lies, at 95 %."""
    observed: int | None
    """How many did; absent if they were not read."""
    surprise: Surprise | None
    """How that lies to the interval; absent if they were not read."""
    fragile_lines: int
    """The most fragile ones among the lines."""
    fragile_flips: int | None
    """How many of those read differently."""
    bins: tuple[Bin, ...]
    """The lines by predicted probability; none if they were not read."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What `inkport diagnose flips` says of a target; it passes if it ran: how many flip is for verify to judge."""

    forecast: FlipForecast | None = None
    """The prediction; absent if it did not run."""


@dataclass(frozen=True, kw_only=True)
class Fragile:
    """What `inkport diagnose flips` finds out about the lines."""

    fragile: tuple[FragileLine, ...] = ()
    """The most fragile lines, most fragile first."""


FLIP_FORECAST = Check("flip-forecast", ForecastOptions, (Fragile,), (Forecast,))
"""Predicted against observed flips; texts of the lines are not used."""


EDGES = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)
"""Limits of the bins of predicted probabilities."""


@dataclass(frozen=True)
class _Expected:
    """What the reference read."""

    texts: list[str]
    frames: list[FrameGaps]


def forecast_flips(request: Request, *, progress: Progress = silent) -> Report:
    """Predict each target's flips from a few lines; a target that fails does not stop the others.

    Of a recogniser that returns text nothing is predicted: that takes gaps, and each target's row says so.

    Raises:
        LineDataError: If there are no lines besides the probe lines.
        UnknownRuntimeError: If a target names a runtime that is not registered.
        RuntimeUnavailableError: If there is no reference.
        InkportError: If the reference itself fails.
    """
    request.refuse()
    audit, options = request.audit, request.options
    if reason := request.model.spec.no_frames:
        return Report(
            check=FLIP_FORECAST,
            model=describe_model(request.model),
            data=describe_data(audit, request.sources, request.model),
            options=options,
            environment=read_environment(threads=options.threads),
            targets=tuple(TargetRecord.of(target).not_judged(reason) for target in request.targets),
        )
    if len(audit.lines) <= options.probes:
        raise LineDataError(
            f"{len(audit.lines)} lines, of which {options.probes} are to be probe lines: none is left to predict",
            remedy="pass more lines with --lines, or ask for fewer with --probes",
        )
    environment = read_environment(threads=options.threads)
    reference = open_reference(request, SessionOptions(threads=options.threads))
    try:
        expected = _read_reference(reference, audit, progress)
    finally:
        reference.session.close()
    thresholds = [frames.threshold for frames in expected.frames]
    fragile = tuple(
        FragileLine(id=audit.lines[i].id, threshold=thresholds[i] if isfinite(thresholds[i]) else None)
        for i in choose_fragile(thresholds, options.fragile)
    )
    return Report(
        check=FLIP_FORECAST,
        model=describe_model(request.model),
        data=describe_data(audit, request.sources, request.model),
        reference=describe_reference(reference),
        options=options,
        environment=environment,
        targets=tuple(_forecast_target(target, request, expected, progress) for target in request.targets),
        sections=(Fragile(fragile=fragile),),
    )


def _read_reference(reference: Reference, audit: Audit, progress: Progress) -> _Expected:
    expected = _Expected([], [])
    for logits in results_of(reference.session, audit.inputs, label="reference: reading", progress=progress):
        expected.texts.append(greedy(logits, reference.artifact.spec.charset).text)
        expected.frames.append(find_gaps(logits))
    return expected


def _forecast_target(target: Target, request: Request, expected: _Expected, progress: Progress) -> TargetRecord:
    run = open_target(target, provide=request.provide, threads=request.options.threads, progress=progress)
    if run.session is not None and run.artifact is not None:
        try:
            found = _forecast(run.artifact.spec, run.session, target, request, expected, progress=progress)
            run.record = run.record.having(Forecast(forecast=found))
        except BaseException as error:  # noqa: BLE001 - one broken target must not stop the others
            run.fail(Outcome.RUN_FAILED, failure_of(error))
    run.close()
    return run.record


def _forecast(
    spec: RecogniserSpec,
    session: Session,
    target: Target,
    request: Request,
    expected: _Expected,
    *,
    progress: Progress,
) -> FlipForecast:
    options, inputs = request.options, request.audit.inputs
    chosen = choose_lines(inputs, options.probes, seed=options.seed)
    probes, probe_flips = [], 0
    label = f"{target.name}: probe lines"
    read = results_of(session, [inputs[index] for index in chosen], label=label, progress=progress)
    for index, logits in zip(chosen, read, strict=True):
        probes.append(Probe(errors=logit_errors(expected.frames[index], logits), frames=expected.frames[index]))
        probe_flips += greedy(logits, spec.charset).text != expected.texts[index]
    rest = _others(target, request, set(chosen))
    prediction = predict(probes, [expected.frames[index] for index in rest], seed=options.seed)
    flipped = None
    if options.observe:
        label = f"{target.name}: reading"
        read = results_of(session, [inputs[index] for index in rest], label=label, progress=progress)
        texts = [greedy(logits, spec.charset).text for logits in read]
        flipped = np.asarray([text != expected.texts[i] for text, i in zip(texts, rest, strict=True)], dtype=bool)
    errors = np.concatenate([probe.errors for probe in probes])
    fragile = choose_fragile([expected.frames[index].threshold for index in rest], options.fragile)
    observed = None if flipped is None else int(flipped.sum())
    return FlipForecast(
        probes=len(probes),
        frames=len(errors),
        error_rms=float(np.sqrt((errors**2).mean())),
        error_mean=float(errors.mean()),
        probe_flips=probe_flips,
        lines=len(rest),
        expected=prediction.expected,
        interval=prediction.interval,
        observed=observed,
        surprise=None if observed is None else _surprise(observed, prediction),
        fragile_lines=len(fragile),
        fragile_flips=None if flipped is None else int(flipped[fragile].sum()),
        bins=() if flipped is None else _bins(prediction, flipped),
    )


def _others(target: Target, request: Request, probes: set[int]) -> list[int]:
    """Return the lines that are predicted: all others, or a sample with their widths for a slow target."""
    rest = [index for index in range(len(request.audit.inputs)) if index not in probes]
    if target.lines is None or target.lines >= len(rest):
        return rest
    inputs = [request.audit.inputs[index] for index in rest]
    return sorted(rest[place] for place in choose_lines(inputs, target.lines, seed=request.options.seed))


def _surprise(observed: int, prediction: Prediction) -> Surprise:
    low, high = prediction.interval
    if observed > high:
        return Surprise.MORE
    return Surprise.FEWER if observed < low else Surprise.NONE


def _bins(prediction: Prediction, flipped: np.ndarray) -> tuple[Bin, ...]:
    found = prediction.probabilities
    place = np.clip(np.digitize(found, EDGES) - 1, 0, len(EDGES) - 2)
    return tuple(
        Bin(
            low=EDGES[i],
            high=EDGES[i + 1],
            lines=int((place == i).sum()),
            expected=float(found[place == i].sum()),
            observed=int(flipped[place == i].sum()),
        )
        for i in range(len(EDGES) - 1)
    )
