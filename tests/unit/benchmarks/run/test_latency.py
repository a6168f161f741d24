from __future__ import annotations

import ctypes
import gc
from collections import Counter

import numpy as np
import pytest

from inkport.benchmarks.run import latency
from inkport.benchmarks.run.latency import choose_lines, cold_start, measure, schedule, summarise
from inkport.benchmarks.run.noise import Noise


def make_inputs(widths):
    return [np.zeros((1, 1, 48, width), dtype=np.float32) for width in widths]


class Clocked:
    """A session that takes as long as its turn says, on a clock of its own."""

    def __init__(self, clock, ns, fail_at=0):
        self.clock, self.ns, self.fail_at, self.calls, self.closed = clock, ns, fail_at, [], False

    def run(self, images):
        self.calls.append(images.shape[3])
        if len(self.calls) == self.fail_at:
            raise ValueError("broken driver")
        self.clock[0] += self.ns * images.shape[3]
        return images

    def close(self):
        self.closed = True


@pytest.fixture
def clock(monkeypatch):
    now = [0]
    monkeypatch.setattr(latency.time, "perf_counter_ns", lambda: now[0])
    return now


def test_every_line_is_timed_once_per_target_and_turns_rotate():
    calls = list(schedule(["a", "b", "c"], 10, block=4))
    timed = Counter((call.target, call.line) for call in calls if call.timed)
    assert timed == {(target, line): 1 for target in "abc" for line in range(10)}
    first = [call.target for call in calls if not call.timed]
    assert first == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    # Each turn starts with a run that does not count, on the block's first line.
    assert [call.line for call in calls if not call.timed] == [0, 0, 0, 4, 4, 4, 8, 8, 8]


def test_only_the_session_is_timed(clock):
    slow, fast = Clocked(clock, 30), Clocked(clock, 10)
    widths = [32, 64, 64, 128, 32]
    times = measure({"slow": slow, "fast": fast}, make_inputs(widths))
    assert times.ns == {"slow": [30 * w for w in widths], "fast": [10 * w for w in widths]}


def test_a_target_that_writes_into_its_input_while_it_is_timed_stands_alone(clock):
    class Writes(Clocked):
        def run(self, images):
            super().run(images)
            if len(self.calls) > 4:
                ctypes.memset(images.ctypes.data, 255, 4)
            return images

    class Looks(Clocked):
        def run(self, images):
            assert not images.any()
            return super().run(images)

    times = measure(
        {"before": Looks(clock, 1), "writes": Writes(clock, 1), "after": Looks(clock, 1)}, make_inputs([32] * 20)
    )
    assert set(times.errors) == {"writes"}
    assert "writes: changes its input" in str(times.errors["writes"])
    assert set(times.ns) == {"before", "after"}


def test_every_width_is_run_before_anything_is_timed(clock):
    session = Clocked(clock, 1)
    measure({"only": session}, make_inputs([32, 64, 64, 128]))
    assert sorted(session.calls[:3]) == [32, 64, 128]


@pytest.mark.parametrize("fail_at", [1, 4, 9])
def test_a_target_that_breaks_does_not_stop_the_others(clock, fail_at):
    broken, whole = Clocked(clock, 10, fail_at=fail_at), Clocked(clock, 10)
    times = measure({"broken": broken, "whole": whole}, make_inputs([32, 64] * 6))
    assert list(times.errors) == ["broken"]
    assert list(times.ns) == ["whole"]
    assert len(times.ns["whole"]) == 12
    assert len(broken.calls) == fail_at


def test_garbage_collection_is_as_before(clock):
    measure({"only": Clocked(clock, 1)}, make_inputs([32]))
    assert gc.isenabled()


def test_cold_start_is_the_median_of_fresh_sessions(clock):
    sessions = []

    def open_session():
        clock[0] += [5_000_000, 1_000_000, 3_000_000][len(sessions)]
        sessions.append(Clocked(clock, 1_000_000 // 32))
        return sessions[-1]

    elapsed, session = cold_start(open_session, make_inputs([32])[0])
    assert elapsed == pytest.approx(4.0)
    assert session is sessions[-1]
    assert [s.closed for s in sessions] == [True, True, False]


def test_a_cold_start_that_fails_closes_its_session(clock):
    session = Clocked(clock, 1, fail_at=1)
    with pytest.raises(ValueError, match="broken driver"):
        cold_start(lambda: session, make_inputs([32])[0])
    assert session.closed


def test_chosen_lines_have_the_widths_of_all(rng):
    widths = rng.choice([32, 64, 256, 1024], p=[0.1, 0.4, 0.4, 0.1], size=1000)
    inputs = make_inputs(widths)
    chosen = choose_lines(inputs, 100, seed=0)
    assert len(set(chosen)) == 100
    share = Counter(int(widths[index]) for index in chosen)
    for width, count in Counter(widths.tolist()).items():
        assert abs(share[width] - count / 10) <= 1
    assert chosen == choose_lines(inputs, 100, seed=0)
    assert [widths[i] for i in chosen] != sorted(widths[i] for i in chosen)


def test_all_lines_are_chosen_if_there_are_fewer():
    assert sorted(choose_lines(make_inputs([64, 32, 96]), 200, seed=0)) == [0, 1, 2]


def test_figures():
    ns = [n * 1_000_000 for n in range(1, 102)]
    figures = summarise(ns, cold_start_ms=7.0, baseline=[2 * n for n in ns])
    assert (figures.p50_ms, figures.p90_ms, figures.p99_ms) == (51.0, 91.0, 100.0)
    assert figures.lines_per_s == pytest.approx(101 / (sum(range(1, 102)) / 1000))
    assert (figures.n, figures.cold_start_ms, figures.speed_up) == (101, 7.0, 2.0)
    assert summarise(ns, cold_start_ms=7.0, baseline=None).speed_up is None


def test_an_engine_elsewhere_is_timed_by_itself():
    class Elsewhere:
        last_run_ns = 7_000_000

        def run(self, images):
            return images

        def close(self):
            pass

    image = np.zeros((1, 1, 48, 64), dtype=np.float32)
    assert measure({"browser": Elsewhere()}, [image] * 3).ns["browser"] == [7_000_000] * 3


def test_intervals_the_curve_and_the_noise_floor(clock):
    widths = [32, 64, 96, 160] * 25
    base, port = Clocked(clock, 10_000), Clocked(clock, 20_000)
    times = measure({"base": base, "port": port}, make_inputs(widths))
    assert times.noise is not None
    assert len(times.noise.moments) == 5
    found = summarise(times.ns["port"], cold_start_ms=1.0, baseline=times.ns["base"], widths=widths, noise=times.noise)
    assert found.p50_interval_ms[0] <= found.p50_ms <= found.p50_interval_ms[1]
    assert found.p99_interval_ms[1] is None, "100 lines have no upper limit for p99"
    assert found.speed_up_interval == (0.5, 0.5)
    assert found.curve.cost.per_px_ms == pytest.approx(0.02)
    assert found.curve.cost.constant_ms == pytest.approx(0, abs=1e-9)
    noisy = Noise(floor=1.5, moments=())
    assert summarise(times.ns["port"], cold_start_ms=1.0, baseline=times.ns["base"], noise=noisy).difference == "none"
    quiet = Noise(floor=0.1, moments=())
    assert summarise(times.ns["port"], cold_start_ms=1.0, baseline=times.ns["base"], noise=quiet).difference == "slower"
