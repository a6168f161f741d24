"""A web bundle's own reader, in Node and in a real headless Chromium, as an application runs it."""

from __future__ import annotations

import os
from pathlib import Path

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


FOLDER = "INKPORT_BUNDLE_WEB"
"""Environment variable: the folder of a web bundle; any bundle's does, its model is not used."""
DEFAULT_FOLDER = Path("out/bundle-web")
"""Where one is looked for otherwise, in the working directory."""
MODULE = Path("inkport", "reader.mjs")
"""What tells a web bundle from other folders."""


class BundleNode:
    """Opens ONNX artifacts with the ES module of a web bundle, in Node."""

    name = "bundle-node"
    formats = ("onnx",)

    def probe(self) -> Availability:
        """Say whether there is a web bundle, and Node with the pinned onnxruntime-node."""
        return _with_bundle(probe_node("onnxruntime-node", devices=("cpu",)))

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> ChildSession:
        """Start Node and load the artifact's ONNX file; raises what ``open_script`` does."""
        return open_script(
            "bundle-node-runner.mjs",
            artifact,
            device=device,
            devices=("cpu",),
            options=options,
            label=self.name,
            environment={**node_environment(), **_environment()},
        )


class BundleWeb:
    """Opens ONNX artifacts with the ES module of a web bundle, in a browser that a child process drives."""

    name = "bundle-web"
    formats = ("onnx",)

    def probe(self) -> Availability:
        """Say whether there is a web bundle, and Node, the pinned onnxruntime-web and a Chromium."""
        return _with_bundle(probe_browser(devices=("wasm",)))

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> ChildSession:
        """Start the browser and load the artifact's ONNX file; raises what ``open_script`` does."""
        return open_script(
            "bundle-browser-runner.mjs",
            artifact,
            device=device,
            devices=("wasm",),
            options=options,
            label=self.name,
            environment={**browser_environment(), **_environment()},
        )


def _folder() -> Path:
    return Path(os.environ.get(FOLDER) or DEFAULT_FOLDER)


def _environment() -> dict[str, str]:
    return {FOLDER: str(_folder().resolve())}


def _with_bundle(found: Availability) -> Availability:
    if not found.ok or (_folder() / MODULE).is_file():
        return found
    return Availability(
        ok=False,
        reason=f"{_folder()} holds no web bundle",
        remedy=f"inkport bundle --for web --out {DEFAULT_FOLDER}, or set {FOLDER} to the folder of one",
    )
