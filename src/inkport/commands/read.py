"""``inkport read``."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.commands._options import Threads
from inkport.commands._output import warn, warn_of_sharing
from inkport.commands._read_formats import Format, writer_of
from inkport.commands._reader import MEGAPIXELS, open_reader
from inkport.core.beam import lm_not_judged
from inkport.core.console import results_only
from inkport.core.doubts import UNSURE
from inkport.core.errors import EXIT_OK, DataError, ImageError, LineDataError, UsageError
from inkport.core.line_reading import Reading, to_record
from inkport.core.program import complain
from inkport.core.recogniser import Recogniser
from inkport.lines.folder import list_images


EXIT_BAD_IMAGE = 2
"""At least one image could not be read, or with --strict is doubtful; the others were read."""
STDIN = Path("-")
"""Stands for an image on standard input."""


@results_only()
def read(
    images: Annotated[list[Path], Parameter(allow_leading_hyphen=True)],
    *,
    model: str | None = None,
    runtime: str | None = None,
    device: str = "cpu",
    threads: Threads = 1,
    lm: Path | None = None,
    invert: bool = False,
    strict: bool = False,
    min_confidence: float = UNSURE,
    max_megapixels: float = MEGAPIXELS,
    format_: Annotated[Format, Parameter(name="--format")] = Format.TEXT,
    json_: Annotated[bool, Parameter(name="--json", show=False)] = False,
) -> int:
    """Print the text of line images: the text alone for one image, path, tab and text for several.

    An image holds one line of text. One that cannot be read is reported, the others are still read, and the
    exit code is 2. One that is likely no single line of dark ink on light paper, or is read with little confidence,
    is read with a warning on stderr; docs/reading.md says when. Results appear as they are read.

    Args:
        images: Image files (PNG, JPEG, TIFF, WebP, ...), each the crop of one line; folders of such; patterns such as
            'scans/**/*.png'; - for an image on standard input.
        model: An artifact's directory, a weights file, or the name of a shipped model, of which the first artifact
            that runs here is taken, int8 first; the shipped convtext-tiny if left out.
        runtime: The runtime to use; the first that can run the model here if left out.
        device: The device, in the runtime's own words.
        threads: Threads for the computation.
        lm: Language model to decode with: fr-en, which comes with inkport, or a file with the weights of
            `inkport lm tune` beside it.
        invert: Read white writing on black.
        strict: Exit with code 2 if there was a warning about an image.
        min_confidence: Confidence below which there is one, 0..1; measured for the shipped models.
        max_megapixels: Largest image that is decoded, in millions of pixels.
        format_: json is a list of the texts with confidences and places, jsonl the same with an image a line, tsv has a
            head and the columns image, text, confidence and warnings.
        json_: What --format json was called before.
    """
    _refuse_options(images)
    if json_:
        warn("--json is now --format json; it works for one more release")
    warn_of_sharing(threads)
    faults = doubtful = 0
    with open_reader(
        model,
        runtime=runtime,
        device=device,
        threads=threads,
        lm=lm,
        min_confidence=min_confidence,
        max_megapixels=max_megapixels,
    ) as recogniser:
        if recogniser.artifact and (reason := lm_not_judged(lm, recogniser.artifact)):
            warn(reason)
        write = writer_of(Format.JSON if json_ else format_, alone=_names_one_file(images))
        for path, found in _read_all(recogniser, images, invert=invert):
            if isinstance(found, DataError):
                sys.stderr.write(f"inkport: {found}\n")
                faults += 1
                continue
            for doubt in found.warnings:
                warn(f"{path}: {doubt}")
            doubtful += bool(found.warnings)
            write.one(to_record(found, image=str(path), runtime=recogniser.runtime, artifact=recogniser.digest))
        write.end()
    if strict and doubtful:
        complain(f"--strict: {doubtful} image{'s' if doubtful > 1 else ''} with a warning")
    return EXIT_BAD_IMAGE if faults or (strict and doubtful) else EXIT_OK


def _refuse_options(images: Sequence[Path]) -> None:
    """Refuse what looks like an option: a hyphen may lead a name only because one stands for standard input."""
    for path in images:
        if str(path).startswith("-") and path != STDIN:
            raise UsageError(
                f"unknown option {path}", remedy=f"see inkport read --help; a file of that name is ./{path}"
            )


def _names_one_file(images: Sequence[Path]) -> bool:
    return len(images) == 1 and not images[0].is_dir() and not _is_pattern(images[0])


def _is_pattern(path: Path) -> bool:
    # A file may have a bracket in its name.
    return glob.has_magic(str(path)) and not path.exists()


def _read_all(
    recogniser: Recogniser, images: Sequence[Path], *, invert: bool
) -> Iterator[tuple[Path, Reading | DataError]]:
    """Yield what was read of each image, or why it cannot be read."""
    for path in images:
        try:
            for file in _files(path):
                yield file, _read_one(recogniser, file, invert=invert)
        except LineDataError as error:
            yield path, error


def _files(path: Path) -> Iterator[Path]:
    """Yield the files that were named.

    Raises:
        LineDataError: If a folder holds no image, or a pattern fits nothing.
    """
    if path.is_dir():
        try:
            yield from (path / name for name in list_images(path))
        except LineDataError as error:
            raise LineDataError(error.message, remedy="name images, or a folder that holds some") from error
    elif _is_pattern(path):
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not found:
            raise LineDataError(f"{path}: no file fits this pattern", remedy="check the pattern, or name the files")
        yield from (file for file in map(Path, found) if not file.is_dir())
    else:
        yield path


def _read_one(recogniser: Recogniser, path: Path, *, invert: bool) -> Reading | ImageError:
    try:
        return recogniser.read(sys.stdin.buffer if path == STDIN else path, invert=invert, name=str(path))
    except ImageError as error:
        return error
