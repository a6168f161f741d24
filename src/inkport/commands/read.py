"""``inkport read``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from inkport.commands._named_files import is_pattern, named_files
from inkport.commands._options import OutPlace, Threads
from inkport.commands._output import warn, warn_of_sharing
from inkport.commands._read_formats import OF_LINES, Format, writer_of
from inkport.commands._reader import MEGAPIXELS, open_reader, require_megapixels
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


class As(StrEnum):
    """What an image is taken for."""

    LINE = "line"
    """The crop of one line."""
    PAGE = "page"
    """A page, whose lines are found."""
    AUTO = "auto"
    """Either, as the finder sees it; the result is that of pages."""


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
    as_: Annotated[As, Parameter(name="--as")] = As.LINE,
    lines_from: Path | None = None,
    join_hyphens: bool = False,
    max_megapixels: float | None = None,
    format_: Annotated[Format, Parameter(name="--format")] = Format.TEXT,
    out: OutPlace | None = None,
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
        as_: page finds the lines of whole pages (images, TIFF of many pages, PDF, HEIC) and reads them; those below
            --min-confidence are dropped: flagged in structured formats, left out of text. auto tells lines from pages,
            says which, and writes both as pages.
        lines_from: Read whole pages (images, TIFF of many pages, PDF, HEIC) whose lines are in this file of ALTO or
            PAGE, or in files of the pages' names in this folder.
        join_hyphens: Join words that the ends of lines divide; structured formats keep both forms.
        max_megapixels: Largest image that is decoded, in millions of pixels: 8 for a line, 100 for a page if left out.
        format_: json is a list of the texts with confidences and places, jsonl the same with an image a line, tsv has a
            head and the columns image, text, confidence and warnings. Of pages also alto, page, hocr, tei, csv, xlsx,
            docx, or a searchable pdf.
        out: File for the pages; for alto and page a folder, with a file each. Standard output if left out.
        json_: What --format json was called before.
    """
    _refuse_options(images)
    if lines_from is not None or as_ is not As.LINE:
        return _read_pages(
            images,
            lines_from,
            lambda: open_reader(
                model, runtime=runtime, device=device, threads=threads, lm=lm, min_confidence=min_confidence
            ),
            threads=threads,
            decides=as_ is As.AUTO,
            max_megapixels=max_megapixels,
            joined=join_hyphens,
            invert=invert,
            strict=strict,
            form=Format.JSON if json_ else format_,
            out=out,
        )
    _refuse_page_options(format_, out, joined=join_hyphens)
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
        max_megapixels=MEGAPIXELS if max_megapixels is None else max_megapixels,
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


def _read_pages(
    paths: Sequence[Path],
    lines_from: Path | None,
    open_recogniser: Callable[[], Recogniser],
    *,
    threads: int,
    decides: bool,
    max_megapixels: float | None,
    joined: bool,
    invert: bool,
    strict: bool,
    form: Format,
    out: Path | None,
) -> int:
    """Read pages whose lines are known, or found."""
    # Whoever reads lines alone does not wait for this.
    from inkport.commands._page_formats import page_writer
    from inkport.commands._read_pages import FoundLines, Layouts, Lines, page_files, read_pages
    from inkport.pages.inputs import PAGE_PIXELS

    most = PAGE_PIXELS if max_megapixels is None else require_megapixels(max_megapixels)
    known: Lines
    if lines_from is None:
        known = FoundLines(threads=threads, decides=decides, invert=invert)
    elif decides:
        raise UsageError("--lines-from is for pages, and --as auto asks what each image is", remedy="leave --as out")
    else:
        known = Layouts(lines_from)
    write = page_writer(form, out, joined=joined)
    with open_recogniser() as recogniser:
        found = read_pages(
            recogniser,
            page_files(paths),
            known,
            write,
            joined=joined,
            invert=invert,
            max_pixels=most,
        )
    if strict and found.unsure:
        complain(f"--strict: {found.unsure} line{'s' if found.unsure > 1 else ''} with a warning")
    return EXIT_BAD_IMAGE if found.faults or (strict and found.unsure) else EXIT_OK


def _refuse_page_options(form: Format, out: Path | None, *, joined: bool) -> None:
    """Refuse what is for pages where images of lines are read."""
    asked = "" if form in OF_LINES else f"--format {form}"
    asked = asked or ("--out" if out is not None else "") or ("--join-hyphens" if joined else "")
    if asked:
        raise UsageError(
            f"{asked} is for pages, and each image is taken for one line",
            remedy="find the lines with --as page, or say where they are: --lines-from",
        )


def _refuse_options(images: Sequence[Path]) -> None:
    """Refuse what looks like an option: a hyphen may lead a name only because one stands for standard input."""
    for path in images:
        if str(path).startswith("-") and path != STDIN:
            raise UsageError(
                f"unknown option {path}", remedy=f"see inkport read --help; a file of that name is ./{path}"
            )


def _names_one_file(images: Sequence[Path]) -> bool:
    return len(images) == 1 and not images[0].is_dir() and not is_pattern(images[0])


def _read_all(
    recogniser: Recogniser, images: Sequence[Path], *, invert: bool
) -> Iterator[tuple[Path, Reading | DataError]]:
    """Yield what was read of each image, or why it cannot be read."""
    for path in images:
        try:
            for file in named_files(path, list_images):
                yield file, _read_one(recogniser, file, invert=invert)
        except LineDataError as error:
            yield path, error


def _read_one(recogniser: Recogniser, path: Path, *, invert: bool) -> Reading | ImageError:
    try:
        return recogniser.read(sys.stdin.buffer if path == STDIN else path, invert=invert, name=str(path))
    except ImageError as error:
        return error
