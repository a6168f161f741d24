"""The audit of pins says what it found, and never takes silence for an answer; nothing here asks the network."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest


SCRIPT = Path(__file__).parents[2] / "scripts" / "audit_pins.py"
FAKE_PIP_AUDIT = """#!{python}
import json, sys
from pathlib import Path
pins = Path(sys.argv[sys.argv.index("--requirement") + 1]).read_text().split()
packages = [dict(name=pin.split("==")[0], version=pin.split("==")[1], vulns=[]) for pin in pins]
{change}
print(json.dumps(dict(dependencies=packages)))
sys.stderr.write("No known vulnerabilities found")
"""
CLEAN = json.dumps({"vulnerabilities": {}})


@pytest.fixture
def audit(tmp_path):
    """Run the script with programs that answer like this."""

    def program(name, text):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def run(change="", npm=CLEAN, **programs):
        given = {
            "--pip-audit": program("pip-audit", FAKE_PIP_AUDIT.format(python=sys.executable, change=change)),
            "--npm": program("npm", f"#!/bin/sh\ncat <<'END'\n{npm}\nEND\nexit 1\n"),
        } | {f"--{name.replace('_', '-')}": value for name, value in programs.items()}
        words = [word for pair in given.items() for word in pair]
        done = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run


def test_all_looked_up_and_well(audit):
    assert audit() == (0, "all packages were looked up; none has a known vulnerability\n")


def test_a_vulnerable_package_is_named_with_what_fixes_it(audit):
    change = (
        "for package in packages:\n    if package['name'] == 'numpy':\n"
        "        package['vulns'] = [dict(id='PYSEC-1', fix_versions=['9.9'])]"
    )
    code, said = audit(change)
    assert (code, said) == (1, f"vulnerable: numpy {version('numpy').partition('+')[0]}: PYSEC-1, fixed in 9.9\n")
    npm = json.dumps({"vulnerabilities": {"protobufjs": {"range": "<8", "severity": "high"}}})
    assert audit(npm=npm) == (1, "vulnerable: protobufjs <8 (npm): high\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("for package in packages: package['skip_reason'] = 'not found on PyPI'", "could not be reached"),
        ("packages = packages[1:]", "1 of "),
        ("print('Traceback'); sys.exit(1)", "printed no JSON"),
        ("print([]); sys.exit(0)", "printed no JSON object"),
    ],
)
def test_what_was_not_looked_up_is_no_success(audit, change, words):
    code, said = audit(change)
    assert code == 3
    assert said.startswith("not run: ")
    assert words in said


def test_programs_that_are_not_there_and_registries_that_refuse_are_told(audit):
    code, said = audit(pip_audit="/no/such/pip-audit")
    assert (code, "/no/such/pip-audit does not start (No such file or directory)" in said) == (3, True)
    code, said = audit(npm=json.dumps({"message": "405 Method Not Allowed"}))
    assert (code, said) == (3, "not run: the npm packages of web: 405 Method Not Allowed\n")
