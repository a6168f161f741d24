"""A bundle's own C++ reader: inkport.hpp over ONNX Runtime, in a child process, as an application runs it."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from inkport.core.artifact import Artifact
from inkport.core.child import TIMEOUT_OPTION, ChildSession, open_child
from inkport.core.errors import RuntimeUnavailableError
from inkport.core.runtime import Availability, SessionOptions


FOLDER = "INKPORT_BUNDLE_CPP"
"""Environment variable: the folder of a C++ bundle that has been built."""
DEFAULT_FOLDER = Path("out/bundle-cpp")
"""Where ``scripts/bundle_cpp.sh`` puts one; looked for in the working directory."""
PROGRAM = Path("build", "inkport-child")
"""The child, in that folder."""
LIBRARY = "INKPORT_ENGINE_LIBRARY"
"""Environment variable that the child takes ONNX Runtime's shared library from."""


class BundleCpp:
    """Opens ONNX artifacts with the child of a C++ bundle; any bundle's does, it holds no model."""

    name = "bundle-cpp"
    formats = ("onnx",)

    def probe(self) -> Availability:
        """Say whether a C++ bundle has been built, and ONNX Runtime's library is here."""
        folder = _folder()
        if not (folder / PROGRAM).is_file():
            return Availability(
                ok=False,
                reason=f"{folder} holds no C++ bundle that has been built",
                remedy=f"make one with scripts/bundle_cpp.sh of inkport's repository, and set {FOLDER} to its folder",
            )
        if _library() is None:
            return Availability(
                ok=False,
                reason="ONNX Runtime's library is not installed",
                remedy=f"pip install 'inkport[ort]', or set {LIBRARY} to the library",
            )
        return Availability(ok=True, version=_version(), devices=("cpu",))

    def open(self, artifact: Artifact, *, device: str, options: SessionOptions) -> ChildSession:
        """Start the child and load the artifact's ONNX file.

        Raises:
            RuntimeUnavailableError: If the device is not ``cpu``, or the child does not start.
            ArtifactCorruptError: If ONNX Runtime refuses the file.
            RuntimeExecutionError: If the process dies or hangs.
            UsageError: If an option is not known, or not possible.
        """
        options.check_extra(TIMEOUT_OPTION)
        if device != "cpu":
            raise RuntimeUnavailableError(f"{self.name} runs on cpu, not on {device!r}", remedy='set device = "cpu"')
        return open_child(
            [str((_folder() / PROGRAM).resolve())],
            artifact,
            model=artifact.file(".onnx"),
            device=device,
            options=options,
            label=self.name,
            environment={LIBRARY: str(_library() or "")},
        )


def _folder() -> Path:
    return Path(os.environ.get(FOLDER) or DEFAULT_FOLDER)


def _library() -> Path | None:
    """Return the library that is named, or that of the installed Python package: the same engine as the runtime's."""
    if named := os.environ.get(LIBRARY):
        return Path(named)
    try:
        found = find_spec("onnxruntime")
    except ImportError:
        found = None
    places = found.submodule_search_locations if found is not None else None
    names = ("libonnxruntime.so.*", "libonnxruntime*.dylib", "onnxruntime.dll")
    return next((file for place in places or () for name in names for file in Path(place, "capi").glob(name)), None)


def _version() -> str:
    """Return the version of ONNX Runtime's package; empty where the library is another one."""
    try:
        return "" if os.environ.get(LIBRARY) else version("onnxruntime")
    except PackageNotFoundError:
        return ""
