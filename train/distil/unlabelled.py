"""Lines whose transcriptions are not looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import Audit, audit_for
from inkport.lines.folder import list_images
from inkport.lines.held_out import refuse_test_lines
from inkport.lines.line import Line
from inkport.lines.roles import name_lines, refuse_shared
from inkport.lines.source import digest_lines, read_lines, source_name
from inkport.train.recipe import Recipe


def read_unlabelled(
    paths: Sequence[Path], spec: RecogniserSpec, taken: Mapping[str, Mapping[str, str]], recipe: Recipe
) -> tuple[Audit | None, str | None]:
    """Read and audit lines without transcriptions: any line set, or a folder of images with nothing beside them.

    Args:
        paths: Line sets; their texts are replaced.
        spec: The recogniser to be.
        taken: Training and validation lines by role, as ``name_lines`` names them by their images.
        recipe: Says which problems are skipped.

    Returns:
        The usable lines, their texts empty, and the digest of all of them; nothing where there are no paths.

    Raises:
        LineDataError: If a line is for testing and the recipe does not allow it, has an image of ``taken``, or is
            unusable for a reason that is not skipped.
    """
    if not paths:
        return None, None
    lines = [replace(line, text="") for path in paths for line in _images(path)]
    lines = list(refuse_test_lines(lines, purpose="training", allow=recipe.data.allow_test_lines))
    for role, named in taken.items():
        refuse_shared(
            {role: named, "unlabelled": name_lines(lines, by_image=True)},
            because="a line is trained on with its transcription, or without, or validated on",
            remedy="take it out of one of them",
        )
    # The audit asks whether the text fits the image; one symbol fits every image.
    symbol = next(s for s in spec.charset.symbols if s.strip())
    audit = audit_for([replace(line, text=symbol) for line in lines], spec, skip=recipe.data.skip)
    audit.lines = [replace(line, text="") for line in audit.lines]
    return audit, digest_lines(lines)


def _images(path: Path) -> list[Line]:
    if not path.is_dir():
        return list(read_lines([path]))
    dataset = source_name(path)
    return [Line(id=name, image=path / name, text="", dataset=dataset, source=str(path)) for name in list_images(path)]
