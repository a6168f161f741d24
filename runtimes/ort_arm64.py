"""ONNX Runtime for arm64 under QEMU: the same artifact on another instruction set, for its text and never its time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from inkport.core.artifact import Artifact
from inkport.core.child import TIMEOUT_OPTION, ChildSession, open_child
from inkport.core.errors import RuntimeUnavailableError
from inkport.core.runtime import Availability, Evidence, SessionOptions


ROOT = "INKPORT_ARM64_ROOT"
"""Environment variable: the folder that ``scripts/arm64_root.sh`` made."""
DEFAULT_ROOT = Path("out/arm64-root")
"""Where that script puts it; looked for in the working directory."""
RUNNER = Path(__file__).with_name("ort_runner.py")
"""The child, run by the arm64 Python."""
QEMU = ("qemu-aarch64-static", "qemu-aarch64")
"""Names under which the emulator is looked for."""
PROCESSOR = "cortex-a53"
"""The plainest arm64 processor. ``max`` was seen to hang with ONNX Runtime in QEMU 7.2."""
TIMEOUT_S = 600.0
"""Emulated lines take seconds each on a quiet machine, batches of wide ones minutes on a busy one."""


class OrtArm64:
    """Opens ONNX artifacts with an emulated arm64 onnxruntime in a child process."""

    name = "ort-arm64"
    formats = ("onnx",)

    def probe(self) -> Availability:
        """Say whether the emulator and the arm64 root are here."""
        if _find_qemu() is None:
            return Availability(
                ok=False,
                reason=f"{QEMU[0]} is not installed",
                remedy="apt install qemu-user-static (Debian and Ubuntu)",
                evidence=Evidence.EMULATED,
            )
        try:
            wheels = (_root() / ".inkport").read_text(encoding="utf-8").split()
            version = next(wheel.removeprefix("onnxruntime==") for wheel in wheels if "onnxruntime==" in wheel)
            _python()
        except (OSError, StopIteration):
            return Availability(
                ok=False,
                reason=f"{_root()} holds no arm64 root",
                remedy=f"make it with scripts/arm64_root.sh of inkport's repository, and set {ROOT} to its folder",
                evidence=Evidence.EMULATED,
            )
        return Availability(ok=True, version=version, devices=("cpu",), evidence=Evidence.EMULATED)

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> ChildSession:
        """Start the emulated Python and load the artifact's ONNX file.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``, or the emulated Python does not start.
            ArtifactCorruptError: If onnxruntime refuses the file.
            RuntimeExecutionError: If the process dies or hangs.
            UsageError: If an option is not known, or not possible.
        """
        options.check_extra(TIMEOUT_OPTION)
        if device != "cpu":
            raise RuntimeUnavailableError(f"ort-arm64 runs on cpu, not on {device!r}", remedy='set device = "cpu"')
        root = _root().resolve()
        return open_child(
            [_find_qemu() or QEMU[0], "-cpu", PROCESSOR, "-L", str(root), str(_python()), "-s", str(RUNNER)],
            artifact,
            model=artifact.file(".onnx"),
            device=device,
            options=options,
            label=self.name,
            timeout_s=TIMEOUT_S,
            environment={
                "PYTHONHOME": str(root / "usr"),
                "PYTHONPATH": str(root / "opt" / "inkport"),
                # A library preloaded into this process is none of the emulated one's architecture.
                "LD_PRELOAD": "",
            },
        )


def _root() -> Path:
    return Path(os.environ.get(ROOT) or DEFAULT_ROOT)


def _find_qemu() -> str | None:
    return next((path for name in QEMU if (path := shutil.which(name))), None)


def _python() -> Path:
    """Return the emulated interpreter.

    Raises:
        OSError: If there is none.
    """
    return (_root() / "usr" / "bin" / "python3").resolve(strict=True)
