"""What the runtimes that live in Node share: where Node and the npm packages are, and whether they are there."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from inkport.core.artifact import Artifact
from inkport.core.errors import UnsupportedFormatError
from inkport.core.runtime import Availability
from inkport.core.target import Precision


WEB = Path(__file__).parent / "web"
"""The scripts, and the list of npm packages with their exact versions."""
MODULES = "INKPORT_WEB_MODULES"
"""Environment variable: folder that holds ``node_modules``; beside the scripts if unset."""
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
    remedy = f"npm ci --ignore-scripts --prefix {shown}"
    if folder != WEB:
        remedy = f"cp {_from_here(WEB)}/package*.json {shown} && {remedy}"
    try:
        found = json.loads((folder / "node_modules" / package / "package.json").read_text(encoding="utf-8"))["version"]
    except FileNotFoundError:
        return Availability(ok=False, reason=f"{package} is not installed in {shown}/node_modules", remedy=remedy)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Availability(ok=False, reason=f"{package} in {shown}/node_modules is damaged: {error!r}", remedy=remedy)
    if found != wanted:
        return Availability(ok=False, reason=f"{package} {found} is installed, {wanted} is expected", remedy=remedy)
    return Availability(ok=True, version=found, devices=devices)


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
