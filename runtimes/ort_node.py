"""ONNX Runtime in Node: the engine of desktop applications built on web technology, and of servers in JavaScript."""

from __future__ import annotations

from inkport.core.artifact import Artifact
from inkport.core.errors import RuntimeUnavailableError
from inkport.core.runtime import Availability, SessionOptions
from inkport.runtimes.child import TIMEOUT_OPTION, ChildSession, open_child
from inkport.runtimes.node import check_precision, node_command, node_environment, probe_node


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
        if device != "cpu":
            raise RuntimeUnavailableError(f"ort-node runs on cpu, not on {device!r}", remedy='set device = "cpu"')
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
