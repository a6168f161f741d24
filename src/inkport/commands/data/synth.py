"""``inkport data synth``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from inkport.benchmarks.run.progress import shown_progress
from inkport.commands._options import Assignments, Jobs, OutFolder, Words
from inkport.core.config import parse_config
from inkport.core.errors import UsageError
from inkport.train.overrides import parse_overrides
from inkport.train.synth.look import Look


if TYPE_CHECKING:
    from inkport.train.synth.line_set import LineSet, Rendered


def synth(
    *,
    fonts: Path,
    text: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)],
    out: OutFolder | None = None,
    count: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (),
    seed: int = 0,
    only: Words = (),
    hold_out: Words = (),
    test_count: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (),
    test_share: float = 0.1,
    symbols: Path | None = None,
    plain_text: bool = False,
    least: int = 20,
    most: int = 60,
    levels: int = 256,
    name: str = "synth",
    plain_look: bool = False,
    set_: Assignments = (),
    coverage: bool = False,
    jobs: Jobs = 1,
) -> None:
    """Render lines of text in handwriting fonts: PNG files of 64 px height and a manifest, ``lines.tsv``.

    The same arguments give the same bytes, whatever --jobs is. A candidate line with a symbol that its font
    cannot draw is refused and another one is chosen; how often that happened is reported.

    Args:
        fonts: Folder of .ttf or .otf files; the font's file name becomes the writer.
        text: UTF-8 text files, one paragraph per line; fr.txt is language fr and gives the data set synth-fr.
        out: New folder for the lines; it appears when all of them are there.
        count: Lines per text file, or one number for all.
        seed: Decides texts, fonts and looks.
        only: Fonts to use, by name (* and ? as in a shell); all of the folder if left out.
        hold_out: Fonts, by name, that write the lines of out/test and none of out/train; texts are held out with them.
        test_count: Lines of out/test per text file, or one number for all.
        test_share: Share of each text's paragraphs that is held out for out/test, 0..1.
        symbols: UTF-8 text file; lines with a symbol that is not in it are refused.
        plain_text: Write typographic quotes, dashes and dots as ASCII.
        least: Minimum number of symbols per line.
        most: Maximum number of symbols per line.
        levels: Gray levels in the files; fewer make smaller files.
        name: What the names of data sets and lines begin with.
        plain_look: Hand, ink and paper alone, no mishaps: tight crops with all of their ink inside.
        set_: Change how lines look, KEY=VALUE: a factor for each habit of hand and paper (slant, spacing, drift, swell,
            wobble, flow, shade, texture, ruling, noise, blur), a share 0..1 of lines for each mishap (shaping,
            pressure, dry, underline, crossing, crop, neighbours, bleed, stains, jpeg); once per key.
        coverage: Render nothing; print which share of each text's words each font can draw.
        jobs: Processes.
    """
    from inkport.train.symbols import read_symbols
    from inkport.train.synth.fonts import find_fonts, select_fonts

    look = parse_config(Look, parse_overrides(set_), where="--set")
    found = find_fonts(fonts)
    chosen = select_fonts(found, only) if only else found
    allowed = None if symbols is None else frozenset(read_symbols(symbols).symbols)
    if coverage:
        from inkport.train.synth.fonts import measure_coverage, render_coverage

        sys.stdout.write(render_coverage(measure_coverage(chosen, text, symbols=allowed, plain_text=plain_text)))
        return
    if out is None or not count:
        raise UsageError("data synth needs --out and --count", remedy="or --coverage, which renders nothing")

    from inkport.train.synth.line_set import LineSet

    request = LineSet(
        fonts=chosen,
        texts=text,
        counts=_per_text(count, text),
        seed=seed,
        symbols=allowed,
        least=least,
        most=most,
        levels=levels,
        look=_without_mishaps(look) if plain_look else look,
        name=name,
        plain_text=plain_text,
        held_share=test_share,
    )
    _render(request, out, hold_out, _per_text(test_count, text), jobs)


def _render(request: LineSet, out: Path, held_out: tuple[str, ...], test_counts: tuple[int, ...], jobs: int) -> None:
    from inkport.train.synth.fonts import hold_out
    from inkport.train.synth.line_set import MANIFEST, render_parts, render_set

    if bool(held_out) != bool(test_counts):
        raise UsageError("--hold-out and --test-count belong together")
    if not held_out:
        total = sum(request.counts)
        with shown_progress() as progress:
            rendered = render_set(request, out, jobs=jobs, report=lambda done: progress("rendering", done, total))
        _say(rendered, f"{len(request.fonts)} fonts")
        sys.stdout.write(f"{out / MANIFEST}\n")
        return
    kept, held = hold_out(request.fonts, held_out)
    train, test = replace(request, fonts=kept), replace(request, fonts=held, counts=test_counts)
    total = sum(train.counts) + sum(test.counts)
    with shown_progress() as progress:
        rendered = render_parts(train, test, out, jobs=jobs, report=lambda done: progress("rendering", done, total))
    _say(rendered, f"{len(kept)} fonts and {len(held)} held out")
    sys.stdout.write("".join(f"{out / part / MANIFEST}\n" for part in ("train", "test")))


def _say(rendered: Rendered, fonts: str) -> None:
    sys.stderr.write(
        f"{rendered.lines} lines in {fonts}; candidates refused: {rendered.without_glyphs} with glyphs that their "
        f"font lacks, {rendered.outside_symbols} with symbols that are not allowed, {rendered.known_texts} that the "
        f"training texts hold\n"
    )


def _per_text(counts: tuple[int, ...], texts: tuple[Path, ...]) -> tuple[int, ...]:
    return counts * len(texts) if len(counts) == 1 else counts


def _without_mishaps(look: Look) -> Look:
    if look.shares() != Look().shares():
        raise UsageError("--plain-look is a look without mishaps, so it takes no share of any")
    return look.without_mishaps()
