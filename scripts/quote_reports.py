"""Write what documents quote from the committed reports: every block of figures, in README and docs/.

    python scripts/quote_reports.py              # writes documents whose blocks changed, and names them
    python scripts/quote_reports.py --check      # writes nothing; fails if a block is not what its report says

A block is what stands between `<!-- quoted: NAME -->` and `<!-- end -->`; report_tables.py makes each of them. Nothing
is written unless all can be made.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from report_tables import BLOCKS


ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- quoted: ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def quoted() -> Iterator[tuple[Path, str]]:
    """Yield each document that quotes reports, and its text with the blocks as they must be.

    Raises:
        SystemExit: If a block has a name that nothing makes, has no end, or if one that is made is quoted nowhere.
    """
    names: set[str] = set()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        if found := [match[2] for match in BLOCK.finditer(text)]:
            names |= set(found)
            yield path, filled(text)
    if missing := sorted(BLOCKS.keys() - names):
        raise SystemExit(f"no document quotes {', '.join(missing)}: take them out of report_tables.py, or quote them")


def filled(text: str) -> str:
    """Return a document with its blocks as the reports have them.

    Raises:
        SystemExit: If a block has a name that nothing makes, or no end.
    """
    if len(BLOCK.findall(text)) != text.count("<!-- quoted: ") or "<!-- quoted: " in "".join(BLOCK.split(text)[0::4]):
        raise SystemExit("a quoted block has no end, or a name with other signs than a-z, 0-9 and -")
    return BLOCK.sub(lambda block: f"{block[1]}{_made(block[2])}{block[3]}", text)


def _made(name: str) -> str:
    if name not in BLOCKS:
        raise SystemExit(f"nothing makes the block {name!r}; report_tables.py makes {', '.join(sorted(BLOCKS))}")
    return BLOCKS[name]().strip("\n") + "\n"


def main(*, check: bool) -> None:
    """Write every document whose blocks changed, and name it; or only name it."""
    changed = [(path, text) for path, text in quoted() if text != path.read_text(encoding="utf-8")]
    for path, text in changed:
        if not check:
            path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    if check and changed:
        raise SystemExit("these documents do not quote the committed reports: run scripts/quote_reports.py")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a document would change")
    main(check=parser.parse_args().check)
