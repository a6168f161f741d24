"""``inkport data import``, and the commands, recipes and figures of docs/datasets.md."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from itertools import groupby
from pathlib import Path

import pytest
from PIL import Image

from inkport.cli import app, options_of
from inkport.commands.data.import_ import import_
from inkport.core.target import load_targets
from inkport.lines.datasets.catalogue import DATASETS
from inkport.lines.datasets.layout import Split
from inkport.lines.source import read_lines


ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/datasets.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(row)[1:] for row in DOCUMENT.splitlines() if row.startswith("inkport ")]


@pytest.fixture
def lam(tmp_path):
    lines = tmp_path / "LAM/lines"
    (lines / "img").mkdir(parents=True)
    (lines / "split/basic").mkdir(parents=True)
    Image.new("L", (900, 60), 255).save(lines / "img/a.png")
    Image.new("L", (200, 60), 255).save(lines / "img/b.png")
    records = [{"img": "a.png", "text": "alto"}, {"img": "b.png", "text": "basso"}, {"img": "c.png", "text": "c"}]
    (lines / "split/basic/test.json").write_text(json.dumps(records))
    return tmp_path / "LAM"


def test_an_incomplete_split_ends_in_one_message_and_no_file(inkport, lam, tmp_path):
    out = tmp_path / "out/test.parquet"
    done = inkport("data", "import", "lam", lam, "--split", "test", "--out", out)
    assert done.code == 2
    assert "c.png: no image lines/img/c.png" in done.err
    assert "--allow-partial" in done.err
    assert not out.exists()


def test_what_is_there_is_taken_when_asked_and_what_is_not_is_said(inkport, lam, tmp_path):
    pytest.importorskip("pyarrow", reason="Parquet files need pyarrow")
    out = tmp_path / "out/test.parquet"
    done = inkport("data", "import", "lam", lam, "--split", "test", "--out", out, "--squeeze", "8", "--allow-partial")
    assert (done.code, done.out) == (0, f"{out}\n")
    assert "lam, split test: 2 lines, NOT the published 3523" in done.err
    assert "left out: 1\n  c.png: no image lines/img/c.png" in done.err
    assert "licence: on request" in done.err
    assert [line.gray().shape for line in read_lines([out])] == [(60, 480), (60, 200)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rimes", "x", "--split", "test"], "data set 'rimes' is unknown"),
        (["lam", "nowhere", "--split", "test"], "no such folder"),
        (["lam", "nowhere", "--split", "test", "--squeeze", "0"], "--squeeze must be above 0"),
        (["lam", "nowhere", "--split", "test", "--squeeze", "nan"], "expected a finite number, found nan"),
        (["lam", "nowhere", "--split", "dev"], "dev"),
    ],
)
def test_wrong_requests_say_what_is_wrong(inkport, tmp_path, arguments, message):
    done = inkport("data", "import", *arguments, "--out", tmp_path / "o.parquet")
    assert done.code == 2
    assert message in done.err + done.out


def test_the_command_line_takes_the_documented_commands():
    assert len(COMMANDS) == 20
    for words in COMMANDS:
        function, bound, *_ = app.parse_args(words, exit_on_error=False)
        assert function.__module__.removeprefix("inkport.commands.").rstrip("_").split(".") in (words[:1], words[:2])
        assert bound.arguments


def test_each_data_set_has_its_splits_made_learnt_and_verified():
    blocks = [list(block) for _, block in groupby(enumerate(COMMANDS), key=lambda pair: pair[0] // 5)]
    names = [block[0][1][2] for block in blocks]
    assert names == ["iam", "read2016", "lam", "vnondb"]
    for name, block in zip(names, blocks, strict=True):
        *made, train, verify = (words for _, words in block)
        assert [words[:3] for words in made] == [["data", "import", name]] * 3
        assert [words[5] for words in made] == list(Split)
        files = [words[words.index("--out") + 1] for words in made]
        assert files[2] == verify[verify.index("--lines") + 1]
        assert (ROOT / verify[verify.index("--targets") + 1]).exists()
        assert verify[1] == f"{train[train.index('--out') + 1]}/best.safetensors"
        assert _read_by(ROOT / train[2]) == files[:2]


def _read_by(recipe):
    """The training and validation lines of a recipe, relative to the repository; its network takes its images."""
    pytest.importorskip("torch", reason="train is a torch package")
    from inkport.model.zoo import find
    from inkport.train.recipe import load_recipe

    settings = load_recipe(recipe)
    find(settings.model).configure(settings.model, 80, {"height": settings.preprocess.height}).check_input(
        settings.preprocess
    )
    # What --squeeze 8 makes fits exactly, and augmentation makes nothing wider than the position biases reach.
    assert settings.preprocess.min_width == settings.preprocess.max_width == 8 * settings.preprocess.height
    assert settings.augment.scale_x == 0
    paths = (*settings.data.train, *settings.data.val)
    return [str((recipe.parent / path).resolve().relative_to(ROOT)) for path in paths]


def test_the_target_of_the_rows_is_the_reference():
    targets = load_targets(ROOT / "recipes/literature-targets.toml")
    assert [target.name for target in targets] == ["torch fp32"]


def test_the_document_has_the_sizes_and_licences_of_the_catalogue():
    rows = re.findall(r"^\| (`[a-z].*?)$", DOCUMENT, flags=re.MULTILINE)
    found = {}
    for row in rows:
        names, *cells = (cell.strip() for cell in row.strip("| ").split("|"))
        found |= {name.strip("`"): cells for name in names.split(", ")}
    assert set(found) == set(DATASETS)
    for name, known in DATASETS.items():
        seen = "may be seen" if known.seen_writer else "unseen"
        sizes = [str(known.sizes[split]) for split in Split]
        assert found[name] == [*sizes, known.language, known.licence, seen]


def test_every_option_and_every_name_is_documented():
    table = set(re.findall(r"^\| `--([a-z-]+)` \|", DOCUMENT, flags=re.MULTILINE))
    assert table == {name.removeprefix("--") for name in options_of("data", "import")}
    for name in DATASETS:
        assert re.search(rf"\b{name}\b", inspect.getdoc(import_)), name


def test_rows_that_were_not_run_say_so():
    results = [row for row in DOCUMENT.splitlines() if row.endswith("| not run | not run |")]
    assert len(results) == 4
