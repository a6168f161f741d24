"""ONNX Runtime Web in a real headless Chromium: what a web page computes, with WebAssembly or WebGPU."""

from __future__ import annotations

import json
import os
import shutil

from inkport.core.artifact import Artifact
from inkport.core.children import launcher
from inkport.core.errors import RuntimeUnavailableError
from inkport.core.runtime import Availability, SessionOptions
from inkport.runtimes.child import TIMEOUT_OPTION, ChildSession, open_child
from inkport.runtimes.node import check_precision, node_command, node_environment, probe_node


DEVICES = ("wasm", "webgpu")
"""Whether the browser has WebGPU shows only once it runs; ``open`` says so if not."""
CHROMIUM = "INKPORT_CHROMIUM"
"""Environment variable: the browser's program."""
LAUNCHER = "INKPORT_LAUNCHER"
"""Environment variable for our script: what stands before its process id and the browser, a list in JSON."""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
"""Names under which a Chromium is looked for otherwise."""


class OrtWeb:
    """Opens ONNX artifacts with onnxruntime-web in a browser that a child process drives."""

    name = "ort-web"
    formats = ("onnx",)

    def probe(self) -> Availability:
        """Say whether Node, the pinned onnxruntime-web and a Chromium are here."""
        found = probe_node("onnxruntime-web", devices=DEVICES)
        if found.ok and find_chromium() is None:
            named = os.environ.get(CHROMIUM)
            return Availability(
                ok=False,
                reason=f"{CHROMIUM} names {named}, which is not a program"
                if named
                else "no Chromium or Chrome is on PATH",
                remedy=f"apt install chromium, or set {CHROMIUM} to the program of a Chromium, Chrome or Edge",
            )
        return found

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> ChildSession:
        """Start the browser and load the artifact's ONNX file into a page.

        Raises:
            RuntimeUnavailableError: If the device is neither ``wasm`` nor ``webgpu``, the browser does not start,
                or lacks WebGPU or threads that were asked for.
            UnsupportedFormatError: If the artifact is neither fp32 nor int8.
            ArtifactCorruptError: If onnxruntime-web refuses the file.
            RuntimeExecutionError: If a process dies or hangs.
            UsageError: If an option is not known, or not possible.
        """
        options.check_extra(TIMEOUT_OPTION)
        if device not in DEVICES:
            raise RuntimeUnavailableError(
                f"ort-web runs on {' or '.join(DEVICES)}, not on {device!r}", remedy=f'set device = "{DEVICES[0]}"'
            )
        check_precision(artifact, self.name)
        return open_child(
            node_command("browser-runner.mjs"),
            artifact,
            model=artifact.file(".onnx"),
            device=device,
            options=options,
            label=f"{self.name} on {device}",
            environment={
                **node_environment(),
                CHROMIUM: find_chromium() or PROGRAMS[0],
                LAUNCHER: json.dumps(launcher()),
            },
        )


def find_chromium() -> str | None:
    """Return the path of the browser's program, or None."""
    named = os.environ.get(CHROMIUM)
    names = (named,) if named else PROGRAMS
    return next((path for name in names if (path := shutil.which(name))), None)
