from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image


pytest.importorskip("torch", reason="train is a torch package")

from inkport.core.errors import LineDataError
from inkport.train.ablation.runs import Ablation, check_roles, plan_runs


@pytest.fixture
def check(tmp_path, lines_folder, other_lines):
    base = f'model = "convtext-tiny"\n[data]\ntrain = ["{lines_folder}"]\nval = ["{other_lines}"]\n'
    (tmp_path / "base.toml").write_text(base + "[optim]\nsteps = 1\nbatch = 1\n", encoding="utf-8")

    def call(**evaluate):
        ablation = Ablation(
            base=Path("base.toml"), reference="a", evaluate=evaluate, arms={"a": {}, "b": {"version": "2"}}
        )
        check_roles(ablation, plan_runs(replace(ablation, seeds=(1,)), tmp_path), tmp_path)

    return call


def copy(folder, line):
    folder.mkdir()
    Image.open(line.with_suffix(".png")).save(folder / "renamed.bmp")
    (folder / "renamed.gt.txt").write_bytes(line.with_suffix(".gt.txt").read_bytes())
    return folder


def test_lines_that_are_reported_apart_by_role_pass(check, lines_folder, other_lines):
    check(val=(other_lines,), train=(lines_folder,))


def test_an_arm_is_not_judged_by_training_lines(check, lines_folder, tmp_path):
    with pytest.raises(
        LineDataError, match=r"in both train of arm 'a' and evaluate.val, .*'line3.png' .*'renamed.bmp'"
    ):
        check(val=(copy(tmp_path / "copy", lines_folder / "line3"),))


def test_validation_lines_are_no_test_lines(check, other_lines, tmp_path):
    with pytest.raises(LineDataError, match=r"in both val of arm 'a' and evaluate.test-a"):
        check(**{"test-a": (copy(tmp_path / "copy", other_lines / "line3"),)})
