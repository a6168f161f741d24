"""What the runtimes in JavaScript share: Node, its packages, and a Chromium to run pages in."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from inkport.core.artifact import Artifact
from inkport.core.child import TIMEOUT_OPTION, ChildSession, open_child
from inkport.core.children import launcher
from inkport.core.errors import RuntimeUnavailableError, UnsupportedFormatError
from inkport.core.runtime import Availability, SessionOptions
from inkport.core.target import Precision


WEB = Path(__file__).parent / "web"
"""The scripts, and the list of npm packages with their exact versions."""
MODULES = "INKPORT_WEB_MODULES"
"""Environment variable: folder that holds ``node_modules``; beside the scripts if unset."""
CHROMIUM = "INKPORT_CHROMIUM"
"""Environment variable: the browser's program."""
LAUNCHER = "INKPORT_LAUNCHER"
"""Environment variable for our script: what stands before its process id and the browser, a list in JSON."""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
"""Names under which a Chromium is looked for otherwise."""
PRECISIONS = (Precision.FP32, Precision.INT8)
"""What the adapters have been proven with."""


def modules_folder() -> Path:
    """Return the folder that holds ``node_modules``."""
    return Path(os.environ.get(MODULES) or WEB)


def node_command(script: str) -> list[str]:
    """Return the command that runs one of our scripts."""
    return [shutil.which("node") or "node", str(WEB / script)]


def node_environment() -> dict[str, str]:
    """Return the variables that our scripts read."""
    return {MODULES: str(modules_folder().resolve())}


def probe_node(package: str, *, devices: tuple[str, ...]) -> Availability:
    """Say whether Node is here and an npm package installed in the version that is pinned; never raises.

    Args:
        package: Name of the package.
        devices: What the adapter can use once it is there.
    """
    if shutil.which("node") is None:
        return Availability(
            ok=False,
            reason="node is not installed",
            remedy="install Node 18 or newer (Debian and Ubuntu: apt install nodejs npm)",
        )
    wanted = json.loads((WEB / "package.json").read_text(encoding="utf-8"))["dependencies"][package]
    folder = modules_folder()
    shown = _from_here(folder)
    # Reports cut absolute paths down to their last part, so a command that holds one would not work any more.
    remedy = f'npm ci --ignore-scripts --prefix "{_ask("WEB")}"'
    if folder != WEB:
        remedy = f'cp "{_ask("WEB")}"/package*.json "${MODULES}" && npm ci --ignore-scripts --prefix "${MODULES}"'
    try:
        found = json.loads((folder / "node_modules" / package / "package.json").read_text(encoding="utf-8"))["version"]
    except FileNotFoundError:
        return Availability(ok=False, reason=f"{package} is not installed in {shown}/node_modules", remedy=remedy)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Availability(ok=False, reason=f"{package} in {shown}/node_modules is damaged: {error!r}", remedy=remedy)
    if found != wanted:
        return Availability(ok=False, reason=f"{package} {found} is installed, {wanted} is expected", remedy=remedy)
    return Availability(ok=True, version=found, devices=devices)


def _ask(name: str) -> str:
    """Return what a shell replaces by a path of this module."""
    return f"$(python -c 'from {__name__} import {name}; print({name})')"


def _from_here(folder: Path) -> Path:
    """Return a folder as seen from the working directory if it is inside: reports cut absolute paths."""
    absolute = folder.absolute()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else folder


def check_precision(artifact: Artifact, engine: str) -> None:
    """Refuse precisions that the adapters have not been proven with.

    Raises:
        UnsupportedFormatError: If the artifact is neither fp32 nor int8.
    """
    if artifact.precision not in PRECISIONS:
        raise UnsupportedFormatError(
            f"{artifact.path}: {engine} runs {', '.join(PRECISIONS)}, this artifact is {artifact.precision}"
        )


def probe_browser(*, devices: tuple[str, ...]) -> Availability:
    """Say whether Node, the pinned onnxruntime-web and a Chromium are here; never raises."""
    found = probe_node("onnxruntime-web", devices=devices)
    if found.ok and find_chromium() is None:
        named = os.environ.get(CHROMIUM)
        return Availability(
            ok=False,
            reason=f"{CHROMIUM} names {named}, which is not a program" if named else "no Chromium or Chrome is on PATH",
            remedy=f"apt install chromium, or set {CHROMIUM} to the program of a Chromium, Chrome or Edge",
        )
    return found


def browser_environment() -> dict[str, str]:
    """Return the variables that our scripts for the browser read."""
    return {**node_environment(), CHROMIUM: find_chromium() or PROGRAMS[0], LAUNCHER: json.dumps(launcher())}


def check_device(device: str, devices: Sequence[str], *, label: str) -> None:
    """Refuse a device that a runtime does not have.

    Raises:
        RuntimeUnavailableError: If it is none of ``devices``.
    """
    if device not in devices:
        raise RuntimeUnavailableError(
            f"{label} runs on {' or '.join(devices)}, not on {device!r}", remedy=f'set device = "{devices[0]}"'
        )


def open_script(
    script: str,
    artifact: Artifact,
    *,
    device: str,
    devices: Sequence[str],
    options: SessionOptions,
    label: str,
    environment: Mapping[str, str],
) -> ChildSession:
    """Start one of our scripts in Node and have it load an artifact's ONNX file.

    Args:
        script: Its name in ``WEB``.
        artifact: What it loads.
        device: Where it computes.
        devices: Where it can.
        options: How it is to run.
        label: What errors call it.
        environment: Variables that the script reads.

    Raises:
        RuntimeUnavailableError: If the device is none of ``devices``, or Node or the browser does not start or lacks
            WebGPU or threads that were asked for.
        UnsupportedFormatError: If the artifact is neither fp32 nor int8.
        ArtifactCorruptError: If the engine refuses the file.
        RuntimeExecutionError: If a process dies or hangs.
        UsageError: If an option is not known, or not possible.
    """
    options.check_extra(TIMEOUT_OPTION)
    check_device(device, devices, label=label)
    check_precision(artifact, label)
    return open_child(
        node_command(script),
        artifact,
        model=artifact.file(".onnx"),
        device=device,
        options=options,
        label=label if len(devices) == 1 else f"{label} on {device}",
        environment=environment,
    )


def find_chromium() -> str | None:
    """Return the path of the browser's program, or None."""
    named = os.environ.get(CHROMIUM)
    names = (named,) if named else PROGRAMS
    return next((path for name in names if (path := shutil.which(name))), None)
