"""Maps the top-level folders into the package: ``model/`` is imported as ``inkport.model``, and so on.

The links in ``src/inkport`` point at the same folders for tools that look for files (mypy, import-linter);
building and installing need none of them.
"""

from __future__ import annotations

import re
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

LEAVE_OUT = 3
"""One sample line of so many stays out of wheels, which are to be 16 MB at most; a clone has them all."""


class BuildPackage(build_py):
    """Copies the package, and leaves some sample lines out."""

    def run(self) -> None:
        """Copy, then thin the sample lines out; an editable install is the clone itself."""
        super().run()
        if self.editable_mode:
            return
        samples = Path(self.build_lib, "inkport", "benchmarks", "samples")
        head, *rows = (Path("benchmarks", "samples", "lines.tsv").read_text(encoding="utf-8")).splitlines(keepends=True)
        for row in rows[LEAVE_OUT - 1 :: LEAVE_OUT]:
            (samples / row.split("\t")[1]).unlink(missing_ok=True)
        kept = [row for place, row in enumerate(rows, start=1) if place % LEAVE_OUT]
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
