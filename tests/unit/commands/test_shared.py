"""The whole command line: shared options, swallowed arguments, verbosity, completion, missing packages."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from inkport.cli import every_command, options_of
from inkport.commands._options import SHARED
from inkport.commands._output import deliver, say, warn
from inkport.core import program
from inkport.core.errors import EXIT_UNAVAILABLE, EXIT_UNFORESEEN, extra_of
from inkport.core.verbosity import take_verbosity


ROOT = Path(__file__).parents[3]
LATER = {"read", "import", "bundle", "push"}
"""Commands that grow by what they can do."""


@pytest.fixture
def counts():
    return runpy.run_path(str(ROOT / "scripts" / "command_line.py"))["measure"]()


def test_helps_show_as_many_options_as_one_can_look_through(counts):
    assert counts["visible"] <= 320
    settled = {name: number for name, number in counts["by_command"].items() if name.split()[0] not in LATER}
    assert sum(settled.values()) + len(SHARED) <= 240
    assert counts["visible"] == sum(counts["by_command"].values()) + len(SHARED)
    assert counts["taken"] > counts["visible"] - len(SHARED)


def test_a_shared_option_is_described_once_and_named_where_it_is_taken(inkport):
    root = inkport("--help").out
    for names in SHARED:
        assert all(name in root for name in names)
    for words, _ in every_command():
        shown = inkport(*words, "--help").out
        for name in {name for names in SHARED for name in names} & set(options_of(*words)):
            # What `read --json` was is `read --format json` now.
            if options_of(*words)[name].show or (*words, name) == ("read", "--json"):
                continue
            assert f"Shared option, see inkport --help: {name.removeprefix('--')}" in shown


def test_a_shared_option_alone_is_no_command(inkport):
    done = inkport("--json")
    assert done.code == 2
    assert "a shared option needs a command" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--lines", "a", "convtext-tiny"),
        ("bench", "--calibration", "a", "best.safetensors"),
        ("verify", "--target", "onnxruntime:int8", "convtext-tiny"),
        ("export", "--widths", "256", "512", "convtext-tiny"),
        ("export", "--to", "onnx-fp32", "convtext-tiny"),
        ("prune", "scan", "--out", "o", "--ratios", "0.5", "w.safetensors"),
        ("prune", "factorize", "--out", "o", "--rank", "a=1", "w.safetensors"),
        ("train", "average", "--out", "o", "--shares", "0.5", "0.5", "a.safetensors", "b.safetensors"),
    ],
)
def test_an_option_that_has_swallowed_the_model_says_so(inkport, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = inkport(*arguments)
    assert done.code == 2
    said = " ".join(done.err.replace("│", " ").split())
    assert "takes all up to the next option" in said or "requires an argument" in said
    assert not list(tmp_path.iterdir())


def test_an_artifact_is_a_model_and_a_folder_of_lines_is_none(inkport, onnx_artifact, lines_folder):
    swallowed = inkport("data", "widths", "--lines", lines_folder, onnx_artifact.path)
    assert f"{onnx_artifact.path} is a model" in swallowed.err
    assert inkport("data", "widths", onnx_artifact.path, "--lines", lines_folder).code == 0
    assert inkport("data", "widths", "--lines", lines_folder, "--", onnx_artifact.path).code == 0


def test_quiet_leaves_news_out_and_warnings_in(capsys):
    deliver("result\n", files=lambda: None, where="here")
    take_verbosity(["-q"])
    deliver("result\n", files=lambda: None, where="there")
    say("news")
    warn("careful")
    take_verbosity([])
    assert capsys.readouterr() == ("result\nresult\n", "report: here\nwarning: careful\n")


def test_verbose_shows_where_an_error_comes_from(inkport):
    usual, verbose = inkport("data", "frames", "nowhere"), inkport("data", "frames", "nowhere", "-v")
    assert "Traceback" not in usual.err
    assert "Traceback" in verbose.err
    assert verbose.err.endswith(usual.err)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(inkport, tmp_path, shell):
    script = tmp_path / "completion"
    done = inkport("--install-completion", "--shell", shell, "--output", script)
    assert done.code == 0
    text = script.read_text(encoding="utf-8")
    assert all(word in text for words, _ in every_command() for word in words)
    if shell == "bash":
        subprocess.run(["bash", "-n", script], check=True)


def test_a_missing_package_is_exit_code_3_with_its_extra(inkport, tmp_path, monkeypatch):
    (tmp_path / "lines.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    done = inkport("data", "frames", tmp_path / "lines.parquet")
    assert done.code == EXIT_UNAVAILABLE
    assert "which is not installed\nfix: pip install 'inkport[parquet]'" in done.err


@pytest.mark.parametrize(("module", "code"), [("pyarrow.parquet", EXIT_UNAVAILABLE), ("nosuch", EXIT_UNFORESEEN)])
def test_a_package_that_nobody_asked_for_by_name_is_exit_code_3_too(capsys, module, code):
    def app(*_, **__):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    assert program.run_program(app, ["x"]) == code
    assert ("pip install 'inkport[parquet]'" in capsys.readouterr().err) == (code == EXIT_UNAVAILABLE)


@pytest.mark.parametrize(
    ("module", "extra"), [("torch", "torch"), ("onnx", "export"), ("fontTools", "render"), ("json", "")]
)
def test_the_extra_of_a_module(module, extra):
    assert extra_of(module) == extra
