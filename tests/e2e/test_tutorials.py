"""The commands of docs/tutorials run, and print what the page shows.

A block ``toml title="NAME"`` is written to that file. A block ``console`` has commands after ``$``, each with what it
prints on standard output, ``...`` for anything. Figures change with the weights: only that there is one is compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


pytest.importorskip("torch", reason="tutorials train and verify")

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs/tutorials").glob("*.md"))
BLOCK = re.compile(r'^```(?:toml title="([\w.]+)"|(console))\n(.*?)^```$', re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)*(?:\+cpu)?")


def flat(text):
    """Return text without its line breaks and with a sign for each number."""
    return " ".join(NUMBER.sub("#", re.sub(r"\b[0-9a-f]{12}\b", "0", text)).split())


def pattern(shown):
    return ".*".join(re.escape(flat(part)) + r"\s*" for part in shown.split("..."))


def commands(block):
    """Yield each command of a console block with what it is to print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_print_what_the_page_shows(page, tmp_path):
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert any(console for _, console, _ in blocks)
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks", target_is_directory=True)
    program = tmp_path / "bin/inkport"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m inkport "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "COLUMNS": "100"}
    for name, console, content in blocks:
        if not console:
            (tmp_path / name).write_text(content, encoding="utf-8")
            continue
        for command, shown in commands(content):
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            printed = flat(done.stderr if done.returncode else done.stdout)
            assert re.fullmatch(pattern(shown), printed), f"{command}\n{done.stdout}{done.stderr}"


def test_a_block_is_told_from_its_commands_and_figures_from_words():
    assert list(commands("$ a b\none\ntwo\n$ c\n")) == [("a b", "one\ntwo\n"), ("c", "")]
    assert re.fullmatch(pattern("CER 1.02 %\n...\nend\n"), flat("CER  0.98 % more\nend"))
    assert not re.fullmatch(pattern("CER 1.02 %\n"), flat("WER 1.02 %"))
    assert not re.fullmatch(pattern("pass\n"), flat("inconclusive"))
