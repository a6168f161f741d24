"""Write the list of test lines that `inkport.lines.roles` refuses.

python scripts/test_lines.py data/lines/test-*.parquet
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from inkport.core.files import write_atomically
from inkport.lines.roles import LIST, LIST_DIGITS
from inkport.lines.source import read_lines


OUT = Path(__file__).parents[1] / "src" / "inkport" / "lines" / LIST


def main() -> None:
    """Digest the images of the line sets named on the command line; neither they nor their ids enter the repository."""
    sets = {
        path.name: sorted(line.picture[:LIST_DIGITS] for line in read_lines([path])) for path in map(Path, sys.argv[1:])
    }
    rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(digests)}" for name, digests in sorted(sets.items()))
    write_atomically(OUT, f'{{"schema": 2, "line_sets": {{\n{rows}\n}}}}\n')
    sys.stdout.write(f"{OUT}: {sum(map(len, sets.values()))} lines of {len(sets)} sets\n")


if __name__ == "__main__":
    main()
