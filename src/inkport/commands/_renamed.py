"""Old names of commands and options: they work until ``REMOVED_IN``, say so, and are in no help.

The arguments are rewritten before anything parses them, so that nothing else has to know an old name.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence


REMOVED_IN = "0.3"
"""The release that drops the old names."""
COMMANDS = {
    "ablate": "train ablate",
    "adapt": "train adapt",
    "average": "train average",
    "buckets": "data widths",
    "dataset": "data import",
    "debug": "diagnose operators",
    "frames": "data frames",
    "grow": "train grow",
    "margins": "diagnose flips",
    "metamorphic": "diagnose invariance",
    "quantise": "quantize",
    "synth": "data synth",
}
"""Old commands by their old names."""
TRAIN = ("run", "finder", "adapt", "ablate", "average", "grow")
"""What may follow ``train``: it used to be followed by the recipe."""
SUBCOMMANDS = {"prune factorise": "prune factorize"}
"""Old parts of commands."""
OPTIONS = {
    "kit make": {"--count": "--most-lines"},
    "kit run": {"--timeout-s": "--timeout"},
    "prune scan": {"--limit": "--most-lines"},
}
"""Old options of a command that are called otherwise today."""
LOOK = [
    "slant",
    "spacing",
    "drift",
    "swell",
    "wobble",
    "flow",
    "shade",
    "texture",
    "ruling",
    "noise",
    "blur",
    "shaping",
    "pressure",
    "dry",
    "underline",
    "crossing",
    "crop",
    "neighbours",
    "bleed",
    "stains",
    "jpeg",
]
INT8 = {
    "ranges": str,
    "percentile": float,
    "operators": list,
    "keep_fp32": list,
    "keep_nodes": list,
    "per_channel": bool,
    "symmetric": bool,
    "reduce_range": bool,
}
ADAPT = {"extend_charset": bool, "steps": int, "seed": int, "freeze": tuple}
SETTINGS: dict[str, dict[str, type]] = {
    "data synth": dict.fromkeys(LOOK, float),
    "quantize apply": INT8,
    "quantize sensitivity": INT8,
    "train adapt": ADAPT,
    "train adapt curve": ADAPT,
}
"""Old options that became ``--set KEY=VALUE``, with the type of their values; a tuple is a list separated by commas."""
POSITIONAL = {
    "verify": ("model",),
    "bench": ("model",),
    "compare": ("before", "after"),
    "diagnose flips": ("model",),
    "diagnose invariance": ("model",),
    "diagnose operators": ("a", "b"),
    "kit make": ("model",),
    "kit run": ("kit",),
    "kit check": ("kit", "result"),
    "export": ("model",),
    "quantize apply": ("model",),
    "quantize openvino": ("model",),
    "quantize sensitivity": ("model",),
    "quantize search": ("model",),
    "quantize blank-bias": ("artifact",),
    "compress": ("recipe",),
    "prune groups": ("weights",),
    "prune scan": ("weights",),
    "prune plan": ("weights",),
    "prune apply": ("weights",),
    "prune factorize": ("weights",),
    "train run": ("recipe",),
    "train ablate": ("ablation",),
    "train average": ("weights",),
    "train grow": ("weights",),
    "data import": ("name", "folder"),
    "data frames": ("lines",),
    "data widths": ("model",),
    "lm build": ("model",),
    "lm tokens": ("model",),
    "lm pack": ("arpa", "model"),
    "lm tune": ("model",),
    "lm measure": ("model",),
}
"""Arguments that used to be options, too."""


def modernise(arguments: Sequence[str]) -> list[str]:
    """Return the arguments in today's names, and say on standard error what is called otherwise."""
    words, rest, said = _command(list(arguments))
    command = " ".join(words)
    rest, changed = _options(command, rest)
    rest, given = _arguments(command, rest)
    for old, new in [*said, *changed, *given]:
        sys.stderr.write(f"warning: {old} is called {new} today; the old name works until inkport {REMOVED_IN}\n")
    return [*words, *rest]


Renames = list[tuple[str, str]]
"""Old names with the new ones."""


def _command(arguments: list[str]) -> tuple[list[str], list[str], Renames]:
    """Return the words of the command, what follows them, and what was renamed."""
    if not arguments:
        return [], [], []
    first, *rest = arguments
    said: Renames = []
    if first == "train" and rest and not rest[0].startswith("-") and rest[0] not in TRAIN:
        words, said = ["train", "run"], [("inkport train RECIPE", "inkport train run RECIPE")]
    elif first == "train" and rest and rest[0].startswith("--") and rest[0] not in {"--help", "--version"}:
        words, said = ["train", "run"], [("inkport train", "inkport train run")]
    elif first in COMMANDS:
        words, said = COMMANDS[first].split(), [(f"inkport {first}", f"inkport {COMMANDS[first]}")]
    else:
        words = [first]
    known = {*POSITIONAL, *SETTINGS, *SUBCOMMANDS}
    while rest and any(f"{command} ".startswith(f"{' '.join([*words, rest[0]])} ") for command in known):
        words.append(rest.pop(0))
    if " ".join(words) in SUBCOMMANDS:
        old = " ".join(words)
        words = SUBCOMMANDS[old].split()
        said.append((f"inkport {old}", f"inkport {' '.join(words)}"))
    return words, rest, said


def _options(command: str, rest: list[str]) -> tuple[list[str], Renames]:
    names, settings = OPTIONS.get(command, {}), SETTINGS.get(command, {})
    kept: list[str] = []
    said: Renames = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*kept, word, *rest], said
        name, equals, value = word.partition("=")
        key = name.removeprefix("--").replace("-", "_")
        if name in names:
            kept.append(names[name] + equals + value)
            said.append((name, names[name]))
        elif name.startswith("--") and key in settings:
            kept += ["--set", f"{key}={_toml(settings[key], [value] if equals else _values(settings[key], rest))}"]
            said.append((name, f"--set {key}=..."))
        else:
            kept.append(word)
    return kept, said


def _values(kind: type, rest: list[str]) -> list[str]:
    """Take the values of an option off the front of what follows it."""
    if kind is bool or not rest:
        return []
    if kind is not list:
        return [rest.pop(0)]
    found = []
    while rest and not rest[0].startswith("-"):
        found.append(rest.pop(0))
    return found


def _toml(kind: type, values: list[str]) -> str:
    if kind is bool:
        return values[0].lower() if values else "true"
    if kind in {list, tuple}:
        parts = values if kind is list else [part.strip() for part in "".join(values).split(",") if part.strip()]
        return json.dumps(parts, ensure_ascii=False)
    return json.dumps(values[0]) if kind is str and values else "".join(values)


def _arguments(command: str, rest: list[str]) -> tuple[list[str], Renames]:
    """Put arguments that were given by name where they belong: the first ones first, the last ones last."""
    known = POSITIONAL.get(command, ())
    found: dict[str, list[str]] = {}
    kept: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            kept += [word, *rest]
            break
        name, equals, value = word.partition("=")
        if name.removeprefix("--") in known and name.startswith("--") and (equals or rest):
            found.setdefault(name.removeprefix("--"), []).append(value if equals else rest.pop(0))
        else:
            kept.append(word)
    given = [value for name in known for value in found.get(name, [])]
    said = [(f"--{name}", f"{name.upper()}, without a name,") for name in known if name in found]
    if not given or set(known[: len(found)]) == set(found):
        return [*given, *kept], said
    return [*kept, *([] if "--" in kept else ["--"]), *given], said
