"""What is made once, what is made again, and what a failure stops: with stages that write text."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from inkport.compress.lines import refuse_known
from inkport.compress.made_stages import Status, run_stages
from inkport.compress.recipe import StageRow
from inkport.compress.stage import Inputs
from inkport.compress.store import kept
from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.errors import ExportError, LineDataError, RuntimeUnavailableError
from inkport.core.target import Precision
from inkport.lines.roles import Role, record_lines
from inkport.lines.source import read_lines


def write_artifact(path, spec, text, parent=None):
    provenance = Provenance(stage="test", parent=parent)
    with new_artifact(path, spec=spec, format="onnx", precision=Precision.FP32, provenance=provenance) as folder:
        (folder / "model.onnx").write_text(text)
    return load_artifact(path)


@dataclass(frozen=True, kw_only=True)
class Appends:
    """Adds a word to the parent's text."""

    word: str
    """The word."""
    outside: str = ""
    """What it says it depends on besides."""
    lines: tuple = ()
    """Line sets that it learns from."""
    calls: ClassVar[list[str]] = []
    fails: ClassVar[dict[str, Exception]] = {}

    def inputs(self, context):
        return Inputs(digests={"outside": self.outside}, train=self.lines)

    def make(self, parent, out, *, work, context):
        half = work / "half"
        self.calls.append(self.word + (" again" if half.exists() else ""))
        half.touch()
        if self.word in self.fails:
            raise self.fails[self.word]
        return write_artifact(out, parent.spec, parent.file(".onnx").read_text() + self.word, parent.digest)


@pytest.fixture(autouse=True)
def _fresh():
    Appends.calls.clear()
    Appends.fails.clear()


@pytest.fixture
def start(tmp_path, toy_spec):
    return write_artifact(tmp_path / "start", toy_spec, "s")


def row(name, parent="start", word=None, **settings):
    return StageRow(name=name, kind="appends", parent=parent, stage=Appends(word=word or name, **settings))


@pytest.fixture
def run(start, context, tmp_path):
    """Run stages; returns what was called for it, and what came of it."""

    def go(*rows):
        Appends.calls.clear()
        made = run_stages(rows, start, context, tmp_path / "out")
        return list(Appends.calls), made

    return go


TREE = (row("a"), row("b", "a"), row("c", "b"), row("d"))


def test_a_second_run_makes_nothing_and_finds_the_same(run, start, tmp_path):
    calls, first = run(*TREE)
    assert calls == ["a", "b", "c", "d"]
    assert first["c"].artifact.file(".onnx").read_text() == "sabc"
    again, second = run(*TREE)
    assert again == []
    assert {made.status for made in second.values()} == {Status.KEPT}
    assert [m.artifact.digest for m in second.values()] == [m.artifact.digest for m in first.values()]
    record = json.loads((tmp_path / "out/stages/b/stage.json").read_text())
    assert record["parent_sha256"] == first["a"].artifact.digest
    assert record["artifact_sha256"] == first["b"].artifact.digest
    assert json.loads((tmp_path / "out/stages/a/stage.json").read_text())["parent_sha256"] == start.digest
    assert not list((tmp_path / "out").rglob("work-*"))


def test_a_changed_setting_remakes_the_stage_and_its_descendants_alone(run):
    run(*TREE)
    calls, made = run(row("a"), row("b", "a", word="B"), row("c", "b"), row("d"))
    assert calls == ["B", "c"]
    assert made["c"].artifact.file(".onnx").read_text() == "saBc"


def test_a_changed_input_remakes_the_stage_and_nothing_below_if_its_artifact_is_the_same(run):
    run(*TREE)
    calls, _ = run(row("a", outside="new lines"), row("b", "a"), row("c", "b"), row("d"))
    assert calls == ["a"]


def test_another_start_remakes_everything(run, context, tmp_path, toy_spec):
    run(*TREE)
    other = write_artifact(tmp_path / "other", toy_spec, "S")
    Appends.calls.clear()
    run_stages(TREE, other, context, tmp_path / "out")
    assert Appends.calls == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("damage", "how"),
    [
        ("artifact/model.onnx", "change"),
        ("artifact/model.onnx", "remove"),
        ("artifact/recogniser.json", "change"),
        ("stage.json", "change"),
        ("stage.json", "remove"),
    ],
)
def test_what_is_damaged_is_made_again(run, tmp_path, damage, how):
    _, first = run(*TREE)
    file = tmp_path / "out/stages/b" / damage
    if how == "change":
        file.write_text(file.read_text()[:-7])
    else:
        file.unlink()
    calls, second = run(*TREE)
    assert calls == ["b"]
    assert second["b"].artifact.digest == first["b"].artifact.digest


def test_what_is_no_artifact_any_more_is_not_ours_to_replace(run, tmp_path):
    run(*TREE)
    (tmp_path / "out/stages/b/artifact/recogniser.json").unlink()
    _, made = run(*TREE)
    assert made["b"].status is Status.FAILED
    assert "holds no artifact" in made["b"].reason


