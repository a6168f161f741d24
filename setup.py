"""Maps the top-level folders into the package: ``model/`` is imported as ``inkport.model``, and so on."""

from setuptools import find_packages, setup


FOLDERS = ("model", "train", "export", "runtimes", "benchmarks")

packages = ["inkport", *(f"inkport.{name}" for name in find_packages("src/inkport"))]
folders = {"inkport": "src/inkport"}
for folder in FOLDERS:
    packages += [f"inkport.{folder}", *(f"inkport.{folder}.{name}" for name in find_packages(folder))]
    folders[f"inkport.{folder}"] = folder

setup(packages=packages, package_dir=folders)
