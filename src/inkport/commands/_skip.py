"""``--skip``: the option that every command has that reads lines, declared once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from inkport.lines.audit import Finding, Problem, summarise


Skip = Annotated[
    str,
    Parameter(
        help="Problems whose lines are left out and counted, instead of refused, separated by commas: "
        f"{', '.join(Problem)}."
    ),
]
"""Problems by name, separated by commas; ``problems_of`` reads it."""


def say_skipped(findings: Sequence[Finding]) -> None:
    """Count on stderr the lines that were left out by request."""
    if findings:
        sys.stderr.write(f"left out by --skip: {len(findings)} lines ({summarise(findings)})\n")
