"""Whole files of every kind that is read, to be damaged: ``python -m campaign.seeds FOLDER``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from campaign import datasets, page_files
from campaign.toys import (
    SPEC,
    kit_request,
    kit_with_result,
    line_set,
    onnx_artifact,
    save_toy_finder,
    save_toy_weights,
    toy_training,
)
from campaign.victims import VICTIMS, prepare
from inkport.benchmarks.checks.devices.runs import provide_kit
from inkport.benchmarks.run.progress import silent
from inkport.core.config import to_plain
from inkport.core.files import sha256_file
from inkport.core.hub.card import new_card
from inkport.core.hub.reference import parse_reference
from inkport.core.lm.arpa import write_arpa
from inkport.core.lm.estimate import estimate
from inkport.core.lm.files import Fusion, fusion_path, save_trie
from inkport.core.lm.model import build_trie
from inkport.core.onnx_metadata import with_metadata
from inkport.pages.finder_files import write_finder
from inkport.runtimes.trt_engine import BINDING


ROOT = Path(__file__).resolve().parents[2]
RECIPES = ("recipes/convtext-tiny.toml", "recipes/convtext-tiny-qat.toml", "recipes/ablations/distil-base.toml")
TEXTS = ("abc", "de ca", "bad deed", "acé", "ebb dab cab", "a bed", "cab dad", "dad")


class Store:
    """Writes seeds: ``store("kind", "name", content)`` begins or goes on with the newest sample of a kind."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def new(self, kind: str) -> Path:
        """Return an empty folder for one more sample."""
        folder = self.root / kind
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / str(sum(1 for _ in folder.iterdir()))
        place.mkdir()
        return place

    def put(self, kind: str, name: str, content: bytes | str) -> Path:
        """Write a sample of one file."""
        path = self.new(kind) / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def main(root: Path) -> None:
    """Write all seeds below ``root``."""
    store = Store(root)
    tables(store)
    line_sets(store)
    language_models(store)
    reports(store)
    own_files(store)
    models(store)
    foreign_models(store)
    kits(store)
    datasets.make(store)
    page_files.make(store)


def foreign_models(store: Store) -> None:
    """Write what a model of somebody else's comes with."""
    folder = store.new("foreign-onnx")
    artifact = onnx_artifact(folder / "artifact")
    shutil.copy(artifact.file(".onnx"), folder / "model.onnx")
    shutil.rmtree(folder / "artifact")
    doctr = {"mean": [0.6, 0.6, 0.6], "std": [0.2, 0.3, 0.2], "input_shape": [3, 32, 128], "vocab": "abcdé"}
    store.put("model-configuration", "config.json", json.dumps(doctr))
    store.put(
        "model-configuration",
        "inference.yml",
        "PreProcess:\n  transform_ops:\n  - RecResizeImg:\n      image_shape: [3, 48, 320]\n"
        "PostProcess:\n  name: CTCLabelDecode\n  character_dict:\n  - a\n  - 'b'\n  - 1\n",
    )
    store.put("symbols-file", "symbols.txt", "a\nb\n \nth\n")
    store.put("symbols-file", "symbols.json", json.dumps(["a", "", "th"]))
    store.put("expectations", "readings.tsv", "id\ttext\nline0\tabc\nline1\tde f\n")
    np.savez(store.new("expectations") / "scores.npz", line0=np.zeros((3, 4), np.float32))


