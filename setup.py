"""Maps the top-level folders into the package: ``model/`` is imported as ``inkport.model``, and so on.

The links in ``src/inkport`` point at the same folders for tools that look for files (mypy, import-linter);
building and installing need none of them.
"""

from __future__ import annotations

from setuptools import find_packages, setup


FOLDERS = ("model", "train", "export", "runtimes", "benchmarks")

linked = [pattern for folder in FOLDERS for pattern in (folder, f"{folder}.*")]
packages = ["inkport", *(f"inkport.{name}" for name in find_packages("src/inkport", exclude=linked))]
folders = {"inkport": "src/inkport"}
for folder in FOLDERS:
    packages += [f"inkport.{folder}", *(f"inkport.{folder}.{name}" for name in find_packages(folder))]
    folders[f"inkport.{folder}"] = folder

setup(packages=packages, package_dir=folders)
