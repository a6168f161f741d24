"""Mistakes of applications, planted in a copy of the header: the self-test names the stage of each."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from inkport.benchmarks.run.telling import FOLDER, telling_lines


FAULTS = tomllib.loads(Path(__file__).with_name("faults.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("fault", FAULTS)
def test_the_self_test_names_the_stage(read, bundle, fault):
    code, said, _ = read("--self-test", bundle, fault=fault)
    stage, line, detail = said.rstrip("\n").split("\t")
    assert (code, stage) == (1, FAULTS[fault]["stage"])
    assert line == FAULTS[fault].get("line", line)
    assert "line" in FAULTS[fault] or (bundle / "golden" / line).is_dir()
    assert detail


@pytest.fixture(scope="module")
def misread(read, bundle):
    """Return the ids of the telling lines that the sample reads otherwise than they are written, with a fault."""

    def misread(fault=""):
        lines = telling_lines()
        _, said, _ = read(bundle, *(line.image for line in lines), fault=fault)
        texts = dict(row.split("\t", 1) for row in said.splitlines())
        return {line.id for line in lines if texts.get(str(line.image)) != line.text}

    return misread


def test_without_a_fault_every_telling_line_is_read(misread):
    assert misread() == set()


@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if "telling" in fault])
def test_a_fault_in_preparing_changes_the_text_of_all_lines_that_tell_of_it(misread, fault):
    head, *rows = (row.split("\t") for row in (FOLDER / "lines.tsv").read_text(encoding="utf-8").splitlines())
    wanted = {row[0] for row in rows if row[head.index("shows")] == FAULTS[fault]["telling"]}
    assert wanted
    assert wanted <= misread(fault)
