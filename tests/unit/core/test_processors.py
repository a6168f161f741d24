"""A container's share of processors is seen, in both versions of control groups."""

from __future__ import annotations

import os

import pytest

from inkport.core.processors import count_processors, sharing


HERE = float(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else float(os.cpu_count() or 1)


@pytest.fixture
def count(tmp_path):
    def run(rows, files):
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(rows)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return count_processors(proc=tmp_path / "proc", cgroups=tmp_path / "cgroup")

    return run


@pytest.mark.parametrize(
    ("rows", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 0.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "25000 100000"}, 0.25),
        ("0::/host/path/not/seen/here\n", {"cpu.max": "20000 100000"}, 0.2),
        ("0::/a\n", {"unified/a/cpu.max": "10000 100000"}, 0.1),
        ("4:cpuacct,cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "50000\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, 0.5),
        ("4:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, None),
        ("3:cpuset:/a\n", {"cpuset/a/cpu.max": "1 100000"}, None),
        ("0::/\n", {"cpu.max": "99999999 100000"}, None),
        ("0::/\n", {"cpu.max": "0 0"}, None),
        ("", {}, None),
    ],
)
def test_the_smallest_share_counts(count, rows, files, expected):
    assert count(rows, files) == (HERE if expected is None else expected)


def test_a_system_without_control_groups_has_its_processors(tmp_path):
    assert count_processors(proc=tmp_path, cgroups=tmp_path) == HERE


@pytest.mark.parametrize(
    ("threads", "processors", "expected"),
    [
        (4, 1.0, "4 threads share 1 processor"),
        (4, 1.5, "4 threads share 1.5 processors"),
        (2, 0.25, "2 threads share 0.25 processors"),
        (4, 4.0, ""),
        (1, 0.5, ""),
        (1, 8.0, ""),
    ],
)
def test_threads_that_share_processors_are_said_to(threads, processors, expected):
    assert sharing(threads, processors) == expected
