from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from inkport.commands import _reader as read_module, lm as lm_module
from inkport.core.files import sha256_file
from inkport.core.lm.files import Fusion, fusion_path, load_fusion, load_model, save_fusion
from inkport.lines.roles import Role, record_lines
from inkport.lines.source import read_lines


TEXT = "a bad cab\nde ca\ncab dab\nbad deed\n" * 4


@pytest.fixture(autouse=True)
def fake(register, onnx_artifact, monkeypatch):
    (runtime,) = register(("fake", {}))
    for module in (lm_module, read_module):
        monkeypatch.setattr(module, "bundled_artifacts", lambda: (onnx_artifact,))
    return runtime


@pytest.fixture
def lines(tmp_path):
    """Two lines of one dark block each: the fake runtime reads ``é``; one truth says so, one says ``d``."""
    return draw(tmp_path / "lines", ink=0)


@pytest.fixture
def others(tmp_path):
    """Two other lines, the block a shade lighter."""
    return draw(tmp_path / "others", ink=1)


def draw(folder, *, ink):
    folder.mkdir()
    for name, text in (("one", "é"), ("two", "d")):
        pixels = np.full((96, 1024), 255, np.uint8)
        pixels[:, 480:560] = ink
        Image.fromarray(pixels).save(folder / f"{name}.png")
        (folder / f"{name}.gt.txt").write_text(text + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def built(inkport, tmp_path, onnx_artifact):
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    out = tmp_path / "lm.npz"
    run = inkport("lm", "build", onnx_artifact.path, "--text", text, "--order", 3, "--out", out)
    assert (run.code, run.err) == (0, "")
    return out


def test_a_model_is_built_tuned_measured_and_used(inkport, built, lines, others, onnx_artifact):
    tmp_path = lines.parent
    charset = onnx_artifact.spec.charset
    run = inkport("lm", "tune", "--lm", built, "--lines", lines)
    assert (run.code, run.err) == (0, "")
    fusion = load_fusion(built, charset, root=onnx_artifact.root)
    assert f"alpha {fusion.alpha:g}" in run.out
    assert "CER on 2 lines" in run.out

    run = inkport("lm", "measure", "--lm", built, "--lines", others, "--out", tmp_path / "lm.json")
    assert run.code == 0
    report = json.loads((tmp_path / "lm.json").read_text(encoding="utf-8"))
    assert report["gain"][0]["lines"] == 2
    assert report["gain"][0]["cer_greedy"] == pytest.approx(0.5)
    assert report["lm"]["sha256"] == sha256_file(built)
    assert report["cost"]["greedy"]["n"] == report["cost"]["beam"]["n"] == 2

    assert inkport("read", "--lm", built, lines / "one.png").code == 0


def test_reading_goes_through_the_language_model(inkport, built, lines, onnx_artifact):
    charset = onnx_artifact.spec.charset
    # A beta far below zero makes the empty text the best one.
    digests = {"lm_sha256": sha256_file(built), "charset_sha256": charset.digest, "root": onnx_artifact.root}
    save_fusion(built, Fusion(alpha=0.5, beta=-90.0, **digests))
    assert inkport("read", lines / "one.png").out == "é\n"
    assert inkport("read", "--lm", built, lines / "one.png").out == "\n"


def test_weights_that_are_missing_are_asked_for(inkport, built, lines):
    run = inkport("read", "--lm", built, lines / "one.png")
    assert run.code == 2
    assert "inkport lm tune" in run.err


def test_weights_that_cannot_be_read_are_found_before_the_lines_are(inkport, built, tmp_path):
    fusion_path(built).write_text('{"alpha": 0.5, "beta": 1.0}', encoding="utf-8")
    run = inkport("lm", "tune", "--lm", built, "--lines", tmp_path / "no-such-lines.tsv")
    assert run.code == 2
    assert "expected a list, found dict" in run.err
    assert "delete it and run inkport lm tune again" in run.err


def test_tokens_and_arpa_go_to_other_tools_and_back(inkport, built, tmp_path, onnx_artifact):
    text, model = tmp_path / "text.txt", onnx_artifact.path
    run = inkport("lm", "tokens", model, "--text", text, "--width", 9)
    assert run.out.splitlines()[0] == "a <space> b a d <space> c a b"
    assert inkport("lm", "build", model, "--text", text, "--order", 3, "--out", tmp_path / "lm.arpa.gz").code == 0
    assert inkport("lm", "pack", tmp_path / "lm.arpa.gz", model, "--out", tmp_path / "packed.npz").code == 0
    charset = onnx_artifact.spec.charset
    one, two = load_model(built, charset), load_model(tmp_path / "packed.npz", charset)
    for line in ["a bad cab", "deed é"]:
        assert one.score(line) == pytest.approx(two.score(line), abs=0.02)


def test_no_text_and_bad_text_are_refused(inkport, tmp_path, onnx_artifact):
    (tmp_path / "latin.txt").write_bytes(b"\xff\xfe\x00")
    for arguments in ([], ["--text", tmp_path / "none.txt"], ["--text", tmp_path / "latin.txt"]):
        run = inkport("lm", "build", onnx_artifact.path, *arguments, "--out", tmp_path / "lm.npz")
        assert run.code == 2
        assert "Traceback" not in run.err


def test_weights_of_another_recogniser_are_refused(inkport, built, lines, onnx_artifact):
    digests = {"lm_sha256": sha256_file(built), "charset_sha256": onnx_artifact.spec.charset.digest}
    save_fusion(built, Fusion(alpha=0.5, beta=0.0, root="f" * 64, **digests))
    for command in (["read"], ["lm", "measure", "--lines", lines]):
        run = inkport(*command, "--lm", built, *([lines / "one.png"] if command == ["read"] else []))
        assert run.code == 2
        assert "chosen for the recogniser with weights ffffffffffff" in run.err
        assert "inkport lm tune" in run.err


def test_test_lines_neither_build_nor_tune_a_language_model(inkport, built, lines, tmp_path, onnx_artifact):
    manifest = tmp_path / "set.tsv"
    rows = [f"{lines / 'one.png'}\tone\té\ttrain", f"{lines / 'two.png'}\ttwo\td\ttest"]
    manifest.write_text("\n".join(["image\tid\ttext\tsplit", *rows]) + "\n", encoding="utf-8")
    build = ["lm", "build", onnx_artifact.path, "--lines", manifest, "--out", tmp_path / "new.npz"]
    for command in (build, ["lm", "tokens", onnx_artifact.path, "--lines", manifest]):
        run = inkport(*command)
        assert run.code == 2
        assert "'two' is a test line" in run.err
    run = inkport("lm", "tune", "--lm", built, "--lines", manifest)
    assert run.code == 2
    assert "lm tune: 'two' is a test line" in run.err
    assert not (tmp_path / "new.npz").exists()
    assert not built.with_name(built.name + ".fusion.json").exists()


@pytest.mark.parametrize("name", ["lm.npz", "lm.arpa", "lm.arpa.gz", "packed.npz"])
def test_lines_that_built_a_language_model_do_not_tune_or_measure_it(inkport, lines, others, onnx_artifact, name):
    tmp_path = lines.parent
    model, file = onnx_artifact.path, tmp_path / name
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    first = tmp_path / "lm.arpa" if name == "packed.npz" else file
    build = ["lm", "build", model, "--text", text, "--lines", lines, "--order", 3, "--out", first]
    assert inkport(*build).code == 0
    if name == "packed.npz":
        assert inkport("lm", "pack", first, model, "--out", file).code == 0
    copy = tmp_path / "copy.tsv"
    Image.open(lines / "two.png").save(tmp_path / "copy.bmp")
    copy.write_text("image\ttext\ncopy.bmp\t d \n", encoding="utf-8")
    refused = inkport("lm", "tune", "--lm", file, "--lines", copy)
    assert refused.code == 2
    assert "1 line is among those that the language model" in refused.err
    assert "was built on" in refused.err
    assert not fusion_path(file).exists()
    # The same texts in other hands are other lines.
    assert inkport("lm", "tune", "--lm", file, "--lines", others).code == 0
    for measured, why in ((lines, "was built on"), (others, "was tuned on")):
        run = inkport("lm", "measure", "--lm", file, "--lines", measured, "--out", tmp_path / "lm.json")
        assert run.code == 2
        assert why in run.err


def test_lines_that_trained_the_recogniser_do_not_tune_a_language_model(
    inkport, built, lines, onnx_artifact, monkeypatch
):
    record = record_lines({Role.TRAIN: read_lines([lines])})
    known = replace(onnx_artifact, provenance=replace(onnx_artifact.provenance, line_digests=record))
    monkeypatch.setattr(lm_module, "bundled_artifacts", lambda: (known,))
    run = inkport("lm", "tune", "--lm", built, "--lines", lines)
    assert run.code == 2
    assert "2 lines are among those that" in run.err
    assert "was trained on" in run.err


def test_a_model_of_texts_alone_has_the_bytes_it_always_had(built):
    with np.load(built) as stored:
        assert set(json.loads(stored["head"].tobytes())) == {"version", "order", "charset_sha256", "unknown"}


def test_texts_from_right_to_left_build_no_language_model_unless_they_are_left_out(inkport, tmp_path, onnx_artifact):
    path = tmp_path / "lines.tsv"
    path.write_text("image\ttext\na.png\tabcabc\nb.png\tabc שלום\nc.png\tbcabca\n", encoding="utf-8")
    command = ("lm", "build", onnx_artifact.path, "--lines", path, "--out", tmp_path / "lm.npz", "--prune", 0)
    refused = inkport(*command)
    assert (refused.code, refused.out) == (2, "")
    assert "b.png: right-to-left: 'ש'" in refused.err
    assert not (tmp_path / "lm.npz").exists()
    done = inkport(*command, "--skip", "right-to-left")
    assert done.code == 0
    assert "left out by --skip: 1 lines (1 right-to-left)" in done.err


def test_six_lines_make_a_model_of_the_order_that_they_allow(inkport, tmp_path, onnx_artifact):
    path = tmp_path / "lines.tsv"
    rows = "".join(f"{index}.png\t{text}\n" for index, text in enumerate(["abc", "cab", "bca", "acb", "é a", "d"]))
    path.write_text(f"image\ttext\n{rows}", encoding="utf-8")
    done = inkport("lm", "build", onnx_artifact.path, "--lines", path, "--out", tmp_path / "lm.npz")
    assert done.code == 0
    assert "order 3, not 6: the text is so short" in done.err
    assert f"{tmp_path / 'lm.npz'}: order 3, n-grams by length" in done.out
