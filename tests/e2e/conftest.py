from __future__ import annotations

import sys

import pytest

from inkport.cli import main


@pytest.fixture
def inkport(monkeypatch, capsys):
    """Run a command line in this process; returns exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["inkport", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run
