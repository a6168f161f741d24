"""Making a kit: the reference reads the lines, and everything goes into one locked archive."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inkport import __version__
from inkport.benchmarks.run.environment import without_folders
from inkport.benchmarks.run.kit.archive import write_archive
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
)
from inkport.benchmarks.run.kit.open import Kit, open_kit
from inkport.benchmarks.run.kit.signature import public_key_of, sign
from inkport.benchmarks.run.kit.tensors import to_npy
from inkport.benchmarks.run.latency import choose_lines
from inkport.benchmarks.run.progress import Progress, silent
from inkport.benchmarks.run.reference import Provide, Reference, open_reference
from inkport.benchmarks.run.request import check_targets
from inkport.core.artifact import SIDECAR, Artifact
from inkport.core.ctc import greedy
from inkport.core.errors import LineDataError, UsageError
from inkport.core.image import FORMATS
from inkport.core.registry import probe
from inkport.core.runtime import SessionOptions
from inkport.core.target import Target
from inkport.lines.audit import Audit
from inkport.lines.source import digest_lines
from inkport.runtimes.faults import TOLERANCES


GRAY_LEVELS = 1.0
"""Allowed root mean square difference of decoded images, in levels of 1/255: the rounding of luma may differ by one."""
TENSOR_LEVELS = 0.5
"""The same of prepared images.

On the golden sample lines, pixels rounded to 8 bits differ by up to 0.34; bilinear resizing without antialiasing, or
padding with 240 instead of 255, by 1.07 and more (``tests/unit/benchmarks/run/kit/test_kit_faults.py``).
"""


@dataclass(frozen=True, kw_only=True)
class KitRequest:
    """What is to go into a kit.

    Raises:
        UsageError: If ``lines`` is below 1 or ``golden`` is not within 1 .. ``lines``.
    """

    model: Artifact
    """The model as handed in."""
    targets: Sequence[Target]
    """What is to be run; each artifact goes in once."""
    audit: Audit
    """Usable lines to choose from, prepared for this model."""
    provide: Provide
    """Returns the artifact of a target."""
    lines: int = 64
    """Most lines, chosen so that they have the widths of all."""
    golden: int = 16
    """Most lines with golden values of every stage; the others only count for the text."""

    def __post_init__(self) -> None:
        if not 1 <= self.golden <= self.lines:
            raise UsageError(f"a kit of {self.lines} lines has 1 to {self.lines} golden ones, found {self.golden}")


def make_kit(request: KitRequest, out: Path, *, key: Path | None = None, progress: Progress = silent) -> Kit:
    """Write a kit, atomically; the same request gives the same bytes.

    Args:
        request: What is to go in.
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
    check_targets(request.targets)
    if not request.audit.lines:
        raise LineDataError("there is no usable line to make a kit of", remedy="pass line sets with --lines")
    members: dict[str, bytes] = {}
    targets, artifacts = _add_artifacts(request, members, progress)
    audit = _choose(request.audit, request.lines)
    progress("opening the reference")
    reference = open_reference(request.provide, SessionOptions())
    try:
        lines = _add_lines(reference, audit, request.golden, members, progress)
    finally:
        reference.session.close()
    manifest = Manifest(
        maker=f"inkport {__version__}",
        spec=request.model.spec.to_dict(),
        root=request.model.root,
        data_sha256=digest_lines(audit.lines),
        reference=_reference_info(reference),
        tolerances=Tolerances(
            gray_levels=GRAY_LEVELS,
            tensor_levels=TENSOR_LEVELS,
            logits={str(name): found.reference for name, found in TOLERANCES.items()},
        ),
        artifacts=artifacts,
        targets=targets,
        lines=lines,
        files={name: FileInfo.of(data) for name, data in members.items()},
    ).to_json()
    signature = {} if key is None else {SIGNATURE: sign(manifest, key), PUBLIC_KEY: public_key_of(key)}
    write_archive(out, {MANIFEST: manifest, **signature, **members})
    return open_kit(out)


def _add_artifacts(
    request: KitRequest, members: dict[str, bytes], progress: Progress
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
    with_golden = set(choose_lines(audit.inputs, golden, seed=0))
    lines: list[KitLine] = []
    for index, (line, tensor) in enumerate(zip(audit.lines, audit.inputs, strict=True)):
        progress("reference: reading", index, len(audit.lines))
        data = line.image if isinstance(line.image, bytes) else line.image.read_bytes()
        logits = reference.session.run(tensor)
        stem = f"{index:04d}"
        image = f"lines/{stem}.{_suffix(data)}"
        members[image] = data
        files = None
        if index in with_golden:
            arrays = {"gray": line.gray(), "tensor": tensor, "logits": logits}
            names = {stage: f"golden/{stem}.{stage}.npy" for stage in arrays}
            members |= {names[stage]: to_npy(np.asarray(array)) for stage, array in arrays.items()}
            files = GoldenFiles(**names)
        lines.append(
            KitLine(
                id=line.id,
                image=image,
                text=line.text,
                reading=greedy(logits[0], reference.artifact.spec.charset).text,
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
