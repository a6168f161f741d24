"""Nothing leaves the machine: what engines and their tools would send is switched off before any is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


VARIABLES: Mapping[str, str] = {
    # ONNX Runtime for Linux and Node: without it the import writes a device id and a queue of events below the
    # user's cache, to be sent to mobile.events.data.microsoft.com. Its function of that name comes too late.
    "ORT_DISABLE_TELEMETRY": "1",
    # The Hugging Face hub and what else LiteRT's and ExecuTorch's exporters bring along: https://consoledonottrack.com
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""Environment variables by which programs are told; children of this process inherit them."""
MODULES = ("openvino_telemetry",)
"""Modules that do nothing but report; what imports them (OpenVINO, NNCF) has a stub for where they are missing."""


def switch_off_telemetry() -> None:
    """Set the variables, whatever they were, and make the modules unimportable unless they have been imported."""
    os.environ.update(VARIABLES)
    for name in MODULES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
