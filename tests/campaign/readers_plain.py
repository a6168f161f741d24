"""Readers of text files: what users write by hand, and what one command writes for another."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from campaign.reader import Reader


def read_targets(folder: Path) -> object:
    from inkport.core.target import load_targets

    return load_targets(folder / "targets.toml")


def read_recipe(folder: Path) -> object:
    from inkport.train.recipe import load_recipe

    return load_recipe(folder / "recipe.toml").digest


def read_finder_recipe(folder: Path) -> object:
    from inkport.train.finder.recipe import load_finder_recipe

    return load_finder_recipe(folder / "recipe.toml").digest


def read_finder(folder: Path) -> object:
    from inkport.pages.finder_files import read_finder

    return read_finder(folder)[0]


def read_overrides(folder: Path) -> object:
    from inkport.train.overrides import parse_overrides, write_overrides

    # What stands on a command line; the file only carries it here.
    file = folder / "set.txt"
    rows = file.read_bytes().decode("utf-8", errors="replace").split("\n") if file.is_file() else []
    return write_overrides(parse_overrides(row for row in rows if row))


def read_compress_recipe(folder: Path) -> object:
    from inkport.compress.recipe import load_compress_recipe

    return load_compress_recipe(folder / "recipe.toml")


def read_pruning(folder: Path) -> object:
    from inkport.train.prune.scan import load_pruning

    return load_pruning(folder / "pruning.toml")


def read_ablation(folder: Path) -> object:
    from inkport.train.ablation.runs import load_ablation, plan_runs

    ablation = load_ablation(folder / "distil.toml")
    # The plan has a row for each arm and seed.
    return plan_runs(ablation, folder)[:1]


def read_adapt_settings(folder: Path) -> object:
    from inkport.commands.train.adapt import _settings

    return _settings(folder / "settings.toml", (), skip="")


def read_corpus(folder: Path) -> object:
    from campaign.toys import SPEC
    from inkport.commands.lm import _texts
    from inkport.train.symbols import read_symbols
    from inkport.train.synth.corpus import load_corpus

    read_symbols(folder / "corpus.txt")
    list(_texts([folder / "corpus.txt"], [], SPEC.charset, 50, ""))
    return load_corpus(folder / "corpus.txt")


def read_report(folder: Path) -> object:
    from inkport.commands.compare import compare

    report = folder / "report.json"
    with redirect_stdout(StringIO()):
        try:
            compare(report, report)
        except SystemExit as ended:
            return ended.code
    return 0


def read_curve(folder: Path) -> object:
    from inkport.commands.data.widths import _cost_of

    return _cost_of(folder / "report.json", "onnxruntime fp32").time_ms(100.0)


def read_sensitivity(folder: Path) -> object:
    from inkport.export.quantize.search.scan_report import load_report

    return load_report(folder / "report.json").sha256


def read_pruning_scan(folder: Path) -> object:
    from inkport.train.prune.scan import load_scan

    return load_scan(folder / "scan.json").base


def read_compress_record(folder: Path) -> object:
    from inkport.compress.store import StageFolder, kept
    from inkport.core.target import Budget

    StageFolder(path=folder).find("k")
    return kept(folder / "stage.json", "inputs", Budget, Budget, keep=lambda _: False)


def read_device_state(folder: Path) -> object:
    from inkport.benchmarks.checks.devices.state import StateFile

    return StateFile(folder / "state.json", "k").run("a")


def read_loadgen(folder: Path) -> object:
    from inkport.benchmarks.run.loadgen import read_summary
    from inkport.benchmarks.run.scenarios import Scenario

    return read_summary(folder / "summary.txt", Scenario.OFFLINE, lines=3)


def read_ablation_runs(folder: Path) -> object:
    from inkport.train.ablation.runs import _finished

    return _finished(folder, "k")


PLAIN_READERS = (
    Reader(name="targets", modules=("core.target", "core.documents"), read=read_targets),
    Reader(name="recipe", modules=("train.recipe",), read=read_recipe),
    Reader(name="finder-recipe", modules=("train.finder.recipe",), read=read_finder_recipe),
    Reader(name="finder", modules=("pages.finder_files",), read=read_finder),
    Reader(name="overrides", modules=("train.overrides",), read=read_overrides),
    Reader(
        name="compress-recipe",
        modules=("compress.recipe", "compress.weight_stages"),
        read=read_compress_recipe,
    ),
    Reader(name="pruning", modules=("train.prune.scan",), read=read_pruning),
    Reader(name="ablation", modules=("train.ablation.runs",), read=read_ablation),
    Reader(name="adapt-settings", modules=("commands.train.adapt",), read=read_adapt_settings),
    Reader(name="corpus", modules=("commands.lm", "train.symbols", "train.synth.corpus"), read=read_corpus),
    Reader(name="report", modules=("benchmarks.checks.compare.document",), read=read_report),
    Reader(name="curve", modules=("commands.data.widths",), read=read_curve),
    Reader(name="sensitivity", modules=("export.quantize.search.scan_report",), read=read_sensitivity),
    Reader(name="pruning-scan", modules=("train.prune.scan",), read=read_pruning_scan),
    Reader(name="compress-record", modules=("compress.store",), read=read_compress_record),
    Reader(name="device-state", modules=("benchmarks.checks.devices.state",), read=read_device_state),
    Reader(name="loadgen", modules=("benchmarks.run.loadgen",), read=read_loadgen),
    Reader(name="ablation-run", modules=("train.ablation.runs",), read=read_ablation_runs),
)
