"""The sources that a bundle brings along, by platform."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from inkport.export.bundle.specification import FORMAT


CPP = Path(__file__).parent / "cpp"
"""Sources in C++."""
JAVASCRIPT = Path(__file__).parent / "javascript"
"""Sources for browsers and Node, as they are in a bundle."""
ANDROID = Path(__file__).parent / "android"
"""Sources in Java and Kotlin, an Android library as it is in a bundle."""
IOS = Path(__file__).parent / "ios"
"""Sources in Swift, of a package that compiles those in C++ beside them."""
LINKED_ENGINE = """// A Swift package names no headers on the command line; its ONNX Runtime is linked.
#define INKPORT_LINK_ONNXRUNTIME
#define INKPORT_ENGINE_HEADER "onnxruntime.hpp"
"""
"""What the C interface is compiled with in a Swift package."""
PYTHON = Path(__file__).parent / "python"
"""Sources in Python."""
PARTS = ("spec", "gray", "prepare", "decode", "lm", "beam", "recogniser", "selftest")
"""Files of ``cpp/header``, in the order in which they make ``inkport.hpp``."""


def header_text() -> str:
    """Return ``inkport.hpp``: one file to copy, made of the parts."""
    system: set[str] = set()
    body: list[str] = []
    for part in PARTS:
        for row in (CPP / "header" / f"{part}.hpp").read_text(encoding="utf-8").splitlines():
            if row.startswith("#include <"):
                system.add(row)
            elif not row.startswith(("#include", "#pragma once")):
                body.append(row)
    head = (
        "// inkport.hpp: from an image of a line to its text, in C++17 and without dependencies.\n"
        f"// Format {FORMAT}; made by `inkport bundle`, README.md says how to use it. Licence: Apache-2.0.\n"
        "#pragma once\n"
    )
    return "\n".join([head, *sorted(system), "", *body]) + "\n"


def write_cpp(folder: Path) -> None:
    """Write the C++ sources into a bundle: header, engines, C interface, CMake files and the sample."""
    include = folder / "include" / "inkport"
    shutil.copytree(CPP / "engines", include)
    (folder / "include" / "inkport.hpp").write_text(header_text(), encoding="utf-8")
    shutil.copy2(CPP / "include" / "inkport.h", folder / "include")
    for part in ("src", "sample", "cmake"):
        shutil.copytree(CPP / part, folder / part)
    for file in ("CMakeLists.txt", "README.md"):
        shutil.copy2(CPP / file, folder)


def write_web(folder: Path) -> None:
    """Write the ES module, the page that reads with it, and the sample for Node into a bundle."""
    shutil.copytree(JAVASCRIPT, folder, dirs_exist_ok=True)


def write_android(folder: Path) -> None:
    """Write the Android library, Java core and Kotlin class, with its test for a device into a bundle."""
    shutil.copytree(ANDROID, folder, dirs_exist_ok=True)


def write_ios(folder: Path) -> None:
    """Write the Swift package into a bundle: the C interface over ``inkport.hpp``, its Swift class, and its test.

    The names of the folders are those that Swift's package manager expects.
    """
    shutil.copytree(IOS, folder, dirs_exist_ok=True)
    target = folder / "Sources" / "CInkport"
    (target / "include").mkdir(parents=True)
    (target / "inkport.hpp").write_text(header_text(), encoding="utf-8")
    shutil.copy2(CPP / "engines" / "onnxruntime.hpp", target)
    source = (CPP / "src" / "inkport.cpp").read_text(encoding="utf-8")
    (target / "inkport.cpp").write_text(LINKED_ENGINE + source, encoding="utf-8")
    shutil.copy2(CPP / "include" / "inkport.h", target / "include")


def write_python(folder: Path) -> None:
    """Write the one file of the Python reader into a bundle."""
    for file in ("inkport_reader.py", "README.md"):
        shutil.copy2(PYTHON / file, folder)


PLATFORMS: Mapping[str, Callable[[Path], None]] = {
    "cpp": write_cpp,
    "web": write_web,
    "android": write_android,
    "ios": write_ios,
    "python": write_python,
}
"""What writes the sources of each platform into a bundle's folder."""
OTHER_ENGINES = frozenset({"cpp"})
"""Platforms whose sources have engines besides ONNX Runtime."""
