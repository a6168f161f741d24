"""Maps the top-level folders into the package: ``model/`` is imported as ``inkport.model``, and so on.

The links in ``src/inkport`` point at the same folders for tools that look for files (mypy, import-linter);
building and installing need none of them.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


FOLDERS = ("model", "train", "export", "runtimes", "benchmarks")

linked = [pattern for folder in FOLDERS for pattern in (folder, f"{folder}.*")]
packages = ["inkport", *(f"inkport.{name}" for name in find_packages("src/inkport", exclude=linked))]
folders = {"inkport": "src/inkport"}
for folder in FOLDERS:
    packages += [f"inkport.{folder}", *(f"inkport.{folder}.{name}" for name in find_packages(folder))]
    folders[f"inkport.{folder}"] = folder

LINES_OF_A_WRITER = 4
"""So many sample lines of each writer are in a wheel, which is to be 16 MB at most; a clone has them all. What a
verdict can prove depends on how many writers there are (docs/statistics.md), so none is left out."""


class BuildPackage(build_py):
    """Copies the package, and leaves some sample lines out."""

    def run(self) -> None:
        """Copy, then thin the sample lines out; an editable install is the clone itself."""
        super().run()
        if self.editable_mode:
            return
        samples = Path(self.build_lib, "inkport", "benchmarks", "samples")
        head, *rows = (Path("benchmarks", "samples", "lines.tsv").read_text(encoding="utf-8")).splitlines(keepends=True)
        seen: Counter[str] = Counter()
        kept = []
        for row in rows:
            _, image, _, dataset_and_writer = row.split("\t", maxsplit=3)
            seen[dataset_and_writer] += 1
            if seen[dataset_and_writer] <= LINES_OF_A_WRITER:
                kept.append(row)
            else:
                (samples / image).unlink(missing_ok=True)
        (samples / "lines.tsv").write_text("".join([head, *kept]), encoding="utf-8", newline="")


# Whoever reads the description on a package index has no repository beside it: links into it become plain text, and
# pictures that are files of it are left out.
readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
readme = re.sub(r"!\[[^\]]*\]\((?![a-z]+:)[^)]*\)\n*", "", readme)
readme = re.sub(r"\[([^\]]*)\]\((?![a-z]+:)[^)]*\)", r"\1", readme)

setup(
    packages=packages,
    package_dir=folders,
    cmdclass={"build_py": BuildPackage},
    long_description=readme,
    long_description_content_type="text/markdown",
)
