"""Readers that need torch: weights, checkpoints, and what a training keeps of its own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from campaign.reader import Reader


def read_weights(folder: Path) -> object:
    from inkport.model.weights import load_weights

    weights = load_weights(folder / "weights.safetensors")
    return weights.network().config


def read_checkpoint(folder: Path) -> object:
    """Go on from a checkpoint, with the log beside it."""
    from campaign.toys import toy_training
    from inkport.train.checkpoint import load_checkpoint
    from inkport.train.log import TrainingLog

    step, _ = load_checkpoint(folder / "checkpoint.safetensors", recipe_digest="r", **toy_training())
    TrainingLog(folder, step=step)
    return step


def read_finder_weights(folder: Path) -> object:
    from inkport.model.finder_weights import load_finder

    weights = load_finder(folder / "finder.safetensors")
    return weights.network().maps.out_channels


def read_readings(folder: Path) -> object:
    from campaign.toys import SPEC
    from inkport.train.teacher import _load

    del SPEC
    return _load(folder / "readings.json", SimpleNamespace(key="k"))


def read_cell(folder: Path) -> object:
    from inkport.train.adapt.curve import _load

    return _load(folder / "cell.json", "k")


def read_font(folder: Path) -> object:
    from inkport.train.synth.fonts import load_font

    font = load_font(folder / "font.ttf")
    load_font.cache_clear()
    return font.family, font.missing("abc é"), font.stroke_px, font.extent_px


TORCH_READERS = (
    Reader(name="weights", modules=("model.weights",), read=read_weights),
    Reader(name="finder-weights", modules=("model.finder_weights",), read=read_finder_weights),
    Reader(name="checkpoint", modules=("train.checkpoint", "train.log"), read=read_checkpoint),
    Reader(name="readings", modules=("train.teacher",), read=read_readings),
    Reader(name="cell", modules=("train.adapt.curve",), read=read_cell),
    Reader(name="font", modules=("train.synth.fonts",), read=read_font),
)