def tables(store: Store) -> None:
    """Write what users write by hand: targets and recipes."""
    for path in ("benchmarks/targets.toml", "docs/results/bench-targets.toml"):
        store.put("targets", "targets.toml", (ROOT / path).read_bytes())
    for path in RECIPES:
        store.put("recipe", "recipe.toml", (ROOT / path).read_bytes())
    store.put("finder-recipe", "recipe.toml", (ROOT / "recipes/finder.toml").read_bytes())
    store.put("compress-recipe", "recipe.toml", (ROOT / "recipes/compress-tiny.toml").read_bytes())
    store.put("pruning", "pruning.toml", (ROOT / "recipes/prune/convtext-tiny.toml").read_bytes())
    folder = store.new("ablation")
    for name in ("distil.toml", "distil-base.toml"):
        shutil.copy(ROOT / "recipes/ablations" / name, folder)
    store.put("adapt-settings", "settings.toml", "steps = 20\nlr = 1e-3\nseed = 3\n")
    store.put(
        "overrides", "set.txt", 'optim.steps = 3\ndistil.frame = 0.5\noptim.optimiser = "muon"\nnetwork.dim = 3\n'
    )
    store.put("corpus", "corpus.txt", "Ein Satz mit 12 Wörtern.\n\n" + "une ligne, puis d'autres mots\n" * 20)


def line_sets(store: Store) -> None:
    """Write lines as a folder, a manifest, a description of a folder, and a Parquet file."""
    manifest = store.new("manifest")
    head = "image\ttext\tid\tdataset\twriter\tdocument\tseen_writer\tsplit\n"
    rows = [f"{i}.png\t{text}\tl{i}\tset\tw{i % 2}\td\ttrue\ttrain\n" for i, text in enumerate(TEXTS[:3])]
    (manifest / "lines.tsv").write_text(head + "".join(rows), encoding="utf-8")
    described = store.new("description")
    (described / "lines.toml").write_text('lines = ["."]\nwriter = "w"\ndataset = "d"\n', encoding="utf-8")
    for folder in (store.new("folder"), manifest, described):
        for index, text in enumerate(TEXTS[:3]):
            image = Image.new("L", (80, 24), 240)
            ImageDraw.Draw(image).text((4, 4), text, fill=20, font=ImageFont.load_default(size=12))
            image.save(folder / f"{index}.png")
            if folder is not manifest:
                (folder / f"{index}.gt.txt").write_text(text + "\n", encoding="utf-8")
    store.put("parquet", "lines.parquet", datasets.parquet_bytes(line_set()))


def language_models(store: Store) -> None:
    """Write a language model in its forms, and weights for it."""
    ngrams = estimate(TEXTS * 3, order=3)
    write_arpa(store.new("arpa") / "a.arpa", ngrams)
    write_arpa(store.new("arpa-gz") / "a.arpa.gz", ngrams)
    folder = store.new("lm")
    save_trie(folder / "a.npz", build_trie(ngrams, SPEC.charset))
    folder = store.new("fusion")
    save_trie(folder / "a.npz", build_trie(ngrams, SPEC.charset))
    fusion = Fusion(alpha=0.3, beta=1.0, lm_sha256=sha256_file(folder / "a.npz"), charset_sha256=SPEC.charset.digest)
    entries = [to_plain(fusion), to_plain(replace(fusion, root="ab"))]
    fusion_path(folder / "a.npz").write_text(json.dumps(entries), encoding="utf-8")


