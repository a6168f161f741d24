"""From one artifact to another format and precision, stage by stage, repeating nothing that is already there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.config import to_plain
from inkport.core.errors import ArtifactError, ExporterUnavailableError, ExportRequestError, UsageError, needing
from inkport.core.target import Precision
from inkport.export.quantize.calibration import KEY, CalibrationSet, has_learned_ranges


@dataclass(frozen=True)
class Exporter:
    """One exporter: artifact in, artifact out."""

    source: tuple[str, Precision]
    """Format and precision that it reads."""
    target: tuple[str, Precision]
    """Format and precision that it makes."""
    function: str
    """``module:function`` below ``inkport.export``, called as ``function(source, out)``; imported when it runs."""
    _: KW_ONLY
    calibrated: bool = False
    """Whether the function also takes ``calibration``."""
    learned: bool = False
    """Whether ranges that training learned take the place of ``calibration``."""
    flexible: bool = False
    """Whether the function also takes ``widths``."""
    settings: str = ""
    """Class of the function's settings, in its module, where it has some; the plan always takes the defaults."""
    facts: tuple[str, ...] = ()
    """What the function records beside its settings."""
    extra: str = "export"
    """Extra of inkport that installs what it needs."""

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.function.partition(":")[2]

    @property
    def module(self) -> ModuleType:
        """Module of the function and its settings; importing it may raise ``ModuleNotFoundError``."""
        return import_module(f"inkport.export.{self.function.partition(':')[0]}")


FP32, FP16, INT8 = Precision.FP32, Precision.FP16, Precision.INT8

WEIGHTS = ("safetensors", FP32)
"""What training makes, and no exporter."""

STAGES = (
    Exporter(("safetensors", FP32), ("onnx", FP32), "from_torch.onnx_fp32:onnx_from_safetensors"),
    Exporter(
        ("onnx", FP32),
        ("onnx", INT8),
        "quantize.onnx_int8:int8_onnx_from_onnx",
        settings="Int8Options",
        calibrated=True,
        learned=True,
    ),
    Exporter(("onnx", FP32), ("onnx", FP16), "from_onnx.fp16:fp16_onnx_from_onnx"),
    Exporter(("onnx", FP32), ("onnx-app", FP32), "from_onnx.onnx_app:onnx_app_from_onnx"),
    Exporter(("onnx", INT8), ("onnx-app", INT8), "from_onnx.onnx_app:onnx_app_from_onnx"),
    Exporter(("onnx", FP32), ("openvino", FP32), "from_onnx.openvino_ir:openvino_from_onnx"),
    Exporter(("openvino", FP32), ("openvino", Precision.BF16), "from_onnx.openvino_ir:bf16_openvino_from_openvino"),
    Exporter(("openvino", FP32), ("openvino", FP16), "from_onnx.openvino_ir:fp16_openvino_from_openvino"),
    Exporter(
        ("onnx", FP32),
        ("openvino", INT8),
        "quantize.openvino_int8:int8_openvino_from_onnx",
        settings="OpenVinoInt8Options",
        facts=("ignored_types",),
        calibrated=True,
        extra="nncf",
    ),
    Exporter(("onnx", FP32), ("tensorrt", FP32), "from_onnx.tensorrt_engine:tensorrt_from_onnx", extra="tensorrt"),
    Exporter(("onnx", FP16), ("tensorrt", FP16), "from_onnx.tensorrt_engine:tensorrt_from_onnx", extra="tensorrt"),
    Exporter(("onnx", INT8), ("tensorrt", INT8), "from_onnx.tensorrt_engine:tensorrt_from_onnx", extra="tensorrt"),
    Exporter(
        ("safetensors", FP32),
        ("coreml", FP32),
        "from_torch.coreml:coreml_from_safetensors",
        flexible=True,
        extra="coreml",
    ),
    Exporter(
        ("safetensors", FP32),
        ("coreml", FP16),
        "from_torch.coreml:fp16_coreml_from_safetensors",
        flexible=True,
        extra="coreml",
    ),
    Exporter(("coreml", FP16), ("coreml", Precision.W8), "quantize.weights_only:w8_coreml_from_coreml", extra="coreml"),
    Exporter(
        ("coreml", FP16),
        ("coreml", Precision.PAL6),
        "quantize.weights_only:pal6_coreml_from_coreml",
        extra="coreml",
    ),
    Exporter(
        ("coreml", FP16),
        ("coreml", Precision.PAL4),
        "quantize.weights_only:pal4_coreml_from_coreml",
        extra="coreml",
    ),
    Exporter(
        ("safetensors", FP32),
        ("litert", FP32),
        "from_torch.litert:litert_from_safetensors",
        flexible=True,
        extra="litert-export",
    ),
    Exporter(
        ("litert", FP32), ("litert", INT8), "quantize.weights_only:int8_litert_from_litert", extra="litert-export"
    ),
    Exporter(
        ("safetensors", FP32), ("executorch", FP32), "from_torch.et:executorch_from_safetensors", extra="executorch"
    ),
    Exporter(("safetensors", FP32), ("ncnn", FP32), "from_torch.ncnn_net:ncnn_from_safetensors", extra="ncnn-export"),
)
"""Every exporter; at most one makes each format and precision."""


