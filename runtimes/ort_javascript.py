"""ONNX Runtime in JavaScript: in Node, as desktop applications and servers have it, and in a real headless Chromium."""

from __future__ import annotations

from inkport.core.artifact import Artifact
from inkport.core.child import ChildSession
from inkport.core.runtime import Availability, SessionOptions
from inkport.runtimes.javascript import (
    browser_environment,
    node_environment,
    open_script,
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
        """Start Node and load the artifact's ONNX file; raises what ``open_script`` does."""
        return open_script(
            "node-runner.mjs",
            artifact,
            device=device,
            devices=("cpu",),
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
        """Start the browser and load the artifact's ONNX file; raises what ``open_script`` does."""
        return open_script(
            "browser-runner.mjs",
            artifact,
            device=device,
            devices=DEVICES,
            options=options,
            label=self.name,
            environment=browser_environment(),
        )