def reports(store: Store) -> None:
    """Write reports that other commands read again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        verify = next(victim for victim in VICTIMS if victim.name == "verify")
        command = [sys.executable, "-P", "-m", "inkport", *map(str, verify.arguments(folder))]
        subprocess.run(command, check=True, capture_output=True)
        store.put("report", "report.json", (folder / "out/report.json").read_bytes())
    store.put("report", "report.json", (ROOT / "tests/golden/report-0.1.json").read_bytes())
    store.put("curve", "report.json", (ROOT / "docs/results/bench.json").read_bytes())
    store.put("sensitivity", "report.json", (ROOT / "docs/results/quantise.json").read_bytes())


def own_files(store: Store) -> None:
    """Write what a command keeps for its next run."""
    trial = {"group": "", "ratio": 0.0, "kept": 0, "cer": 0.1, "cost": 5.0}
    scan = {"weights": "a", "lines": "b", "count": 3, "importance": "l1", "multiple": 4, "statistics": True}
    trials = [trial, trial | {"group": "stem", "ratio": 0.5, "kept": 8}]
    store.put("pruning-scan", "scan.json", json.dumps(scan | {"unit": "macs", "trials": trials}))
    record = {"schema": 1, "kind": "int8", "settings": {}, "inputs": {}, "parent": "start", "parent_sha256": "a"}
    record |= {"key": "k", "artifact_sha256": "b", "tools": {"onnx": "1"}}
    store.put("compress-record", "stage.json", json.dumps(record))
    store.put("compress-record", "stage.json", json.dumps({"key": "k", "found": {"cer_margin": 0.1}}))
    state = {"key": "k", "description": None, "runs": {"a": {"job": "j", "waited_s": 1.5, "result_sha256": "s"}}}
    store.put("device-state", "state.json", json.dumps(state))
    store.put("ablation-run", "evaluation.json", json.dumps({"key": "k", "test": {"edits": [1, 2]}}))
    store.put("readings", "readings.json", json.dumps({"key": "k", "texts": {"0": "abc", "1": ""}}))
    cell = {"lines": 10, "draw": 0, "share": 0.5, "edits": [1, 0], "other_edits": [2]}
    store.put("cell", "cell.json", json.dumps({"key": "k", "cell": cell}))
    summary = "SUT name : inkport\nScenario : Offline\nSamples per second: 123.4\nResult is : VALID\n"
    store.put("loadgen", "summary.txt", summary)
    answers = (
        {"id": 1, "ok": True, "protocol": 1, "engine": "toy", "version": "1"},
        {"id": 2, "ok": True, "threads": 1},
        {"id": 3, "ok": True, "shape": [1, 8, 8], "run_ns": 1000},
        {"id": 4, "ok": False, "error": {"kind": "failed", "message": "no"}},
    )
    store.put("answers", "answers.jsonl", "".join(json.dumps(answer) + "\n" for answer in answers))
    folder = onnx_artifact(store.new("engine-binding")).path
    (folder / BINDING).write_text('{"gpu": "H200", "compute_capability": "9.0", "tensorrt": "10"}', encoding="utf-8")


def models(store: Store) -> None:
    """Write weights, artifacts and golden logits."""
    from inkport.runtimes.logits import Golden
    from inkport.train.checkpoint import save_checkpoint

    folder = store.new("checkpoint")
    save_checkpoint(folder / "checkpoint.safetensors", recipe_digest="r", step=2, best=0.5, **toy_training())
    (folder / "log.jsonl").write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "val_cer": 0.5}\n', encoding="utf-8")
    font = ImageFont.load_default(10).path
    font.seek(0)
    store.put("font", "font.ttf", font.read())
    save_toy_weights(store.new("weights") / "weights.safetensors")
    save_toy_finder(store.new("finder-weights") / "finder.safetensors")
    about = {"name": "toy", "version": "1", "precision": "fp32", "long_side": 64, "stride": 4, "multiple": 32}
    write_finder(store.new("finder"), b"a graph", **about, licence="CC-BY-4.0", attribution="us", origin={"seed": 1})
    onnx_artifact(store.new("artifact"))
    toy = onnx_artifact(store.new("onnx"))
    store.put("model-card", "README.md", new_card(toy, parse_reference("hf://ada/lines")))
    data = with_metadata(toy.file(".onnx").read_bytes(), SPEC, precision=toy.precision, provenance=toy.provenance)
    (store.new("onnx-alone") / "alone.onnx").write_bytes(data)
    images = tuple(np.zeros((2, 1, 48, width), np.float32) for width in (32, 40))
    logits = tuple(np.zeros((2, width // 4, SPEC.charset.size), np.float32) for width in (32, 40))
    Golden(images=images, logits=logits).save(store.new("golden") / "golden.npz")


def kits(store: Store) -> None:
    """Write a signed kit and a result of it."""
    kit_with_result(store.new("kit"), store.new("kit-result"), store.new("signed-kit"))
    provide_kit(kit_request(), store.new("kept-kit"), progress=silent)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
