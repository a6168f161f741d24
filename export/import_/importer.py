"""Importing a model: its bytes as they are, a specification of the rest, and a record of where each setting is from."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact
from inkport.core.charset import Charset
from inkport.core.errors import InkportError, SpecError, UsageError
from inkport.core.files import sha256_file
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.core.spec import Axes, Dtype, Layout, NativeSpec, RecogniserSpec
from inkport.export.import_.folder import Model, find_model
from inkport.export.import_.onnx_file import Network, OnnxFile, Tensor, read_onnx_file
from inkport.export.import_.probe import Ends, Prober
from inkport.export.import_.settings import (
    KEYS,
    Origin,
    Setting,
    Settings,
    merged,
    native_of,
    preprocess_of,
    preset,
)
from inkport.export.import_.symbols import Found, charset_for, read_symbols, symbols_of
from inkport.export.record import tool_versions
from inkport.lines.line import Line


STAGE = "import"
"""Name of the stage in provenance."""
CHARACTERS = "character"
"""Metadata in which PaddleOCR's converters keep the symbols, one per line."""
PROBED_LINES = 8
"""Lines that tell what the scores are and which class is the blank."""
DEFAULTS: Settings = {
    "width_multiple": Setting(1, Origin.ASSUMED),
    "max_width": Setting(4096, Origin.ASSUMED),
}
"""What is assumed of other people's networks in place of our own defaults: any width."""


@dataclass(frozen=True, kw_only=True)
class Import:
    """What is known of a model that is being imported."""

    file: OnnxFile
    """The file."""
    spec: RecogniserSpec
    """What it is."""
    settings: Settings
    """Each setting and where it comes from."""
    notes: tuple[str, ...]
    """What was found and done, in sentences."""
    like: str | None
    """The preset."""

    @property
    def assumed(self) -> tuple[str, ...]:
        """Settings that nobody gave and nothing told, as ``key=value``; those that change nothing are left out."""
        idle = {"background", "repeat_edge"} if "pad_value" in self.settings else set()
        return tuple(
            f"{k}={_text(s.value)}" for k, s in self.settings.items() if s.origin is Origin.ASSUMED and k not in idle
        )

    def record(self) -> dict[str, Any]:
        """Return what the provenance records."""
        return {
            "file": {
                "name": self.file.path.name,
                "sha256": sha256_file(self.file.path),
                "opset": self.file.opset,
                "producer": self.file.producer,
            },
            "like": self.like,
            "settings": {key: {"value": s.value, "from": s.origin.value} for key, s in self.settings.items()},
            "notes": list(self.notes),
        }


