"""What the conformance suite does not ask of the runtimes in child processes: threads, and processes that fail."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest


pytest.importorskip("torch", reason="the toy and its golden logits need torch")

from inkport.benchmarks.run.environment import without_folders
from inkport.core.child import KINDS, PROTOCOL, open_child
from inkport.core.errors import (
    ArtifactCorruptError,
    RuntimeExecutionError,
    RuntimeUnavailableError,
    UnsupportedFormatError,
)
from inkport.core.registry import open_session, probe
from inkport.core.runtime import Evidence, SessionOptions
from inkport.core.target import Precision
from inkport.runtimes import javascript
from inkport.runtimes.javascript import WEB as WEB_FOLDER, modules_folder
from inkport.runtimes.logits import sample_images
from inkport.runtimes.ort_arm64 import RUNNER


WEB = ("ort-node", "ort-web")
ALL = {"ort-node": "cpu", "ort-web": "wasm", "ort-arm64": "cpu"}


def is_debian():
    release = Path("/etc/os-release")
    return release.exists() and "\nID=debian\n" in f"\n{release.read_text()}"


only_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


@pytest.fixture
def temporary(monkeypatch):
    """Where children keep their files; empty again after each test. Chromium takes no long paths."""
    with tempfile.TemporaryDirectory(prefix="ink-") as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)
        assert list(Path(folder).iterdir()) == []


def processes(words):
    """Ids of the processes, other than those already dead, whose command line has all these words."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except (OSError, NotADirectoryError):
            continue
        if command and all(word in command for word in words):
            found.append(int(entry.name))
    return found


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def none_left(*words):
    for _ in range(100):
        if not processes(words):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("runtime", WEB)
def test_what_make_test_installs_is_there(runtime):
    found = probe(runtime)
    assert found.ok, f"{found.reason}; fix: {found.remedy}"


@pytest.mark.skipif(not is_debian(), reason="the arm64 root is made of Debian packages")
def test_the_arm64_root_that_make_test_builds_is_there():
    found = probe("ort-arm64")
    assert found.ok, f"{found.reason}; fix: {found.remedy}"


def test_only_the_emulated_runtime_says_that_it_is():
    assert {name: probe(name).evidence for name in ALL} == {
        "ort-node": Evidence.MEASURED,
        "ort-web": Evidence.MEASURED,
        "ort-arm64": Evidence.EMULATED,
    }


