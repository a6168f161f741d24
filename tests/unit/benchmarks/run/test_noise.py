from __future__ import annotations

import pytest

from inkport.benchmarks.measure.quantiles import Quantile
from inkport.benchmarks.run.environment import Conditions, EnergyCounter, read_conditions
from inkport.benchmarks.run.noise import Difference, Noise, NoiseMeter, calibration_load, noise_floor


STILL = Conditions(governor="performance", frequency_mhz=None, temperature_c=None, load_1min=None)


def test_a_steady_machine_has_no_floor_and_a_shaky_one_has():
    assert noise_floor([2.0] * 5) == pytest.approx(0)
    assert noise_floor([1.0, 1.1]) == pytest.approx(0.1)
    # One bad moment among many does not hide every difference.
    assert noise_floor([1.0] * 100 + [3.0]) == pytest.approx(0)


def test_the_median_of_a_moment_ignores_interruptions():
    now = [0]
    costs = iter([9e9] + ([1e6] * 14 + [5e8]) * 2 + [1e6] * 3)

    def load():
        now[0] += int(next(costs))

    meter = NoiseMeter(load=load, conditions=lambda: STILL, clock=lambda: now[0])
    meter.sample()
    meter.sample()
    noise = meter.noise()
    assert noise.floor == pytest.approx(0)
    assert [moment.load_ms for moment in noise.moments] == [1.0, 1.0]
    assert noise.moments[0].at_s == 0
    assert noise.moments[1].conditions.governor == "performance"


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        ((1.01, 1.005, 1.015), Difference.NONE),
        ((1.2, 1.15, 1.25), Difference.FASTER),
        ((0.8, 0.75, 0.85), Difference.SLOWER),
        ((1.2, 0.9, 1.5), Difference.NONE),
        ((1.2, None, 1.5), Difference.NONE),
    ],
)
def test_a_difference_counts_beyond_the_floor_and_beyond_chance(ratio, expected):
    value, low, high = ratio
    assert Noise(floor=0.05, moments=()).difference(Quantile(value=value, low=low, high=high)) is expected


def test_the_load_runs():
    calibration_load()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_sensors_of_a_machine_that_has_them(tmp_path):
    for core, khz in enumerate((2_000_000, 3_000_000, 3_100_000)):
        write(tmp_path / f"devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq", f"{khz}\n")
    write(tmp_path / "devices/system/cpu/cpu0/cpufreq/scaling_governor", "schedutil\n")
    write(tmp_path / "class/thermal/thermal_zone0/type", "acpitz\n")
    write(tmp_path / "class/thermal/thermal_zone0/temp", "99000\n")
    write(tmp_path / "class/thermal/thermal_zone1/type", "x86_pkg_temp\n")
    write(tmp_path / "class/thermal/thermal_zone1/temp", "61500\n")
    write(tmp_path / "class/hwmon/hwmon0/name", "k10temp\n")
    write(tmp_path / "class/hwmon/hwmon0/temp1_input", "62750\n")
    write(tmp_path / "class/hwmon/hwmon1/name", "nvme\n")
    write(tmp_path / "class/hwmon/hwmon1/temp1_input", "90000\n")
    found = read_conditions(tmp_path)
    assert (found.governor, found.frequency_mhz, found.temperature_c) == ("schedutil", 3000.0, 62.8)


def test_what_cannot_be_read_is_absent_and_not_zero(tmp_path):
    found = read_conditions(tmp_path)
    assert (found.governor, found.frequency_mhz, found.temperature_c) == (None, None, None)
    counter = EnergyCounter(tmp_path)
    assert not counter.available
    assert counter.spent_uj() is None


def test_energy_counts_whole_packages_and_survives_a_counter_that_wraps(tmp_path):
    zones = tmp_path / "class/powercap"
    packages = (("intel-rapl:0", "package-0", 900), ("intel-rapl:0:0", "core", 5), ("intel-rapl:1", "psys", 7))
    for name, label, count in packages:
        write(zones / name / "name", label)
        write(zones / name / "energy_uj", str(count))
        write(zones / name / "max_energy_range_uj", "1000")
    counter = EnergyCounter(tmp_path)
    assert counter.available
    write(zones / "intel-rapl:0/energy_uj", "950")
    assert counter.spent_uj() == 50
    write(zones / "intel-rapl:0/energy_uj", "20")
    assert counter.spent_uj() == 70
    (zones / "intel-rapl:0/energy_uj").unlink()
    assert counter.spent_uj() is None
