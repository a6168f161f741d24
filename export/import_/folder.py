"""Where a model's file is, and what the files beside it say: configurations of docTR, OnnxTR and PaddleOCR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkport.core.documents import read_json
from inkport.core.errors import ArtifactNotFoundError, DataError, UsageError, needing
from inkport.core.reading import read_bytes
from inkport.export.import_.settings import PER_CHANNEL, Origin, Setting, Settings
from inkport.export.import_.symbols import Found, symbols_of


DOCTR = "config.json"
"""Name of docTR's and OnnxTR's configuration."""
PADDLE = "inference.yml"
"""Name of PaddleOCR's configuration."""
YAML_BYTES = 4 << 20
"""Largest configuration; one with 20,000 symbols has 0.2 MB."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model's file and what lies beside it."""

    file: Path
    """The ONNX file."""
    like: str | None = None
    """The preset that the configuration belongs to, if there is one."""
    settings: Mapping[str, Setting]
    """Settings that it gives."""
    symbols: Found | None = None
    """Symbols that it gives."""


def find_model(path: Path) -> Model:
    """Return the model at a path: an ONNX file, or a folder with one and a configuration.

    Raises:
        ArtifactNotFoundError: If there is none.
        UsageError: If there are several.
        DataError: If the configuration is damaged or not one that is read here.
        RuntimeUnavailableError: If it is YAML and no parser is installed.
    """
    if not path.is_dir():
        return Model(file=path, settings={})
    found = sorted(path.glob("*.onnx"))
    if not found:
        raise ArtifactNotFoundError(
            f"{path}: no .onnx file in this folder", remedy="export the model to ONNX first (paddle2onnx, torch.onnx)"
        )
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise UsageError(f"{path}: several ONNX files ({names})", remedy="name one of them")
    if (config := path / DOCTR).is_file():
        return _doctr(found[0], config)
    if (config := path / PADDLE).is_file():
        return _paddle(found[0], config)
    raise DataError(f"{path}: neither {DOCTR} nor {PADDLE} beside {found[0].name}", remedy="name the ONNX file itself")


def _doctr(file: Path, config: Path) -> Model:
    data = read_json(config)
    if not isinstance(data, dict) or "vocab" not in data:
        raise DataError(f"{config}: no vocab, so not the configuration of a docTR recogniser")
    settings: Settings = {}
    for key, many in PER_CHANNEL.items():
        if key in data:
            settings[many] = Setting(list(_numbers(data[key], f"{config}: {key}", 3)), Origin.FILE)
    if "input_shape" in data:
        _, height, width = _numbers(data["input_shape"], f"{config}: input_shape", 3)
        settings |= _sizes(height, width)
        settings["min_width"] = settings["max_width"]
    return Model(file=file, like="doctr", settings=settings, symbols=symbols_of(data["vocab"], config.name))


def _sizes(height: float, width: float) -> Settings:
    return {
        "height": Setting(int(height), Origin.FILE),
        "max_width": Setting(int(width), Origin.FILE),
    }


def _numbers(found: Any, where: str, count: int) -> tuple[float, ...]:
    if (
        not isinstance(found, list)
        or len(found) != count
        or any(isinstance(item, bool) or not isinstance(item, int | float) for item in found)
    ):
        raise DataError(f"{where}: expected {count} numbers, found {str(found)[:80]}")
    return tuple(found)


def _paddle(file: Path, config: Path) -> Model:
    data = _read_yaml(config)
    after = data.get("PostProcess") if isinstance(data, dict) else None
    if not isinstance(after, dict) or not isinstance(after.get("character_dict"), list):
        raise DataError(f"{config}: no PostProcess.character_dict, so not the configuration of a PaddleOCR recogniser")
    before = data.get("PreProcess")
    steps = before.get("transform_ops") if isinstance(before, dict) else None
    settings: Settings = {}
    for step in steps if isinstance(steps, list) else []:
        shape = step.get("RecResizeImg", {}).get("image_shape") if _is_resize(step) else None
        if shape is not None:
            _, height, width = _numbers(shape, f"{config}: image_shape", 3)
            settings["height"] = Setting(int(height), Origin.FILE)
            settings["min_width"] = Setting(int(width), Origin.FILE)
    # YAML has numbers and truth values where a symbol looks like one.
    symbols = [_symbol(item) for item in after["character_dict"]]
    return Model(file=file, like="paddle-rec", settings=settings, symbols=symbols_of(symbols, config.name))


def _is_resize(step: Any) -> bool:
    return isinstance(step, dict) and isinstance(step.get("RecResizeImg"), dict)


def _symbol(item: Any) -> str:
    if isinstance(item, bool) or not isinstance(item, str | int):
        raise DataError(f"{PADDLE}: character_dict holds {str(item)[:80]!r}, expected symbols", remedy="quote it")
    return str(item)


def _read_yaml(path: Path) -> Any:
    with needing(f"reading {path.name}", extra="import"):
        import yaml
    try:
        return _loader(yaml)(read_bytes(path, limit=YAML_BYTES)).get_single_data()
    except Exception as error:
        # Its constructors stumble over damaged numbers and dates in many ways.
        raise DataError(f"{path}: not YAML that is read here ({error!r})") from error


def _loader(yaml: Any) -> Any:
    """Return a loader that builds plain values alone and follows no alias: nested ones unpack to any size."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise yaml.YAMLError("it has an alias")
            return super().compose_node(parent, index)

    return Loader