def test_probes_find_nothing_where_nothing_is(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ALL:
        assert not probe(name).ok
        assert probe(name).remedy


def test_probes_name_what_is_missing_or_of_another_version(monkeypatch, tmp_path):
    package = tmp_path / "node_modules" / "onnxruntime-node" / "package.json"
    monkeypatch.setenv("INKPORT_WEB_MODULES", str(tmp_path))
    monkeypatch.setenv("INKPORT_ARM64_ROOT", str(tmp_path))
    assert "onnxruntime-node is not installed" in probe("ort-node").reason
    assert "npm ci --ignore-scripts" in probe("ort-node").remedy
    assert "holds no arm64 root" in probe("ort-arm64").reason
    package.parent.mkdir(parents=True)
    package.write_text('{"version": "1.2.3"}')
    assert "onnxruntime-node 1.2.3 is installed, 1.30.0 is expected" in probe("ort-node").reason
    package.write_text("{")
    assert "is damaged" in probe("ort-node").reason


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_remedy_of_a_missing_npm_package_works_as_a_report_prints_it(monkeypatch, tmp_path, elsewhere):
    # A copy without modules; what the remedy asks for is the real one.
    shutil.copytree(WEB_FOLDER, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    monkeypatch.setattr(javascript, "WEB", tmp_path / "web")
    if elsewhere:
        (tmp_path / "modules").mkdir()
        monkeypatch.setenv("INKPORT_WEB_MODULES", str(tmp_path / "modules"))
    remedy = without_folders(probe("ort-node").remedy)
    # npm would fetch; the rest of the line is the shell's.
    script = f'npm() {{ echo "$@"; }}\npython() {{ "{sys.executable}" "$@"; }}\n{remedy}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    folder = Path(done.stdout.strip().removeprefix("ci --ignore-scripts --prefix "))
    assert (folder / "package.json").is_file()
    assert not elsewhere or folder == tmp_path / "modules"


def test_a_browser_that_is_no_program_is_named(monkeypatch):
    monkeypatch.setenv("INKPORT_CHROMIUM", "/no/such/browser")
    assert "names /no/such/browser" in probe("ort-web").reason


@pytest.mark.parametrize("runtime", WEB)
def test_other_precisions_are_refused(runtime, toy_onnx):
    with pytest.raises(UnsupportedFormatError, match="runs fp32, int8, this artifact is fp16"):
        open_session(replace(toy_onnx, precision=Precision.FP16), runtime=runtime, device=ALL[runtime])


@pytest.mark.usefixtures("temporary")
def test_the_runner_for_another_python_needs_nothing_of_inkport(toy_onnx, toy_golden):
    def start(**changes):
        # -I keeps this folder, and -P the runner's own, off the path.
        command = [sys.executable, "-I", "-P", str(RUNNER)]
        settings = {"model": toy_onnx.file(".onnx"), "device": "cpu"} | changes
        return open_child(command, toy_onnx, options=SessionOptions(threads=2), label="runner", **settings)

    assert "inkport" not in re.findall(r"^\s*(?:from|import) (\w+)", RUNNER.read_text(), re.MULTILINE)
    session = start()
    np.testing.assert_allclose(session.run(toy_golden.images[1]), toy_golden.logits[1], atol=1e-4)
    assert session.last_run_ns > 0
    with pytest.raises(RuntimeExecutionError, match=r"runner: .*[Ii]nvalid"):
        session.run(toy_golden.images[1][:, :, :5])
    np.testing.assert_allclose(session.run(toy_golden.images[0]), toy_golden.logits[0], atol=1e-4)
    session.close()
    with pytest.raises(RuntimeUnavailableError, match="runs on cpu, not on abacus"):
        start(device="abacus")
    with pytest.raises(ArtifactCorruptError, match="onnxruntime cannot load it"):
        start(model=RUNNER)


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize("runtime", WEB)
def test_two_threads_compute_the_same(runtime, toy_onnx, toy_golden):
    with open_session(toy_onnx, runtime=runtime, device=ALL[runtime], options=SessionOptions(threads=2)) as session:
        found = session.run(toy_golden.images[-1])
        assert session.session.last_run_ns > 0
    np.testing.assert_allclose(found, toy_golden.logits[-1], atol=1e-4)


@pytest.mark.usefixtures("temporary")
def test_a_page_without_isolation_gets_no_threads_and_says_so(toy_onnx, tmp_path, monkeypatch):
    web = shutil.copytree(WEB_FOLDER, tmp_path / "web", ignore=lambda *_: ["node_modules"])
    server = web / "page-server.mjs"
    text = server.read_text()
    assert "same-origin" in text
    server.write_text(text.replace("same-origin", "unsafe-none"))
    monkeypatch.setenv("INKPORT_WEB_MODULES", str(modules_folder()))
    monkeypatch.setattr("inkport.runtimes.javascript.WEB", web)
    with pytest.raises(RuntimeUnavailableError, match="does not isolate the page"):
        open_session(toy_onnx, runtime="ort-web", device="wasm", options=SessionOptions(threads=2))


@pytest.mark.usefixtures("temporary")
def test_without_a_gpu_webgpu_is_unavailable_and_not_computed_elsewhere(toy_onnx, toy_golden):
    reason = ""
    try:
        with open_session(toy_onnx, runtime="ort-web", device="webgpu") as session:
            found = session.run(toy_golden.images[0])
    except RuntimeUnavailableError as error:
        reason, found = error.message, toy_golden.logits[0]
    assert not reason or "WebGPU" in reason
    np.testing.assert_allclose(found, toy_golden.logits[0], atol=1e-3)


@pytest.fixture
def fake_browser(tmp_path, monkeypatch):
    """Put a shell script in the browser's place."""

    def make(script):
        browser = tmp_path / "browser"
        browser.write_text(f"#!/bin/sh\n{script}\n")
        browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("INKPORT_CHROMIUM", str(browser))

    return make


@only_linux
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no display >&2; exit 3", r"the browser ended \(exit code 3\)\nno display$"),
        ("exec sleep 600", r"did not answer 'open' within 3 s"),
    ],
)
def test_a_browser_that_will_not_start_is_an_error_in_time(script, message, toy_onnx, temporary, fake_browser):
    fake_browser(script)
    began = time.monotonic()
    with pytest.raises((RuntimeUnavailableError, RuntimeExecutionError), match=message):
        open_session(toy_onnx, runtime="ort-web", device="wasm", options=SessionOptions(extra={"timeout_s": "3"}))
    assert time.monotonic() - began < 15
    assert none_left(str(temporary))


@only_linux
@pytest.mark.usefixtures("temporary")
def test_a_browser_that_is_killed_is_an_error_and_leaves_nothing(toy_onnx, temporary):
    image = sample_images(toy_onnx.spec.preprocess, 64, lines=1)
    with open_session(toy_onnx, runtime="ort-web", device="wasm") as session:
        session.run(image)
        (browser,) = processes(["--headless", str(temporary), "--host-resolver-rules", "start.html"])
        os.kill(browser, signal.SIGKILL)
        with pytest.raises(RuntimeExecutionError, match="the browser"):
            session.run(image)
    assert none_left(str(temporary))


@only_linux
@pytest.mark.parametrize("at_once", [False, True], ids=["the run", "the run and Node at once"])
def test_a_killed_run_takes_its_browser_along(toy_onnx, at_once):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom inkport.core.artifact import load_artifact\n"
        "from inkport.core.registry import open_session\n"
        "session = open_session(load_artifact(Path(sys.argv[1])), runtime='ort-web', device='wasm')\n"
        "print('open', flush=True)\ntime.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(toy_onnx.path)]
    with tempfile.TemporaryDirectory(prefix="ink-") as folder:
        environment = os.environ | {"TMPDIR": folder}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder) as parent:
            assert parent.stdout.readline() == "open\n"
            assert processes(["--headless", folder])
            # Nobody is left then who could end the browser: the system does.
            runners = [pid for pid in processes(["browser-runner.mjs"]) if parent_of(pid) == parent.pid]
            assert len(runners) == 1
            for pid in runners if at_once else []:
                os.kill(pid, signal.SIGSTOP)
            parent.kill()
            for pid in runners if at_once else []:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        assert none_left("--headless", folder)


def test_the_protocols_document_names_its_version_and_every_kind_of_error():
    text = (Path(__file__).parents[2] / "docs" / "child-protocol.md").read_text(encoding="utf-8")
    assert f'"protocol": {PROTOCOL}' in text
    assert set(re.findall(r"^\| `(\w+)` \| .*Error", text, re.MULTILINE)) == set(KINDS)