def stage_named(name: str) -> tuple[str, Precision]:
    """Return the format and precision that are named FORMAT-PRECISION.

    Raises:
        UsageError: If no exporter makes them.
    """
    for stage in STAGES:
        if "-".join(stage.target) == name:
            return stage.target
    known = ", ".join("-".join(stage.target) for stage in STAGES)
    raise UsageError(f"{name!r} is nothing that inkport exports", remedy=f"choose from {known}")


def build(
    source: Artifact,
    *,
    format: str,  # noqa: A002 - the artifact's field
    precision: Precision,
    work: Path,
    calibration: CalibrationSet | None = None,
    widths: Sequence[int] = (),
    reuse: Sequence[Artifact] = (),
) -> Artifact:
    """Return ``source`` in another format and precision, exporting only what is missing.

    An artifact that is already there is taken instead of exporting again if it descends from the same weights
    (and, one stage away, from this very ``source``), and, where ``calibration`` is given, was calibrated on
    those lines. One in ``work`` must also have been made with the default settings, which are what this function
    exports with; a damaged one there is made again. So a second run after a kill completes what is missing.

    Args:
        source: Where to start, usually the weights.
        format: Wanted format, for example ``onnx``.
        precision: Wanted precision.
        work: Folder of artifacts, each in ``<format>-<precision>``; made if needed.
        calibration: Lines for the stages that quantize; not needed when their result is already there.
        widths: Image widths in pixels for the stages that make files of enumerated widths; where one is on the
            way, everything from there on is made again. The exporters' own if left out.
        reuse: Artifacts elsewhere that may be taken as they are, for example the bundled one.

    Returns:
        The artifact, digests checked; ``source`` itself if it is what is wanted.

    Raises:
        ExportRequestError: If no chain of stages leads there, or one needs calibration lines and ``calibration`` is
            None.
        ExporterUnavailableError: If a package that a stage needs is not installed.
        ExportError: If a stage fails.
    """
    target = (format, precision)
    current, missing = _begin(source, target, work=work, reuse=reuse, calibration=calibration, widths=widths)
    if calibration is None and any(_needs_lines(stage, source) for stage in missing):
        raise ExportRequestError(
            f"{format} {precision} needs lines to calibrate on, none were given",
            remedy="pass --calibration with lines the model was trained on (.parquet, .tsv, or a folder)",
        )
    for stage in missing:
        current = _run(stage, current, work / "-".join(stage.target), calibration, widths)
    return current


def find_made(
    source: Artifact,
    *,
    format: str,  # noqa: A002 - the artifact's field
    precision: Precision,
    work: Path,
    calibration: CalibrationSet | None = None,
    reuse: Sequence[Artifact] = (),
) -> Artifact:
    """Return the artifact that ``build`` would take as it is on its way; arguments are those of ``build``.

    Returns:
        The one nearest to what is wanted, ``source`` if there is none.

    Raises:
        ExportRequestError: If no chain of stages leads there.
    """
    return _begin(source, (format, precision), work=work, reuse=reuse, calibration=calibration)[0]


def lacks_calibration(
    source: Artifact, target: tuple[str, Precision], *, work: Path, reuse: Sequence[Artifact] = ()
) -> bool:
    """Whether ``build`` would need calibration lines; False where nothing leads there with them either.

    Args:
        source: As for ``build``.
        target: Wanted format and precision.
        work: As for ``build``.
        reuse: As for ``build``.
    """
    try:
        _, missing = _begin(source, target, work=work, reuse=reuse)
    except ExportRequestError:
        return False
    return any(_needs_lines(stage, source) for stage in missing)


