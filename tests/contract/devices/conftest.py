"""Devices to talk to: an ssh server of our own on the loopback address, and a recorded adb."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from inkport.runtimes.devices import describe, files
from inkport.runtimes.devices.device import parse_address
from inkport.runtimes.devices.transport import SshDevice


END = "\n); echo; echo inkport-exit $?"
SCRIPTS = {
    "end": END,
    "describe": f"( {describe.FACTS_SCRIPT}{END}",
    "sensors": f"( sys=/sys{describe.SENSORS_SCRIPT}{END}",
    "digest": f"{files.DIGEST}{END}",
}
"""What a transcript calls the scripts."""


def load(name):
    spec = spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """One server for a file of tests: a new key pair takes longer than a connection."""
    pytest.importorskip("asyncssh", reason="the ssh server of the tests is asyncssh")
    if shutil.which("ssh") is None:
        pytest.skip("there is no ssh client here (Debian: apt-get install openssh-client)")
    folder = tmp_path_factory.mktemp("ssh")
    with load("ssh_server").SshServer(folder) as server:
        yield server


@pytest.fixture
def server(shared_server, tmp_path, monkeypatch):
    """The server with an empty login folder, reached by the configuration that ssh gets."""
    shared_server.home = tmp_path / "home"
    shared_server.home.mkdir()
    shared_server.environment, shared_server.cut_after = {}, None
    shared_server.received.clear()
    monkeypatch.setenv("INKPORT_SSH", f"ssh -F {shared_server.config()}")
    return shared_server


@pytest.fixture
def address(server):
    return f"ssh://127.0.0.1:{server.port}/~/bench"


@pytest.fixture
def device(address):
    return SshDevice(parse_address(address))


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Put a recorded conversation in place of adb; it must have been gone through when the test ends.

    A transcript names the longer scripts: ``<name>`` in it is replaced by what the test gives for the name.
    """
    counter, calls = tmp_path / "adb-calls", []

    def play(transcript, **values):
        text = transcript if isinstance(transcript, str) else json.dumps(transcript)
        if isinstance(transcript, str):
            text = (Path(__file__).parent / "transcripts" / f"{transcript}.json").read_text(encoding="utf-8")
        for name, value in {**SCRIPTS, **values}.items():
            text = text.replace(f"<{name}>", json.dumps(value)[1:-1])
        calls[:] = json.loads(text)
        counter.unlink(missing_ok=True)
        (tmp_path / "adb.json").write_text(text, encoding="utf-8")
        fake = [sys.executable, "-I", "-S", Path(__file__).parent / "fake_adb.py", tmp_path / "adb.json", counter]
        monkeypatch.setenv("INKPORT_ADB", shlex.join(map(str, fake)))

    yield play
    made = int(counter.read_text()) if counter.exists() else 0
    assert made == len(calls), "calls that were not in the recording, or not all that are"