def _text(value: object) -> str:
    return (
        ",".join(map(str, value))
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def examine(
    path: Path,
    *,
    like: str | None = None,
    charset: Path | None = None,
    given: Settings | None = None,
    lines: Sequence[Line] = (),
) -> Import:
    """Find out what a model is; nothing is written.

    Args:
        path: An ONNX file, or a folder of docTR, OnnxTR or PaddleOCR with one.
        like: Name of the preset; that of the folder's configuration if None, and none for a bare file.
        charset: The symbols; those of the folder's configuration or of the file's metadata if None.
        given: Settings of the command line; they go before all others.
        lines: Lines to run it on, beside drawn strokes.

    Raises:
        InkportError: If it cannot be read or run, or what is known contradicts itself or does not suffice.
    """
    model = find_model(path)
    file = read_onnx_file(model.file)
    like = like or model.like
    told = merged(given or {}, dict(model.settings), _facts(file, given or {}))
    settings = merged(told, preset(like) if like else {}, DEFAULTS)
    network = Network(file.path)
    return _Examination(file, network, settings, _symbols(charset, model, file), lines).finish(like)


def _symbols(charset: Path | None, model: Model, file: OnnxFile) -> Found:
    if charset is not None:
        return read_symbols(charset)
    if model.symbols is not None:
        return model.symbols
    if text := file.metadata.get(CHARACTERS):
        return symbols_of(text.splitlines(), f"its metadata {CHARACTERS!r}")
    raise UsageError(
        f"{file.path}: nothing says what its classes mean",
        remedy="pass --charset FILE, one symbol per line in the order of the classes, without the blank",
    )


def _facts(file: OnnxFile, given: Settings) -> Settings:
    """Return what the file's input says about names, sizes and types."""
    tensor = _only(file.inputs, given, "input")
    outputs = [
        value for value in file.outputs if value.dtype == "float32" and (not value.shape or len(value.shape) == 3)
    ]
    output = _only(outputs or file.outputs, given, "output")
    if tensor.dtype not in set(Dtype):
        raise UsageError(
            f"{file.path}: its input {tensor.name} is {tensor.dtype or 'of an unknown type'}, not an image"
        )
    if tensor.shape is None or len(tensor.shape) != 4:
        raise UsageError(f"{file.path}: its input {tensor.name} has shape {tensor.shape}, expected four axes")
    layout = _layout(tensor, given)
    sizes = dict(zip(layout, tensor.shape, strict=True))
    facts: dict[str, Any] = {"input": tensor.name, "output": output.name, "dtype": tensor.dtype, "layout": layout}
    if sizes["n"]:
        facts["batch"] = sizes["n"]
    if sizes["h"]:
        facts["height"] = sizes["h"]
    if sizes["w"]:
        facts |= {"min_width": sizes["w"], "max_width": sizes["w"]}
    if sizes["c"] == 1:
        facts["channels"] = "gray"
    found = {key: Setting(value, Origin.FILE) for key, value in facts.items()}
    for key in ("height", "channels", "batch", "dtype", "layout", "min_width", "max_width"):
        if key in found and key in given and given[key].value != found[key].value:
            raise UsageError(f"--set {key}={given[key].value} contradicts the file, which says {found[key].value}")
    planes = 1 if given.get("channels", Setting("gray", Origin.SET)).value == "gray" else 3
    if "channels" in given and sizes["c"] and sizes["c"] != planes:
        raise UsageError(f"--set channels={given['channels'].value} contradicts the file: it has {sizes['c']} channels")
    return found


def _only(tensors: Sequence[Tensor], given: Settings, key: str) -> Tensor:
    names = [tensor.name for tensor in tensors]
    wanted = given[key].value if key in given else names[0] if len(names) == 1 else None
    if wanted not in names:
        raise UsageError(
            f"{key} {wanted}: no such tensor" if wanted else f"the graph has {len(names)} {key}s",
            remedy=f"pass --set {key}=NAME, one of {', '.join(names) or 'none'}",
        )
    return tensors[names.index(wanted)]


def _layout(tensor: Tensor, given: Settings) -> str:
    if "layout" in given:
        return str(given["layout"].value) if given["layout"].value in set(Layout) else Layout.NCHW
    shape = tensor.shape or ()
    return Layout.NHWC if shape[3] in (1, 3) and shape[1] not in (1, 3) else Layout.NCHW


class _Examination:
    """Settings that fill up while the network is run."""

    def __init__(
        self, file: OnnxFile, network: Network, settings: Settings, symbols: Found, lines: Sequence[Line]
    ) -> None:
        self.file, self.network, self.settings, self.symbols, self.lines = file, network, dict(settings), symbols, lines
        self.notes: list[str] = []
        if "height" not in settings:
            raise UsageError(f"{file.path}: nothing says how high its input is", remedy="pass --set height=PIXELS")
        self._assume_channels()
        self._fit_widths()

    def _assume_channels(self) -> None:
        tensor = next(value for value in self.file.inputs if value.name == self.settings["input"].value)
        planes = (tensor.shape or (None,) * 4)[str(self.settings["layout"].value).index("c")]
        if "channels" not in self.settings:
            self.settings["channels"] = Setting("gray3" if planes == 3 else "gray", Origin.ASSUMED)
        elif planes == 1 and self.settings["channels"].origin is Origin.PRESET:
            self.settings["channels"] = Setting("gray", Origin.FILE)

    def _fit_widths(self) -> None:
        """Make widths that nobody set fit those that somebody did."""
        settings = self.settings
        multiple = int(settings["width_multiple"].value)
        least = settings.get("min_width", Setting(max(32, multiple), Origin.ASSUMED))
        settings["min_width"] = replace(least, value=-(-int(least.value) // multiple) * multiple)
        most = settings["max_width"]
        if most.origin in (Origin.ASSUMED, Origin.PRESET):
            settings["max_width"] = replace(most, value=int(most.value) // multiple * multiple)
        if settings["min_width"].value == settings["max_width"].value and "fit" not in settings:
            settings["fit"] = Setting("stretch", Origin.ASSUMED)

    def finish(self, like: str | None) -> Import:
        preprocess = preprocess_of(self.settings)
        prober = Prober(self.network, self._ends(), preprocess)
        preprocess, prober = self._narrowest(preprocess, prober)
        width = preprocess.min_width
        axes, classes = prober.axes(width, self._classes())
        self._settle("axes", axes.value)
        frames = prober.frames(width, axes)
        for key in ("gain", "offset", "stride"):
            self._settle(key, getattr(frames, key))
        free = bool(prober.ends.batch) or prober.takes_any_batch(width)
        self._settle("batch", prober.ends.batch if free else 1)
        if not free:
            self.notes.append("several lines at once do not run, although its file leaves their number free")
        images = self._images(preprocess)
        self._settle("scores", prober.kind(axes, images).value)
        charset, blank = self._blank(prober, axes, classes, preprocess, images)
        spec = self._spec(preprocess, charset, blank)
        self._say_unset(spec)
        counts = ", ".join(f"{w}: {n}" for w, n in list(frames.counts.items())[:: max(1, len(frames.counts) // 4)])
        self.notes.append(f"frames by width {counts}")
        return Import(file=self.file, spec=spec, settings=self.settings, notes=tuple(self.notes), like=like)

    def _ends(self) -> Ends:
        get = self.settings
        return Ends(
            input=get["input"].value,
            output=get["output"].value,
            layout=Layout(get["layout"].value),
            dtype=Dtype(get["dtype"].value),
            batch=int(get["batch"].value) if "batch" in get else 0,
        )

    def _narrowest(self, preprocess: PreprocessSpec, prober: Prober) -> tuple[PreprocessSpec, Prober]:
        width = prober.narrowest()
        if width == preprocess.min_width:
            return preprocess, prober
        if self.settings["min_width"].origin is Origin.SET:
            raise UsageError(f"the network takes no input of {preprocess.min_width} px, {width} px is the narrowest")
        self.notes.append(f"inputs below {width} px do not run")
        self.settings["min_width"] = Setting(width, Origin.PROBED)
        preprocess = replace(preprocess, min_width=width)
        return preprocess, Prober(self.network, self._ends(), preprocess)

    def _classes(self) -> int | None:
        output = next(value for value in self.file.outputs if value.name == self.settings["output"].value)
        count = len(self.symbols.symbols)
        likely = {count + 1, count, count + 2}
        return next((size for size in output.shape or () if size in likely), None)

    def _settle(self, key: str, value: Any) -> None:
        """Take what was probed, unless somebody set something else: that contradicts the network.

        Raises:
            UsageError: If so.
        """
        told = self.settings.get(key)
        if told is not None and told.origin in (Origin.SET, Origin.FILE) and told.value != value:
            raise UsageError(
                f"{key}={_text(told.value)} contradicts the network, which has {key}={_text(value)} when it is run",
                remedy=f"pass --set {key}={_text(value)}, or leave it out",
            )
        if told is None or told.origin not in (Origin.SET, Origin.FILE):
            self.settings[key] = Setting(value, Origin.PROBED)

    def _images(self, preprocess: PreprocessSpec) -> list[npt.NDArray[np.float32]]:
        images = [preprocess.blank(preprocess.min_width)]
        for line in self.lines:
            if len(images) > PROBED_LINES:
                break
            try:
                images.append(prepare(line.pixels(preprocess), preprocess))
            except InkportError:
                continue
        return images

    def _blank(
        self,
        prober: Prober,
        axes: Axes,
        classes: int,
        preprocess: PreprocessSpec,
        images: Sequence[npt.NDArray[np.float32]],
    ) -> tuple[Charset, int]:
        """Settle the class of the blank: what was set, else the class that wins on paper without ink."""
        paper, share = prober.commonest(axes, [preprocess.blank(width) for width in self._widths(preprocess)])
        seen, _ = prober.commonest(axes, images)
        told = self.settings.get("blank")
        likely = f"on blank paper class {paper} wins {share:.0%} of the frames, over all lines class {seen}"
        if told is None:
            if paper != seen and len(images) > 1:
                raise UsageError(f"which class is the blank: {likely}", remedy="pass --set blank=CLASS")
            self.settings["blank"] = told = Setting(paper, Origin.PROBED)
        space = self.settings["space"].value if "space" in self.settings else None
        charset, place, notes = charset_for(self.symbols, classes, blank=int(told.value), space=space)
        self.settings["blank"] = replace(told, value=place)
        self.notes += [f"{classes} classes; blank {place}: {likely}", *notes]
        if place not in (seen, paper):
            self.notes.append(f"blank={place} is doubtful: class {paper} is what the network says to blank paper")
        return charset, place

    def _widths(self, preprocess: PreprocessSpec) -> list[int]:
        wide = preprocess.min_width + 8 * preprocess.width_multiple
        return sorted({preprocess.min_width, min(wide, preprocess.max_width)})

    def _spec(self, preprocess: PreprocessSpec, charset: Charset, blank: int) -> RecogniserSpec:
        native: NativeSpec = replace(native_of(self.settings), blank=blank)
        try:
            return RecogniserSpec(
                name=self.file.path.stem,
                version=sha256_file(self.file.path)[:12],
                preprocess=preprocess,
                charset=charset,
                stride=int(self.settings["stride"].value),
                native=native,
            )
        except SpecError as error:
            raise UsageError(error.message, remedy="change it with --set KEY=VALUE") from error

    def _say_unset(self, spec: RecogniserSpec) -> None:
        """Add every setting of the specification that nobody gave, with its default, so that nothing is silent."""
        for source in (spec.preprocess, spec.native):
            for key in KEYS:
                twin = {"mean": "channel_mean", "std": "channel_std"}.get(key, "")
                value = getattr(source, key, None)
                if value is None or value == () or key in self.settings or twin in self.settings:
                    continue
                self.settings[key] = Setting(getattr(value, "value", value), Origin.ASSUMED)


def write_import(found: Import, out: Path, *, checked: dict[str, Any] | None = None) -> Artifact:
    """Write an artifact with the model's bytes as they are.

    Args:
        found: What the model is.
        out: The artifact's directory; replaced if it is one.
        checked: What was compared with an expectation, for the record.

    Raises:
        UsageError: If ``out`` is something else than an artifact or an empty folder.
    """
    options = found.record() | ({} if checked is None else {"checked": checked})
    provenance = Provenance(stage=STAGE, tools=tool_versions("onnx", "onnxruntime"), options=options)
    with new_artifact(
        out, spec=found.spec, format="onnx", precision=found.file.precision, provenance=provenance
    ) as folder:
        shutil.copyfile(found.file.path, folder / "model.onnx")
    return load_artifact(out)
