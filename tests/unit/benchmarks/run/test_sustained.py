from __future__ import annotations

import pytest

from inkport.benchmarks.run.noise import Difference, Noise
from inkport.benchmarks.run.sustained import MINUTE_NS, measure_overhead, run_sustained
from inkport.core.errors import UsageError


QUIET = Noise(floor=0.02, moments=())


def test_a_planted_drift_is_found_and_none_is_invented(world, inputs, rng):
    def hot(images):
        return 3e5 * images.shape[3] * (1 + 0.1 * world.now / (4 * MINUTE_NS)) * rng.lognormal(0, 0.05)

    def steady(images):
        return 3e5 * images.shape[3] * rng.lognormal(0, 0.05)

    sessions = {"hot": world.session(hot), "steady": world.session(steady)}
    found = run_sustained(sessions, inputs, 4, noise=QUIET, meter=world.meter(), clock=world.clock)
    drift = found.targets["hot"]
    # 10 % in four minutes: from the middle of the first to that of the last it is 10 % * 3/4, on 1 + 10 % / 8.
    assert drift.change.value == pytest.approx((1 + 0.1 * 3.5 / 4) / (1 + 0.1 * 0.5 / 4), abs=0.015)
    assert drift.change.low < drift.change.value < drift.change.high
    assert drift.verdict is Difference.SLOWER
    assert found.targets["steady"].verdict is Difference.NONE
    assert found.targets["steady"].change.low < 1 < found.targets["steady"].change.high
    assert len(drift.minute_p50_ms) == 4
    assert len(found.moments) == 5
    assert found.moments[-1].at_s == pytest.approx(240, abs=15)


def test_a_drift_below_the_floor_is_none(world, inputs):
    session = world.session(lambda x: 3e5 * x.shape[3] * (1 + 0.01 * world.now / (3 * MINUTE_NS)))
    found = run_sustained({"a": session}, inputs, 3, noise=QUIET, meter=world.meter(), clock=world.clock)
    assert found.targets["a"].verdict is Difference.NONE


def test_a_target_that_fails_is_named(world, inputs):
    sessions = {"a": world.session(lambda _: 1e8), "broken": world.session(lambda _: 1e8, fail_at=50)}
    found = run_sustained(sessions, inputs, 2, noise=QUIET, meter=world.meter(), clock=world.clock)
    assert list(found.targets) == ["a"]
    assert "driver fell over" in str(found.errors["broken"])


def test_one_minute_cannot_drift(inputs):
    with pytest.raises(UsageError):
        run_sustained({}, inputs, 1, noise=QUIET)


def test_the_harness_measures_what_a_bare_loop_does(world, inputs):
    found = measure_overhead(world.session(lambda x: 1e4 * x.shape[3]), inputs, rounds=40, clock=world.clock)
    assert found.ratio.value == pytest.approx(1.0)
    assert found.harness_ms == pytest.approx(found.bare_ms)


def test_a_clock_that_costs_something_shows_as_overhead(world, inputs):
    def slow_clock():
        world.now += 50_000
        return world.now

    session = world.session(lambda _: 1e6)
    found = measure_overhead(session, inputs, rounds=40, clock=slow_clock)
    # The harness pays for the clock at each line, the loop once in eight lines.
    assert found.ratio.value == pytest.approx(1.05 / (1 + 0.05 / 8), rel=1e-3)


def test_a_session_that_breaks_raises_its_own_error(world, inputs):
    with pytest.raises(ValueError, match="driver fell over"):
        measure_overhead(world.session(lambda _: 1e6, fail_at=30), inputs, clock=world.clock)
