from __future__ import annotations

import json
import subprocess
import sys

from inkport.core.runtime import Availability


ABSENT = Availability(ok=False, reason="no driver", remedy="install the driver")


def test_every_runtime_with_its_facts(inkport, register):
    register(("acme", {"formats": ("acme", "onnx")}), ("nodriver", {"availability": ABSENT}))
    run = inkport("runtimes")
    acme, nodriver, fix, opens = run.out.splitlines()
    assert (run.code, run.err) == (0, "")
    assert acme.split() == ["acme", "1.2", "on", "cpu", "opens", "acme,", "onnx"]
    assert nodriver.split(maxsplit=1) == ["nodriver", "not available: no driver"]
    assert fix.strip() == "fix: install the driver"
    assert opens.strip() == "opens onnx"


def test_json(inkport, register):
    register(("acme", {}), ("nodriver", {"availability": ABSENT}))
    acme, nodriver = json.loads(inkport("runtimes", "--json").out)
    assert acme == {
        "name": "acme",
        "ok": True,
        "version": "1.2",
        "devices": ["cpu"],
        "formats": ["onnx"],
        "reason": "",
        "remedy": "",
    }
    assert (nodriver["ok"], nodriver["reason"], nodriver["remedy"]) == (False, "no driver", "install the driver")


def test_a_broken_plug_in_is_shown_with_its_reason_and_stops_no_other(inkport, register):
    register(("acme", {}), ("broken", ImportError("libacme.so is missing")))
    run = inkport("runtimes")
    assert run.code == 0
    assert "acme" in run.out
    assert "libacme.so is missing" in run.out
    assert "Traceback" not in run.out
    verbose = inkport("runtimes", "--verbose").out
    assert "Traceback" in verbose
    assert "in load_runtime" in verbose
    assert "traceback" in json.loads(inkport("runtimes", "--json", "--verbose").out)[1]


def test_a_probe_that_raises_is_shown_with_its_reason(inkport, register, monkeypatch):
    (rude,) = register(("rude", {}))

    def probe():
        raise OSError("bus error")

    monkeypatch.setattr(rude, "probe", probe, raising=False)
    run = inkport("runtimes")
    assert (run.code, "bus error" in run.out, "Traceback" in run.out) == (0, True, False)
    assert "in probe" in inkport("runtimes", "--verbose").out


def test_two_packages_with_one_name(inkport, register):
    register(("twice", {}), ("twice", {}), ("acme", {}))
    run = inkport("runtimes")
    assert run.code == 0
    assert "package0:Runtime, package1:Runtime" in run.out
    assert "fix: uninstall" in run.out


def test_no_runtime(inkport, register):
    register()
    assert inkport("runtimes").out == "no runtime is registered\n"


def test_the_built_in_runtimes_are_listed_without_torch():
    """In a process of its own, because other tests of this one import torch."""
    code = "import sys; sys.argv[1:] = ['runtimes', '--json']\n"
    code += "from inkport.cli import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert {row["name"] for row in json.loads(run.stdout)} >= {"onnxruntime", "openvino", "torch"}
