"""What is in a bundle, and what is refused, without any compiler."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from inkport.core.artifact import bundle_folder, load_artifact
from inkport.core.errors import SpecError, UsageError
from inkport.core.lm.files import load_fusion, load_model
from inkport.export.bundle.bundle import BundleRequest, make_bundle
from inkport.export.bundle.credits import attribution_text, licence_text
from inkport.export.bundle.sources import ANDROID, IOS, PARTS, PLATFORMS, header_text
from inkport.export.bundle.specification import specification_text
from inkport.lines.source import read_lines


LM = bundle_folder() / "lm" / "fr-en.npz"


@pytest.fixture
def request_for(model, samples):
    return BundleRequest(model=model, platform="cpp", lines=islice(read_lines([samples]), 2))


def test_the_digests_are_of_every_other_file(bundle):
    sums = dict(row.split("  ")[::-1] for row in (bundle / "SHA256SUMS").read_text().splitlines())
    found = {str(path.relative_to(bundle)): path for path in bundle.rglob("*") if path.is_file()}
    assert sums.keys() == found.keys() - {"SHA256SUMS"}
    assert all(hashlib.sha256(found[name].read_bytes()).hexdigest() == digest for name, digest in sums.items())


def test_the_model_is_the_artifact_and_the_record_names_it(bundle, model):
    record = json.loads((bundle / "bundle.json").read_text())
    assert load_artifact(bundle / "model").digest == model.digest == record["model"]["sha256"]
    assert (record["platform"], record["golden"]["runtime"]) == ("cpp", "onnxruntime")


def test_the_specification_says_what_the_sidecar_says(bundle, model):
    rows = (bundle / "specification.txt").read_text().splitlines()
    said, spec = dict(row.split(" = ") for row in rows), model.spec
    assert "".join(chr(int(point)) for point in said["symbols"].split()) == "".join(spec.charset.symbols)
    sizes = ("height", "width_multiple", "min_width", "max_width")
    assert [int(said[key]) for key in sizes] == [getattr(spec.preprocess, key) for key in sizes]
    assert (bundle / said["model"]).read_bytes() == model.file(".onnx").read_bytes()
    assert (int(said["background"]), int(said["stride"]), said["charset_sha256"]) == (255, 4, spec.charset.digest)


def test_the_same_model_and_lines_give_the_same_bytes(request_for, samples, tmp_path):
    again = replace(request_for, lines=islice(read_lines([samples]), 2))
    for request, name in ((request_for, "a"), (again, "b")):
        make_bundle(request, tmp_path / name)
    assert (tmp_path / "a" / "SHA256SUMS").read_text() == (tmp_path / "b" / "SHA256SUMS").read_text()


def test_a_golden_line_tells_of_symbols_beyond_ascii(bundle):
    texts = [file.read_text(encoding="utf-8") for file in bundle.glob("golden/*/text.txt")]
    assert len(texts) >= 18
    assert all(texts)
    assert sum(not text.isascii() for text in texts) >= 5


def test_a_model_in_floats_is_refused(model):
    spec = replace(model.spec, preprocess=replace(model.spec.preprocess, resampling="triangle-v1"))
    with pytest.raises(SpecError, match="triangle-v1"):
        specification_text(replace(model, spec=spec), folder="model")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"platform": "amiga"}, "no such platform"),
        ({"model": {"format": "tensorrt"}}, "cannot be bundled"),
        ({"model": {"format": "ncnn"}, "platform": "android"}, "not read by the sources for android"),
    ],
)
def test_what_cannot_be_bundled_is_refused(request_for, change, words):
    if "model" in change:
        change = {**change, "model": replace(request_for.model, **change["model"])}
    with pytest.raises(UsageError, match=words):
        replace(request_for, **change)


def test_a_folder_of_something_else_stays(request_for, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no bundle"):
        make_bundle(request_for, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_language_models_file_holds_the_trie_and_its_weights(bundle, model):
    data, charset = (bundle / "lm.inklm").read_bytes(), model.spec.charset
    trie, fusion = load_model(LM, charset).trie, load_fusion(LM, charset, root=model.root)
    magic, version, order, nodes, beam, alpha, beta, unknown, digest = struct.unpack_from("<8sIIIIddd64s", data)
    assert (magic, version, order, nodes, beam) == (b"INKLM\r\n\x1a", 1, trie.order, trie.points.size, fusion.beam)
    assert (alpha, beta, unknown, digest.decode()) == (fusion.alpha, fusion.beta, trie.unknown, charset.digest)
    at = struct.calcsize("<8sIIIIddd64s")
    for array, dtype in ((trie.points, "<u4"), (trie.children, "<u2"), (trie.log_prob, "<f2"), (trie.backoff, "<f2")):
        assert np.array_equal(np.frombuffer(data, dtype, count=nodes, offset=at), array)
        at += nodes * array.itemsize
    assert at == len(data)


def test_the_header_is_one_file_without_includes_of_ours(bundle):
    text = header_text()
    assert (bundle / "include" / "inkport.hpp").read_text() == text
    assert re.findall(r'#include "|#include <inkport', text) == []
    assert text.count("#pragma once") == 1
    assert len(PARTS) == text.count("namespace inkport {\n")


def test_sources_that_were_not_compiled_here_say_so():
    """Kotlin, Swift and their build files; each also names itself in the README."""
    files = [file for folder in (ANDROID, IOS) for kind in ("*.kt", "*.kts", "*.swift") for file in folder.rglob(kind)]
    assert len(files) >= 8
    heads = [file.read_text(encoding="utf-8").splitlines()[:2] for file in files]
    assert [file.name for file, head in zip(files, heads, strict=True) if "here" not in "".join(head)] == []
    for folder in (ANDROID, IOS):
        assert re.search(r"not\s+compiled", (folder / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("platform", ["android", "ios"])
def test_mobile_bundles_hold_their_library_and_what_it_needs(bundle, platform, tmp_path):
    PLATFORMS[platform](tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    needed = {
        "android": {
            "build.gradle.kts",
            "src/main/java/inkport/SelfTest.java",
            "src/main/kotlin/inkport/AndroidReader.kt",
            "src/androidTest/kotlin/inkport/GoldenTest.kt",
        },
        "ios": {
            "Package.swift",
            "Sources/CInkport/inkport.cpp",
            "Sources/CInkport/include/inkport.h",
            "Sources/Inkport/Recogniser.swift",
            "Tests/InkportTests/GoldenTests.swift",
        },
    }[platform]
    assert needed | {"README.md"} <= names
    block = re.findall(r"```sh\n(.*?)```", (tmp_path / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert 1 <= len(block[0].splitlines()) <= 10
    taken = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    made = {"specification.txt", "bundle.json", "LICENSE", "ATTRIBUTION.md", "SHA256SUMS"}
    # Sources never take the place of what every bundle has.
    assert not names & (made | {name for name in taken if name.startswith(("golden/", "model/"))})


def test_shipped_weights_are_credited_and_others_asked_for(model):
    card = (Path(__file__).parents[4] / "docs" / "models" / "convtext-tiny.md").read_text(encoding="utf-8")
    learned = card.split("| data set | lines | what | source | licence |")[1].split("\n\n")[0]
    rows = [row.strip("|").split(" | ") for row in learned.splitlines()[2:]]
    assert len(rows) > 5
    shown = attribution_text(model)
    assert all(row[3].strip() in shown and row[4].strip(" |") in shown for row in rows)
    other = replace(model, provenance=replace(model.provenance, root="ab" * 32))
    assert "abab" in attribution_text(other)
    assert "CC-BY" not in attribution_text(other)


def test_the_licence_is_ours():
    assert licence_text() == (Path(__file__).parents[4] / "LICENSE").read_text(encoding="utf-8")
