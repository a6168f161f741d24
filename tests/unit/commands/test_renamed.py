"""Old names of commands and options do what the new ones do, say so, and are in no help."""

from __future__ import annotations

import re
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest

from inkport.cli import COMMANDS, app, arguments_of, every_command, options_of
from inkport.commands import _renamed
from inkport.commands._options import SHARED
from inkport.commands._renamed import modernise
from inkport.core.config import parse_config
from inkport.export.quantize.onnx_int8 import Int8Options
from inkport.train.adapt.adapt import AdaptSettings
from inkport.train.overrides import parse_overrides
from inkport.train.synth.look import Look


EVERY = {" ".join(words): words for words, _ in every_command()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("margins --lines a b", "diagnose flips --lines a b"),
        ("metamorphic m", "diagnose invariance m"),
        ("debug a b --json", "diagnose operators a b --json"),
        ("buckets --lines a", "data widths --lines a"),
        ("dataset iam here --split test", "data import iam here --split test"),
        ("frames a", "data frames a"),
        ("average a b --shares 0.5 0.5", "train average a b --shares 0.5 0.5"),
        ("grow a --to b", "train grow a --to b"),
        ("ablate a.toml", "train ablate a.toml"),
        ("adapt curve --pool a", "train adapt curve --pool a"),
        ("train a.toml --out b", "train run a.toml --out b"),
        ("train --recipe a.toml --out b", "train run a.toml --out b"),
        ("quantise blank-bias a --fp32 b", "quantize blank-bias a --fp32 b"),
        ("prune factorise a --rank b=1", "prune factorize a --rank b=1"),
        ("kit run k --timeout-s 3", "kit run k --timeout 3"),
        ("kit run k --timeout-s=3", "kit run k --timeout=3"),
        ("kit make --count 4", "kit make --most-lines 4"),
        ("prune scan w --limit 5", "prune scan w --most-lines 5"),
        ("synth --slant 0.5 --seed 4 --jpeg=1", "data synth --set slant=0.5 --seed 4 --set jpeg=1"),
        ("verify --model m --lines a", "verify m --lines a"),
        ("verify --lines a --model=m", "verify m --lines a"),
        ("compare --before a --after b", "compare a b"),
        ("compare a --after b --json", "compare a --json -- b"),
        ("average --weights a --weights b --shares 1 0", "train average a b --shares 1 0"),
        ("adapt --lines a --steps 9 --extend-charset", "train adapt --lines a --set steps=9 --set extend_charset=true"),
    ],
)
def test_an_old_name_becomes_the_new_one_and_says_so(capsys, old, new):
    assert modernise(old.split()) == new.split()
    said = capsys.readouterr().err
    assert "the old name works until inkport" in said
    assert all(line.startswith("warning: ") for line in said.splitlines())


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--help",
        "train --help",
        "train run a.toml --out b --set optim.lr=1",
        "train adapt --lines a --set steps=9",
        "read a.png --model m",
        "diagnose operators a b --model m",
        "data synth --fonts f --count 3 --only x -- --slant",
        "data widths --count 3",
        "verify model --lines a b",
        "nosuch --slant 3",
    ],
)
def test_todays_names_are_left_alone(capsys, words):
    assert modernise(words.split()) == words.split()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("old", "cls", "expected"),
    [
        (
            "quantise apply --ranges entropy --keep-nodes a b/c --operators --per-channel",
            Int8Options,
            {"ranges": "entropy", "keep_nodes": ("a", "b/c"), "operators": (), "per_channel": True},
        ),
        ("adapt --freeze cnn,statistics --seed 7", AdaptSettings, {"freeze": ("cnn", "statistics"), "seed": 7}),
        ("synth --crop 0.25 --slant=2", Look, {"crop": 0.25, "slant": 2.0}),
    ],
)
def test_old_options_mean_the_same_settings(old, cls, expected):
    words = modernise(old.split())
    assignments = [after for word, after in pairwise(words) if word == "--set"]
    made = parse_config(cls, parse_overrides(assignments), where="--set")
    assert {name: getattr(made, name) for name in expected} == expected


def test_the_tables_name_what_there_is():
    groups = {words[0] for words in EVERY.values()}
    assert {*_renamed.POSITIONAL, *_renamed.SETTINGS, *_renamed.OPTIONS, *_renamed.SUBCOMMANDS.values()} <= set(EVERY)
    assert {new.split()[0] for new in _renamed.COMMANDS.values()} <= groups
    assert not set(_renamed.COMMANDS) & {name for name in app if not name.startswith("-")}
    assert set(_renamed.LOOK) == {field.name for field in fields(Look)}
    assert set(_renamed.INT8) == {field.name for field in fields(Int8Options)}
    for command, settings in _renamed.SETTINGS.items():
        options = {name.removeprefix("--").replace("-", "_") for name in options_of(*EVERY[command])}
        assert "set" in options
        assert not options & set(settings)
    for command, renamed in _renamed.OPTIONS.items():
        assert set(renamed.values()) <= set(options_of(*EVERY[command]))
        assert not set(renamed) & set(options_of(*EVERY[command]))


@pytest.mark.parametrize("command", sorted(_renamed.POSITIONAL))
def test_every_argument_can_still_be_named(command):
    positional = [a.name.lower() for a in arguments_of(*EVERY[command]) if a.field_info.is_positional]
    assert positional == list(_renamed.POSITIONAL[command])


def test_an_old_command_runs_and_a_new_one_says_nothing(inkport):
    old, new = inkport("frames", "nowhere"), inkport("data", "frames", "nowhere")
    assert (old.code, old.out) == (new.code, new.out) == (2, "")
    warning, rest = old.err.split("\n", 1)
    assert warning.startswith("warning: inkport frames is called inkport data frames today")
    assert rest == new.err


def test_no_help_shows_an_old_name(inkport):
    shown = set(re.findall(r"^│ ([a-z-]+)  ", inkport("--help").out, flags=re.MULTILINE))
    assert "diagnose" in shown
    assert not set(_renamed.COMMANDS) & shown


def test_the_document_lists_what_there_is():
    text = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text(encoding="utf-8")
    listed, old = (text.split("## Shared options")[0], text.split("## Old names")[1])
    assert set(re.findall(r"`((?!inkport)[a-z ]+)`", listed)) == set(COMMANDS)
    rows = dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", old, flags=re.MULTILINE))
    options = {
        f"{command} {before}": f"{command} {after}"
        for command, renamed in _renamed.OPTIONS.items()
        for before, after in renamed.items()
    }
    train = {"train RECIPE": "train run RECIPE"}
    assert rows == {**_renamed.COMMANDS, **_renamed.SUBCOMMANDS, **options, **train}
    assert f"until inkport {_renamed.REMOVED_IN}" in old
    named = set(re.findall(r"`(--?[a-z]+)`", text.split("## Shared options")[1].split("##")[0]))
    assert named == {name for names in SHARED for name in names}