def needs_weights(source: Artifact, target: tuple[str, Precision]) -> bool:
    """Whether only the weights lead to a format and precision, and ``source`` was made of them, or of others."""
    try:
        _path(source, target)
    except ExportRequestError:
        return source.format != WEIGHTS[0] and target in {WEIGHTS, *(stage.target for stage in STAGES)}
    return False


def takes_widths(source: Artifact, target: tuple[str, Precision]) -> bool:
    """Whether a stage on the way from ``source`` makes files of enumerated widths.

    Raises:
        ExportRequestError: If no chain of stages leads there.
    """
    return any(stage.flexible for stage in _path(source, target))


def _begin(
    source: Artifact,
    target: tuple[str, Precision],
    *,
    work: Path,
    reuse: Sequence[Artifact],
    calibration: CalibrationSet | None = None,
    widths: Sequence[int] = (),
) -> tuple[Artifact, tuple[Exporter, ...]]:
    """Return what is already there of the way to ``target``, and the stages that are missing."""
    path = _path(source, target)
    # What is there does not say which widths were asked for, only which it has.
    kept = next((i for i, stage in enumerate(path) if widths and stage.flexible), len(path))
    for index in reversed(range(kept)):
        found = _existing(path[index], source, work, calibration, reuse)
        if found is not None:
            return found, path[index + 1 :]
    return source, path


def _path(source: Artifact, target: tuple[str, Precision]) -> tuple[Exporter, ...]:
    start = (source.format, source.precision)
    path: list[Exporter] = []
    wanted = target
    while wanted != start:
        stage = next((stage for stage in STAGES if stage.target == wanted), None)
        if stage is None:
            raise ExportRequestError(
                f"no exporter leads from {' '.join(start)} to {' '.join(target)}",
                remedy=f"exporters make {', '.join('-'.join(stage.target) for stage in STAGES)} from trained weights",
            )
        path.insert(0, stage)
        wanted = stage.source
    return tuple(path)


def _existing(
    stage: Exporter, source: Artifact, work: Path, calibration: CalibrationSet | None, reuse: Sequence[Artifact]
) -> Artifact | None:
    candidates = list(reuse)
    # An absent or damaged one is made again, so its error is no news.
    with suppress(ArtifactError):
        kept = load_artifact(work / "-".join(stage.target))
        if not stage.settings or has_default_settings(kept, stage):
            candidates.append(kept)
    fitting = (artifact for artifact in candidates if _fits(artifact, stage, source, calibration))
    return next(fitting, None)


def has_default_settings(artifact: Artifact, stage: Exporter) -> bool:
    """Whether the settings that an artifact records are the defaults of the stage that made it.

    A setting that is not recorded is newer than the artifact and was at its default; what is recorded beyond the
    settings, such as a corrected bias, makes an artifact that no default makes.
    """
    defaults = to_plain(getattr(stage.module, stage.settings)())
    told = {key: value for key, value in artifact.provenance.options.items() if key not in (KEY, *stage.facts)}
    if has_learned_ranges(artifact):
        told.pop("ranges", None)
    return all(key in defaults and defaults[key] == value for key, value in told.items())


def _fits(artifact: Artifact, stage: Exporter, source: Artifact, calibration: CalibrationSet | None) -> bool:
    if (artifact.format, artifact.precision) != stage.target or artifact.spec != source.spec:
        return False
    wanted = calibration.record if calibration is not None and _needs_lines(stage, source) else None
    if wanted is not None and artifact.provenance.calibration != wanted:
        return False
    if stage.source == (source.format, source.precision):
        return artifact.provenance.parent == source.digest
    return artifact.root == source.root


def _needs_lines(stage: Exporter, source: Artifact) -> bool:
    return stage.calibrated and not (stage.learned and has_learned_ranges(source))


def _run(
    stage: Exporter, source: Artifact, out: Path, calibration: CalibrationSet | None, widths: Sequence[int]
) -> Artifact:
    settings: dict[str, Any] = {"calibration": calibration} if stage.calibrated else {}
    if stage.flexible and widths:
        settings["widths"] = widths
    with needing(stage.name, extra=stage.extra, error=ExporterUnavailableError):
        artifact: Artifact = getattr(stage.module, stage.name)(source, out, **settings)
        return artifact
