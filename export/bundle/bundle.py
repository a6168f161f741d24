"""Making a bundle: everything that an application needs of a model, in one folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inkport import __version__
from inkport.core.artifact import SIDECAR, Artifact
from inkport.core.errors import UsageError
from inkport.core.files import new_directory, sha256_file
from inkport.core.registry import choose_runtime, open_session, probe
from inkport.export.bundle.credits import attribution_text, licence_text
from inkport.export.bundle.golden import FOLDER, write_golden
from inkport.export.bundle.lm_file import lm_bytes
from inkport.export.bundle.sources import OTHER_ENGINES, PLATFORMS
from inkport.export.bundle.specification import FORMAT, SUFFIXES, specification_text
from inkport.lines.line import Line


RECORD = "bundle.json"
"""Name of the file that says what a bundle is of."""
SUMS = "SHA256SUMS"
"""Name of the file with the digests of all others, as ``sha256sum --check`` takes it."""
MODEL = "model"
"""Name of the model's folder, an artifact as it is."""
LM = "lm.inklm"
"""Name of the language model's file."""


@dataclass(frozen=True, kw_only=True)
class BundleRequest:
    """What goes into a bundle.

    Raises:
        UsageError: If the platform is unknown, or the model's format is none that its sources have an engine for.
    """

    model: Artifact
    """The model, in a format of ``SUFFIXES``."""
    platform: str
    """A name of ``PLATFORMS``."""
    lines: Iterable[Line]
    """Lines to make golden values of."""
    lm: Path | None = None
    """A language model's file, its weights beside it."""
    skip_bad_images: bool = False
    """Whether lines whose images cannot be used are left out."""

    def __post_init__(self) -> None:
        if self.platform not in PLATFORMS:
            raise UsageError(f"--for {self.platform!r}: no such platform", remedy=f"choose {', '.join(PLATFORMS)}")
        if self.model.format not in SUFFIXES:
            raise UsageError(
                f"{self.model.path}: {self.model.format} artifacts cannot be bundled",
                remedy=f"bundle one of {', '.join(SUFFIXES)}",
            )
        if self.platform not in OTHER_ENGINES and self.model.format != "onnx":
            raise UsageError(
                f"{self.model.path}: {self.model.format} artifacts are not read by the sources for {self.platform}, "
                "whose engine is ONNX Runtime",
                remedy=f"bundle an onnx artifact, or --for {', '.join(sorted(OTHER_ENGINES))}",
            )


def make_bundle(request: BundleRequest, out: Path) -> None:
    """Write a bundle; what was at ``out`` stays until it is complete.

    Raises:
        UsageError: If ``out`` holds something else than a bundle.
        SpecError: If the model's images are not prepared by triangle-v2.
        RuntimeUnavailableError: If no runtime here opens the model, to compute golden values.
        ImageError: If a line's image cannot be used, and these are not to be left out.
        LineDataError: If no line can be read.
    """
    if out.exists() and not (out / RECORD).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out}: would be replaced, but holds no bundle (no {RECORD})", remedy="name another folder")
    model = request.model
    specification = specification_text(model, folder=MODEL)
    runtime = _runtime(model)
    with new_directory(out) as draft:
        (draft / "specification.txt").write_text(specification, encoding="utf-8")
        for name in (*model.files, SIDECAR):
            (draft / MODEL / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(model.path / name, draft / MODEL / name)
        if request.lm is not None:
            (draft / LM).write_bytes(lm_bytes(request.lm, model))
        with open_session(model, runtime=runtime) as session:
            write_golden(draft / FOLDER, request.lines, session, skip_bad_images=request.skip_bad_images)
        (draft / "LICENSE").write_text(licence_text(), encoding="utf-8")
        (draft / "ATTRIBUTION.md").write_text(attribution_text(model), encoding="utf-8")
        PLATFORMS[request.platform](draft)
        (draft / RECORD).write_text(_record(request, runtime), encoding="utf-8")
        (draft / SUMS).write_text(_sums(draft), encoding="utf-8")


def _runtime(model: Artifact) -> str:
    """Return what computes the golden values: the engine that the format is named for, which is the application's."""
    usual = {"onnx": "onnxruntime"}.get(model.format, model.format)
    return usual if probe(usual).ok else choose_runtime(model)


def _record(request: BundleRequest, runtime: str) -> str:
    model = request.model
    record = {
        "format": FORMAT,
        "inkport": __version__,
        "platform": request.platform,
        "model": {
            "name": model.spec.name,
            "version": model.spec.version,
            "precision": model.precision.value,
            "format": model.format,
            "sha256": model.digest,
            "root": model.root,
        },
        "golden": {"runtime": runtime, "version": probe(runtime).version},
    }
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


def _sums(folder: Path) -> str:
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256_file(folder / name)}  {name}\n" for name in files)
