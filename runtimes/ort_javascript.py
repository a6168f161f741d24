"""ONNX Runtime in JavaScript: in Node, as desktop applications and servers have it, and in a real headless Chromium."""

from __future__ import annotations

from inkport.core.artifact import Artifact
from inkport.core.child import TIMEOUT_OPTION, ChildSession, open_child
from inkport.core.runtime import Availability, SessionOptions
from inkport.runtimes.javascript import (
    browser_environment,
    check_device,
    check_precision,
    node_command,
    node_environment,
    probe_browser,
    probe_node,
)


DEVICES = ("wasm", "webgpu")
"""Whether the browser has WebGPU shows only once it runs; ``open`` says so if not."""


class OrtNode:
    """Opens ONNX artifacts with onnxruntime-node in a child process."""

    name = "ort-node"
    formats = ("onnx",)

    def probe(self) -> Availability:
        """Say whether Node and the pinned onnxruntime-node are here."""
        return probe_node("onnxruntime-node", devices=("cpu",))

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> ChildSession:
        """Start Node and load the artifact's ONNX file.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``, or Node does not start.
            UnsupportedFormatError: If the artifact is neither fp32 nor int8.
            ArtifactCorruptError: If onnxruntime-node refuses the file.
            RuntimeExecutionError: If the process dies or hangs.
            UsageError: If an option is not known, or not possible.
        """
        options.check_extra(TIMEOUT_OPTION)
        check_device(device, ("cpu",), label=self.name)
        check_precision(artifact, self.name)
        return open_child(
            node_command("node-runner.mjs"),
            artifact,
            model=artifact.file(".onnx"),
            device=device,
            options=options,
            label=self.name,
            environment=node_environment(),
        )


class OrtWeb:
    """Opens ONNX artifacts with onnxruntime-web in a browser that a child process drives."""

    name = "ort-web"
    formats = ("onnx",)

    def probe(self) -> Availability:
        """Say whether Node, the pinned onnxruntime-web and a Chromium are here."""
        return probe_browser(devices=DEVICES)

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
        check_device(device, DEVICES, label=self.name)
        check_precision(artifact, self.name)
        return open_child(
            node_command("browser-runner.mjs"),
            artifact,
            model=artifact.file(".onnx"),
            device=device,
            options=options,
            label=f"{self.name} on {device}",
            environment=browser_environment(),
        )
