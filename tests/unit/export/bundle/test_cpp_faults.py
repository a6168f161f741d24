"""Mistakes of applications, planted in a copy of the header: the self-test names the stage of each."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest


FAULTS = tomllib.loads(Path(__file__).with_name("faults.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("fault", FAULTS)
def test_the_self_test_names_the_stage(read, bundle, fault):
    code, said, _ = read("--self-test", bundle, fault=fault)
    stage, line, detail = said.rstrip("\n").split("\t")
    assert (code, stage) == (1, FAULTS[fault]["stage"])
    assert (bundle / "golden" / line).is_dir()
    assert detail
