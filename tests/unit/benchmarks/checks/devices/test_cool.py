"""Waiting until a device is cool: it ends, one way or the other."""

from __future__ import annotations

import pytest

from inkport.benchmarks.checks.devices.steps import POLL_S, Cooling, wait_until_cool
from inkport.benchmarks.run.progress import silent
from inkport.core.errors import DeviceUnavailableError, UsageError
from inkport.runtimes.devices.device import Ran


class Cooler:
    """A device whose readings follow one another, with a clock that only its waiting moves."""

    name, folder = "bench", "bench"

    def __init__(self, *readings):
        self.readings, self.now, self.asked = list(readings), 0.0, 0

    def run(self, script, *, timeout_s=0.0):
        self.asked += 1
        reading = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        return Ran(code=0, out=reading, err="")

    def wait(self, **settings):
        def sleep(seconds):
            self.now += seconds

        return wait_until_cool(self, Cooling(**settings), progress=silent, clock=lambda: self.now, sleep=sleep)


def test_a_cool_device_does_not_wait():
    device = Cooler("zone 44900 cpu")
    waited, sensors = device.wait(below_c=45)
    assert (waited, device.asked, sensors.temperatures_c) == (0.0, 1, {"cpu": 44.9})


def test_a_hot_device_is_waited_for_and_the_time_is_told():
    device = Cooler("zone 61000 cpu", "zone 52000 cpu", "zone 45000 cpu", "zone 44000 cpu")
    waited, sensors = device.wait(below_c=45)
    assert (waited, device.asked, sensors.temperatures_c) == (3 * POLL_S, 4, {"cpu": 44.0})


def test_every_sensor_must_be_cool_unless_only_some_count():
    readings = "zone 41000 cpu0\nzone 60000 modem"
    with pytest.raises(DeviceUnavailableError, match=r"modem is at 60\.0"):
        Cooler(readings).wait(below_c=45, timeout_s=5)
    assert Cooler(readings).wait(below_c=45, zones="gpu*, cpu*")[0] == 0.0


@pytest.mark.parametrize("timeout_s", [1, 35, 600])
def test_a_device_that_stays_hot_is_given_up_in_time(timeout_s):
    device = Cooler("zone 61000 cpu")
    with pytest.raises(
        DeviceUnavailableError, match=r"bench: stays hot: cpu is at 61\.0 °C after \d+ s, below 45"
    ) as e:
        device.wait(below_c=45, timeout_s=timeout_s)
    assert timeout_s - POLL_S < device.now <= timeout_s
    assert "--cool-timeout" in e.value.remedy


@pytest.mark.parametrize(("reading", "zones"), [("", "*"), ("zone 41000 cpu", "gpu*")])
def test_a_device_without_a_temperature_that_counts_is_no_cool_one(reading, zones):
    with pytest.raises(DeviceUnavailableError, match="tells no temperature that counts"):
        Cooler(reading).wait(below_c=45, zones=zones)


@pytest.mark.parametrize("settings", [{"below_c": 0}, {"below_c": 45, "timeout_s": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(UsageError, match="above 0"):
        Cooling(**settings)
