from __future__ import annotations

import pytest

from inkport.core.config import parse_config


@pytest.fixture
def toy_recipe(tmp_path, lines_folder, other_lines, toy_config):
    """Returns what makes a recipe of the toy network on six rendered lines, its paths relative to ``tmp_path``."""
    from inkport.train.recipe import Recipe

    (tmp_path / "val").mkdir()
    for suffix in (".png", ".gt.txt"):
        (tmp_path / "val" / f"v{suffix}").write_bytes((other_lines / f"line0{suffix}").read_bytes())

    def make(**keys):
        data = {"train": [str(lines_folder)], "val": ["val"]}
        return parse_config(
            Recipe, {"model": "convtext-tiny", "network": toy_config, "data": data} | keys, where="recipe"
        )

    return make
