"""Making a kit: the reference reads the lines, and everything goes into one locked archive."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inkport import __version__
from inkport.benchmarks.run.environment import without_folders
from inkport.benchmarks.run.kit.archive import to_npy, write_archive
from inkport.benchmarks.run.kit.judge import GRAY_LEVELS, TENSOR_LEVELS
from inkport.benchmarks.run.kit.manifest import (
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    FileInfo,
    GoldenFiles,
    KitArtifact,
    KitLine,
    KitReference,
    KitTarget,
    Manifest,
    Tolerances,
    gray_stage,
    tensor_stage,
)
from inkport.benchmarks.run.kit.open import Kit, open_kit
from inkport.benchmarks.run.kit.signature import public_key_of, sign
from inkport.benchmarks.run.latency import choose_lines
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.request import Options, Reference, Request, open_reference
from inkport.core.artifact import SIDECAR
from inkport.core.ctc import greedy
from inkport.core.errors import UsageError
from inkport.core.image import FORMATS
from inkport.core.registry import probe
from inkport.core.runtime import SessionOptions
from inkport.core.texts import ReadText
from inkport.lines.audit import Audit
from inkport.lines.source import digest_lines
from inkport.runtimes.logits import TOLERANCES


@dataclass(frozen=True, kw_only=True)
class KitOptions(Options):
    """What `inkport kit make` is asked for.

    Raises:
        UsageError: If ``lines`` is below 1 or ``golden`` is not within 1 .. ``lines``.
    """

    lines: int = 64
    """Most lines, chosen so that they have the widths of all."""
    golden: int = 16
    """Most lines with golden values of every stage; the others only count for the text."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.golden <= self.lines:
            raise UsageError(f"a kit of {self.lines} lines has 1 to {self.lines} golden ones, found {self.golden}")


def make_kit(request: Request, out: Path, *, key: Path | None = None, progress: Progress = silent) -> Kit:
    """Write a kit, atomically; the same request gives the same bytes.

    Args:
        request: What is to go in, with ``KitOptions``; each artifact goes in once.
        out: The archive.
        key: PEM file of the Ed25519 private key that signs it; not signed if None.
        progress: Called with messages about the progress.

    Returns:
        The kit, as ``open_kit`` opens it.

    Raises:
        LineDataError: If there is no usable line.
        RuntimeUnavailableError: If there is no reference, or ``key`` is given and ``cryptography`` is not installed.
        InkportError: If an export or the reference fails, or ``key`` is not a key.
    """
    request.refuse()
    options: KitOptions = request.options
    members: dict[str, bytes] = {}
    targets, artifacts = _add_artifacts(request, members, progress)
    audit = _choose(request.audit, options.lines)
    progress("opening the reference")
    reference = open_reference(request, SessionOptions(threads=options.threads))
    try:
        lines = _add_lines(reference, audit, options.golden, members, progress)
    finally:
        reference.session.close()
    # Bytes are the same everywhere, so nothing else will do.
    in_bytes = request.model.spec.preprocess.in_bytes
    manifest = Manifest(
        maker=f"inkport {__version__}",
        spec=request.model.spec.to_dict(),
        root=request.model.root,
        data_sha256=digest_lines(audit.lines),
        reference=_reference_info(reference),
        tolerances=Tolerances(
            gray_levels=0.0 if in_bytes else GRAY_LEVELS,
            tensor_levels=0.0 if in_bytes else TENSOR_LEVELS,
            logits={str(name): found.reference for name, found in TOLERANCES.items()},
        ),
        artifacts=artifacts,
        targets=targets,
        lines=lines,
        files={name: FileInfo.of(data) for name, data in members.items()},
    ).encoded()
    signature = {} if key is None else {SIGNATURE: sign(manifest, key), PUBLIC_KEY: public_key_of(key)}
    write_archive(out, {MANIFEST: manifest, **signature, **members})
    return open_kit(out)


def _add_artifacts(
    request: Request, members: dict[str, bytes], progress: Progress
) -> tuple[tuple[KitTarget, ...], tuple[KitArtifact, ...]]:
    targets: list[KitTarget] = []
    artifacts: dict[str, KitArtifact] = {}
    for target in request.targets:
        progress(f"{target.name}: exporting")
        artifact = request.provide(target)
        folder = f"artifacts/{artifact.format}-{artifact.precision}"
        if folder not in artifacts:
            for name in (SIDECAR, *sorted(artifact.files)):
                members[f"{folder}/{name}"] = (artifact.path / name).read_bytes()
            artifacts[folder] = KitArtifact(
                folder=folder,
                format=artifact.format,
                precision=artifact.precision,
                model=f"{folder}/{next(iter(artifact.files))}" if len(artifact.files) == 1 else folder,
                sha256=artifact.digest,
            )
        targets.append(
            KitTarget(
                name=target.name,
                artifact=folder,
                runtime=target.runtime,
                device=target.device,
                budget=target.budget,
                options=target.options,
            )
        )
    return tuple(targets), tuple(artifacts.values())


def _choose(audit: Audit, count: int) -> Audit:
    return audit.pick(sorted(choose_lines(audit.inputs, count, seed=0)))


def _add_lines(
    reference: Reference, audit: Audit, golden: int, members: dict[str, bytes], progress: Progress
) -> tuple[KitLine, ...]:
    pre = reference.artifact.spec.preprocess
    with_golden = set(choose_lines(audit.inputs, golden, seed=0))
    lines: list[KitLine] = []
    for index, (line, images) in enumerate(zip(audit.lines, audit.inputs, strict=True)):
        progress("reference: reading", index, len(audit.lines))
        data = line.image if isinstance(line.image, bytes) else line.image.read_bytes()
        (found,) = reference.session.run(images)
        stem = f"{index:04d}"
        image = f"lines/{stem}.{_suffix(data)}"
        members[image] = data
        files = None
        # Where a recogniser decodes by itself, its text is all that there is to compare.
        if index in with_golden and not isinstance(found, ReadText):
            gray = gray_stage(line, pre)
            arrays = {"gray": gray, "tensor": tensor_stage(gray, pre), "logits": found[None]}
            names = {stage: f"golden/{stem}.{stage}.npy" for stage in arrays}
            members |= {names[stage]: to_npy(np.asarray(array)) for stage, array in arrays.items()}
            files = GoldenFiles(**names)
        lines.append(
            KitLine(
                id=line.id,
                image=image,
                text=line.text,
                reading=found.text
                if isinstance(found, ReadText)
                else greedy(found, reference.artifact.spec.charset).text,
                dataset=line.dataset,
                writer=line.writer,
                document=line.document,
                seen_writer=line.seen_writer,
                golden=files,
            )
        )
    return tuple(lines)


def _suffix(data: bytes) -> str:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return (image.format or "image").lower()


def _reference_info(reference: Reference) -> KitReference:
    return KitReference(
        runtime=reference.target.runtime,
        version=probe(reference.target.runtime).version,
        precision=reference.target.precision,
        artifact=reference.artifact.digest,
        note=without_folders(reference.note),
    )
