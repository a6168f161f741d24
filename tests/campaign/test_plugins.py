"""Plug-ins with the faults that vendors' code has: each is one row that names it, and the others go on.

The process that holds the report stays whatever happens in theirs: its exit code and its stdout are its own.
"""

from __future__ import annotations

import json
import re

import pytest

from campaign.hostile import prepare, run_inkport


for _package in ("onnxruntime", "onnx", "pyarrow"):
    pytest.importorskip(_package, reason="the plug-ins compute with onnxruntime")

VERIFIED = {
    "RunExits": ("run-failed", "RunExits on cpu: tried to end the whole process .exit code 0."),
    "RunSegfaults": ("run-failed", r"RunSegfaults on cpu: the child process was ended by signal 11 \(SIGSEGV\)"),
    "Hangs": ("run-failed", "Hangs on cpu: the child process did not answer 'run' within 4 s"),
    "FillsMemory": ("run-failed", r"FillsMemory on cpu: .*\(it ran out of its memory, 1024 MiB\)"),
    "Chatters": ("pass", "^$"),
    "ReturnsNan": ("run-failed", "ReturnsNan on cpu: returns NaN or infinity"),
    "ReturnsShort": ("run-failed", r"ReturnsShort on cpu: returns \d+ frames, the stride gives \d+"),
    "Probabilities": ("run-failed", "Probabilities on cpu: returns probabilities, not logits"),
    "FirstLineOnly": ("run-failed", "FirstLineOnly on cpu: drops the batch: 1 lines come back for 2"),
    "Honest": ("pass", "^$"),
}
"""Outcome and reason of each of the ten rows."""
BENCHED = {
    "RunLeaves": ("run-failed", "RunLeaves on cpu: the child process ended with exit code 0"),
    "OpenSegfaults": ("load-failed", r"OpenSegfaults on cpu: the child process was ended by signal 11 \(SIGSEGV\)"),
    "Chatters": ("pass", "^$"),
    "Honest": ("pass", "^$"),
}
FRESH = {
    "RunLeaves": ("load-failed", "0 RunLeaves: a fresh process ended with exit code 0"),
    "Hangs": ("load-failed", "1 Hangs: a fresh process took too long for one answer: 0:00:04 are allowed"),
    "Honest": ("pass", "^$"),
}
QUICK = ("--no-peaks", "--most-queries", 64, "--precision", 9, "--json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("plugins")
    prepare(made)
    return made


def check(done, folder, report, expected):
    assert done.returncode == 1, done.stderr.decode(errors="replace")
    found = json.loads(done.stdout)
    assert found == json.loads((folder / "out" / report).read_bytes())
    assert [row["runtime"] for row in found["targets"]] == list(expected)
    for row, (outcome, reason) in zip(found["targets"], expected.values(), strict=True):
        assert row["outcome"] == outcome, (row["runtime"], row["outcome"], row["reason"])
        assert re.search(reason, row["reason"], re.DOTALL), (row["runtime"], row["reason"])
    return found


def test_each_fault_is_one_row_that_names_it(folder):
    done = run_inkport(folder, "verify", VERIFIED, "--latency-lines", 2, "--json")
    found = check(done, folder, "report.json", VERIFIED)
    timed = {row["runtime"] for row in found["targets"] if row["latency"]}
    assert timed == {"Chatters", "Honest"}


@pytest.mark.parametrize(("expected", "fresh"), [(BENCHED, 0), (FRESH, 1)], ids=["warm", "fresh"])
def test_a_benchmark_outlives_them_too(folder, expected, fresh):
    done = run_inkport(folder, "bench", expected, "--fresh", fresh, *QUICK)
    check(done, folder, "bench.json", expected)
