"""Nothing leaves the machine, and nothing is left in the home folder, whatever engine a command imports or starts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from inkport.core.registry import probe


SCRIPT = Path(__file__).parents[2] / "scripts" / "left_behind.py"
SAMPLES = Path(str(files("inkport.benchmarks"))) / "samples"
INKPORT = (sys.executable, "-m", "inkport")
TARGET = """
[[target]]
name = "{runtime}"
runtime = "{runtime}"
precision = "int8"
device = "{device}"
required = false
budget = {{ cer_margin = 0.9 }}
"""
ENGINES = {"onnxruntime": "cpu", "openvino": "cpu", "ort-node": "cpu", "ort-web": "wasm"}


@pytest.fixture
def left_behind():
    """Run a command without a network and with an empty home; return what the script says."""

    def run(*command, browser=False):
        options = ["--browser"] if browser else []
        done = subprocess.run(
            [sys.executable, str(SCRIPT), *options, "--", *command], capture_output=True, text=True, check=False
        )
        if done.returncode == 3:
            pytest.skip(done.stderr.strip())
        found = json.loads(done.stdout)
        assert found["rc"] == 0, found["said"]
        # Torch makes the folder of its compiler's cache when the compiler is imported, and leaves it empty.
        found["tmp"] = [name for name in found["tmp"] if not name.startswith("torchinductor_")]
        return found, done.returncode

    return run


def test_the_script_sees_what_is_left_and_who_is_called(left_behind):
    code = (
        "import socket, tempfile; from pathlib import Path; (Path.home() / '.id').write_text('me')\n"
        "Path(tempfile.gettempdir(), 'queue').touch()\n"
        "with socket.socket() as s:\n"
        "    try: s.connect(('192.0.2.1', 443))\n"
        "    except OSError: pass\n"
        "with socket.create_server(('127.0.0.1', 0)) as s: socket.create_connection(s.getsockname()).close()\n"
    )
    found, verdict = left_behind(sys.executable, "-c", code)
    assert (found["home"], found["tmp"], found["calls"], verdict) == ([".id"], ["queue"], 1, 1)


@pytest.mark.parametrize(
    "arguments", [("runtimes",), ("read", str(SAMPLES / "rendered-en-000000.png")), ("--help",)], ids=lambda a: a[0]
)
def test_a_command_leaves_nothing_and_calls_nobody(left_behind, arguments):
    if arguments[0] == "read":
        pytest.importorskip("onnxruntime", reason="the bundled artifact is read with onnxruntime")
    found, _ = left_behind(*INKPORT, *arguments)
    assert {name: found[name] for name in ("home", "tmp", "calls", "calls_v6")} == {
        "home": [],
        "tmp": [],
        "calls": 0,
        "calls_v6": 0,
    }


def test_verify_with_every_engine_leaves_nothing_and_calls_nobody(left_behind, tmp_path):
    if find_spec("torch") is None and find_spec("onnxruntime") is None:
        pytest.skip("there is nothing to compare with: neither torch nor onnxruntime is installed")
    ready = {runtime: device for runtime, device in ENGINES.items() if probe(runtime).ok}
    (tmp_path / "targets.toml").write_text("".join(TARGET.format(runtime=r, device=d) for r, d in ready.items()))
    rows = (SAMPLES / "lines.tsv").read_text(encoding="utf-8").splitlines()[:4]
    (tmp_path / "lines.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for row in rows[1:]:
        shutil.copy(SAMPLES / row.split("\t")[1], tmp_path)
    command = ("verify", "--targets", "targets.toml", "--lines", "lines.tsv", "--latency-lines", "1", "--out", "out")
    places = [str(tmp_path / word) if word in ("targets.toml", "lines.tsv", "out") else word for word in command]
    found, _ = left_behind(*INKPORT, *places, browser="ort-web" in ready)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert {target["name"] for target in report["targets"] if target["parity"]} == set(ready)
    assert (found["home"], found["tmp"], found["calls"]) == ([], [], 0)
    assert found["calls_v6"] == 0 or "ort-web" in ready