def test_an_artifact_of_other_content_is_not_taken_although_it_is_whole(run, tmp_path, toy_spec):
    run(*TREE)
    write_artifact(tmp_path / "out/stages/b/artifact", toy_spec, "forged")
    calls, made = run(*TREE)
    assert calls == ["b"]
    assert made["c"].artifact.file(".onnx").read_text() == "sabc"


def test_a_failure_stops_what_is_made_from_it_and_is_tried_again_from_where_it_was(run):
    Appends.fails["b"] = ExportError("no kernel", remedy="buy one")
    calls, made = run(*TREE)
    assert calls == ["a", "b", "d"]
    assert [m.status for m in made.values()] == [Status.MADE, Status.FAILED, Status.SKIPPED, Status.MADE]
    assert made["b"].reason == "no kernel (fix: buy one)"
    assert made["c"].reason == "its parent b was not made"
    Appends.fails.clear()
    calls, made = run(*TREE)
    assert calls == ["b again", "c"], "its work was there"
    assert made["c"].artifact.file(".onnx").read_text() == "sabc"


def test_the_work_of_other_settings_is_not_gone_on_from(run):
    Appends.fails["b"] = ExportError("killed")
    run(*TREE)
    Appends.fails.clear()
    calls, _ = run(row("a"), row("b", "a", outside="changed"))
    assert calls == ["b"]


def test_what_is_not_installed_is_unavailable_and_no_failure(run, tmp_path):
    Appends.fails["a"] = RuntimeUnavailableError("no torch", remedy="pip install torch")
    _, made = run(*TREE)
    assert made["a"].status is Status.UNAVAILABLE
    Appends.fails["a"] = ValueError("a converter of somebody's")
    _, made = run(*TREE)
    assert made["a"].status is Status.FAILED
    assert "a converter of somebody's" in made["a"].reason
    assert "Traceback" in (tmp_path / "out/stages/a/error.txt").read_text()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full"), MemoryError()])
def test_a_kill_is_not_a_failure_of_a_stage_nor_is_a_full_machine(run, error):
    Appends.fails["b"] = error
    with pytest.raises(type(error)):
        run(*TREE)
    Appends.fails.clear()
    assert run(*TREE)[0] == ["b again", "c", "d"]


def test_a_line_has_one_role_whoever_names_it(run, line_set, context):
    copy = line_set("more", "w")
    (copy / "renamed.gt.txt").write_text("abc", encoding="utf-8")
    shutil.copyfile(context.found.val[0] / "v.png", copy / "renamed.png")
    with pytest.raises(LineDataError, match=r"1 line is in both train and val, for example 'renamed.png' .*'v.png'"):
        run(row("a", lines=(copy,)))
    assert Appends.calls == [], "nothing is made"
    assert run(row("a", lines=(line_set("other", "x"),)))[0] == ["a"]


def test_test_lines_that_train_are_refused(context, line_set):
    with pytest.raises(LineDataError, match="in both train and test"):
        context.index.check_roles({"train": context.lines.train, "val": (), "test": (line_set("test", "t", "u"),)})


def test_a_name_is_not_a_line(context, line_set):
    other = line_set("other", "t", text="another text")
    context.index.check_roles({"train": context.lines.train, "val": (other,)})


@pytest.mark.parametrize(
    ("role", "name", "told"),
    [(Role.TRAIN, "val", "no lines of val"), (Role.VAL, "val", None), (Role.VAL, "test", "no lines of test")],
)
def test_what_the_start_was_made_by_does_not_judge_it(context, line_set, toy_artifact, role, name, told):  # noqa: PLR0917
    judged = line_set("judged", "a", "b")
    record = record_lines({role: read_lines([line_set("learnt", "b")])})
    start = replace(toy_artifact, provenance=replace(toy_artifact.provenance, line_digests=record))
    lines = replace(context.lines, **{name: (judged,)})
    if told is None:
        refuse_known(start, lines)
        return
    with pytest.raises(LineDataError, match=f"1 line is among those that the start .*'b.png'.*{told}"):
        refuse_known(start, lines)


def test_lines_whose_split_is_test_neither_train_nor_choose(context, tmp_path):
    (tmp_path / "x.png").write_bytes(b"x")
    manifest = tmp_path / "lines.tsv"
    manifest.write_text("image\ttext\tid\tsplit\nx.png\tabc\tx\tTEST\n", encoding="utf-8")
    for role in ("train", "val"):
        with pytest.raises(LineDataError, match=f"'x' is a test line, and in {role}"):
            context.index.check_roles({role: (manifest,)})
    context.index.check_roles({"train": context.lines.train, "test": (manifest,)})


@dataclass(frozen=True, kw_only=True)
class Found:
    """A measurement."""

    value: int
    """Its value."""


def test_a_measurement_is_kept_while_its_inputs_stay(tmp_path):
    count = []

    def measure():
        count.append(1)
        return Found(value=len(count))

    def go(inputs, *, whole=True):
        return kept(tmp_path / "m.json", inputs, Found, measure, keep=lambda _: whole).value

    assert [go({"a": 1}, whole=False), go({"a": 1}), go({"a": 1})] == [1, 2, 2]
    assert [go({"a": 2}), go({"a": 2})] == [3, 3]
    (tmp_path / "m.json").write_text("{")
    assert go({"a": 2}) == 4
