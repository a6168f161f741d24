"""Engines are told to report nothing, before anything could import one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from inkport.core.telemetry import MODULES, VARIABLES


CODE = (
    "import importlib, os, subprocess, sys\nimport inkport\n"
    "print(sorted((name, os.environ.get(name)) for name in sys.argv[1].split(',')))\n"
    "done = subprocess.run(['sh', '-c', 'echo $ORT_DISABLE_TELEMETRY'], capture_output=True, text=True)\n"
    "print(done.stdout.strip())\n"
    "for name in sys.argv[2].split(','):\n"
    "    try: importlib.import_module(name)\n"
    "    except ImportError: print('no', name)\n"
)


@pytest.mark.parametrize("before", [None, "0"])
def test_importing_inkport_switches_reports_off_whatever_was_set(before):
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    if before is not None:
        environment |= dict.fromkeys(VARIABLES, before)
    command = [sys.executable, "-c", CODE, ",".join(VARIABLES), ",".join(MODULES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(sorted(VARIABLES.items())), "1", *(f"no {name}" for name in MODULES)]
