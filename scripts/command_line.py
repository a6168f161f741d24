"""Counts what the command line has: commands, and the options that a help shows.

usage: python scripts/command_line.py

Prints one JSON object. ``taken`` counts an option once for each command that takes it; ``visible`` counts what helps
describe: the options of each command, and those that commands share once.
"""

from __future__ import annotations

import json

from inkport.cli import app, every_command, options_of
from inkport.commands._options import SHARED


BEFORE = {"groups": 23, "commands": 38, "taken": 359, "visible": 359}
"""The same before commands were grouped: helps named every argument as an option too, and shared options each time."""


def measure() -> dict[str, object]:
    """Return the counts of this command line, and those of before."""
    commands = [words for words, _ in every_command()]
    options = {words: options_of(*words) for words in commands}
    shown = {words: sum(bool(option.show) for option in found.values()) for words, found in options.items()}
    return {
        "groups": sum(not name.startswith("-") for name in app),
        "commands": len(commands),
        "taken": sum(map(len, options.values())),
        "visible": sum(shown.values()) + len(SHARED),
        "by_command": {" ".join(words): number for words, number in shown.items()},
        "before": BEFORE,
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))  # noqa: T201 - its result
