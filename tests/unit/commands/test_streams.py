"""The exit code and the JSON of a real process, whatever its standard output and error are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


SAMPLES = Path(__file__).parents[2] / "golden" / "report-0.1.json"
FULL = Path("/dev/full")
needs_full_device = pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")


@pytest.fixture(scope="module")
def worse(tmp_path_factory):
    """A report with a target that regressed, whose name is not ASCII."""
    document = json.loads(SAMPLES.read_text(encoding="utf-8"))
    document["targets"][0]["outcome"] = "text-differs"
    document["targets"][0]["reason"] = "déjà vu"
    path = tmp_path_factory.mktemp("reports") / "worse.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def shell(script: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in which ``$0`` is Python and ``$@`` the command line of inkport."""
    return subprocess.run(
        ["/bin/sh", "-c", script, sys.executable, "-m", "inkport", *map(str, arguments)],
        capture_output=True,
        env={**os.environ, **variables},
        text=True,
        check=False,
        timeout=120,
    )


def codes_of(done: subprocess.CompletedProcess[str]) -> int:
    """The code that the script printed, on whichever stream was left."""
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stdout + done.stderr
    (code,) = re.findall(r"^code=(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    return int(code)


PIPE = '{ "$0" "$@" 2>/dev/null; echo code=$? >&2; } | true'
"""A reader that reads nothing and goes away."""


def test_a_verdict_outlives_its_reader(worse):
    assert codes_of(shell(PIPE, "compare", SAMPLES, worse)) == 1
    assert codes_of(shell(PIPE, "compare", SAMPLES, SAMPLES, "--json")) == 0


def test_wrong_words_outlive_their_reader():
    assert codes_of(shell(PIPE, "nosuch")) == 2
    assert codes_of(shell(PIPE, "--help")) == 0


@needs_full_device
def test_a_full_disk_is_told_and_hides_no_verdict(worse):
    full = '"$0" "$@" >/dev/full; echo code=$?'
    told = shell(full, "compare", SAMPLES, SAMPLES)
    assert codes_of(told) == 2
    assert "inkport: standard output: No space left on device" in told.stderr
    assert codes_of(shell(full, "compare", SAMPLES, worse, "--json")) == 1


def test_closed_streams_change_no_code(worse):
    closed = '"$0" "$@" >&- 2>&- <&-; echo code=$?'
    assert codes_of(shell(closed, "compare", SAMPLES, worse)) == 1
    assert codes_of(shell(closed, "compare", SAMPLES, SAMPLES)) == 0
    assert codes_of(shell(closed, "compare", SAMPLES, "nowhere.json")) == 2


def test_what_is_printed_never_reaches_a_file_that_took_a_closed_descriptor(worse, tmp_path):
    junit = tmp_path / "found.xml"
    done = shell('"$0" "$@" >&- 2>&-; echo code=$?', "compare", SAMPLES, worse, "--junit", junit)
    assert codes_of(done) == 1
    assert junit.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_json_is_json_in_every_encoding(worse, encoding):
    variables = {"PYTHONIOENCODING": encoding, "PYTHONUNBUFFERED": "1"}
    done = shell('"$0" "$@"', "compare", SAMPLES, worse, "--json", **variables)
    assert done.returncode == 1
    assert any("déjà vu" in row for target in json.loads(done.stdout)["targets"] for row in target["regressions"])
    assert done.stdout.isascii()


CHATTY = """
import os, sys
print("loaded")

class Chatty:
    name, formats = "chatty", ("onnx",)

    def probe(self):
        print("probed")
        os.write(1, b"past everything\\n")
        sys.stdout.close()
        os.system("echo and a child")
        from inkport.core.runtime import Availability
        return Availability(ok=True, version="1", devices=("cpu",))

    def open(self, artifact, *, device, options):
        raise NotImplementedError
"""


def test_what_a_runtime_prints_is_not_in_the_json(tmp_path):
    (tmp_path / "chatty.py").write_text(CHATTY, encoding="utf-8")
    info = tmp_path / "chatty-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: chatty\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[inkport.runtimes]\nchatty = chatty:Chatty\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = shell('"$0" "$@"', "runtimes", "--json", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    (row,) = (row for row in json.loads(done.stdout) if row["name"] == "chatty")
    assert row["ok"], row
    # It stays in the process that the plug-in runs in, whose last lines are shown where something goes wrong.
    assert done.stderr == ""
