"""Jobs on a device: they outlive the connection, end in time, and leave nothing running."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from inkport.core.errors import DeviceError
from inkport.runtimes.devices.job import JobState, Look, end_job, look_at_job, start_job


def look(device, patience_s=0):
    return look_at_job(device, "bench/run-1", patience_s=patience_s)


def gone(pid):
    """Whether a process has ended, within a moment; a zombie whose parent does not ask for it has."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def pid_of(server):
    return int((server.home / "bench" / "run-1" / "pid").read_text().split()[0])


def wait_for(path):
    for _ in range(200):
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear")


def test_a_job_runs_on_after_the_call_and_its_end_is_found(device, server):
    assert look(device) == Look(stage=JobState.ABSENT)
    waits = "until [ -f go ]; do sleep 0.05; done"
    start_job(device, "bench/run-1", f"echo it\\'s on; echo hm >&2; {waits}; exit 5", limit_s=60)
    assert look(device) == Look(stage=JobState.RUNNING)
    folder = server.home / "bench" / "run-1"
    (folder / "go").touch()
    assert look(device, patience_s=20) == Look(stage=JobState.ENDED, code=5)
    assert ((folder / "out.txt").read_text(), (folder / "err.txt").read_text()) == ("it's on\n", "hm\n")
    assert gone(pid_of(server))


def test_a_job_is_started_once(device, server):
    for _ in range(2):
        start_job(device, "bench/run-1", "echo again >> ../count", limit_s=60)
    assert look(device, patience_s=20).stage is JobState.ENDED
    assert (server.home / "bench" / "count").read_text() == "again\n"


def test_a_job_that_takes_too_long_is_ended_with_all_that_it_started(device, server):
    start_job(device, "bench/run-1", "sh -c 'echo $$ > inner; sleep 300' & sleep 300", limit_s=1)
    inner = wait_for(server.home / "bench" / "run-1" / "inner")
    assert look(device, patience_s=20) == Look(stage=JobState.EXPIRED)
    assert gone(pid_of(server))
    assert gone(int(inner))


def test_what_a_job_leaves_running_ends_with_it(device, server):
    start_job(device, "bench/run-1", "sleep 300 & echo $! > inner", limit_s=60)
    assert look(device, patience_s=20) == Look(stage=JobState.ENDED, code=0)
    assert gone(int(wait_for(server.home / "bench" / "run-1" / "inner")))


def test_a_job_can_be_ended(device, server):
    start_job(device, "bench/run-1", "echo $$ > inner; sleep 300", limit_s=60)
    inner = int(wait_for(server.home / "bench" / "run-1" / "inner"))
    end_job(device, "bench/run-1")
    assert gone(inner)
    assert gone(pid_of(server))
    end_job(device, "bench/nowhere")


def test_a_job_of_before_the_device_started_anew_is_gone(device, server):
    start_job(device, "bench/run-1", "sleep 300", limit_s=60)
    assert look(device).stage is JobState.RUNNING
    pid = server.home / "bench" / "run-1" / "pid"
    own = pid.read_text()
    pid.write_text(re.sub(r" .*", " another-boot", own))
    assert look(device).stage is JobState.GONE
    end_job(device, "bench/run-1")
    assert not gone_now(int(own.split()[0])), "a process of another boot's number was ended"
    pid.write_text(own)
    end_job(device, "bench/run-1")
    assert gone(int(own.split()[0]))


def gone_now(pid):
    return not Path(f"/proc/{pid}").exists()


def test_a_folder_that_cannot_be_made_is_an_error(device):
    with pytest.raises(DeviceError, match=r"starting the run failed with exit code 1:\n.*/proc"):
        start_job(device, "/proc/bench/run-1", "true", limit_s=60)
