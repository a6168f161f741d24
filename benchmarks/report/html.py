"""A report as one HTML page that needs nothing else: no network, no scripts, images and plots inside.

Whoever cannot see, point or click loses nothing: every table has a caption and scopes, every image a text, folded
parts open by key, and paper shows them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from html import escape

from inkport.benchmarks.report.presentation import Presentation, Section, Sign
from inkport.core.tables import Table


STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #1a1a1a; --faint: #5f5f5f; --rule: #ccc; --band: #0072b21f;
 --harmful: #b3261e; --repaired: #1a6b2d; --harmless: #7a5c00; --harmful-back: #f8d2cf; --repaired-back: #c9f0d0;
 --harmless-back: #f5e3a8; --c0: #0068a3; --c1: #b84a00; --c2: #007355; --c3: #a8487f; --c4: #8a5e00; --c5: #4d7a00;
 --c6: #5b4bb0; --c7: #5a5a5a }
@media (prefers-color-scheme: dark) { :root { --back: #161616; --ink: #e6e6e6; --faint: #a5a5a5; --rule: #4c4c4c;
 --band: #56b4e926; --harmful: #ff8a80; --repaired: #7fd693; --harmless: #e2c55a; --harmful-back: #6e211c;
 --repaired-back: #1f5c2d; --harmless-back: #5c4a0c; --c0: #56b4e9; --c1: #ff8f4a; --c2: #2fc79c; --c3: #e59bc6;
 --c4: #f0c23b; --c5: #b5d66a; --c6: #a99cf0; --c7: #b5b5b5 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: var(--ink);
background: var(--back) } a { color: inherit } nav ul { list-style: none; padding: 0 } nav li { display: inline-block;
margin-right: 1rem } :focus-visible { outline: 2px solid var(--c0); outline-offset: 2px }
.lead { font-size: 1.2rem; font-weight: 600; margin: .5rem 0 } .conclusions { list-style: none; padding: 0 }
.conclusions li { border-left: 4px solid; padding: .2rem .8rem; margin: .3rem 0; border-color: var(--faint) }
li.good { border-color: var(--repaired) } li.bad { border-color: var(--harmful) }
li.open { border-color: var(--harmless) } .good strong { color: var(--repaired) } .bad strong { color: var(--harmful) }
.open strong { color: var(--harmless) } .absent { color: var(--faint) } td.good { color: var(--repaired) }
td.bad { color: var(--harmful); font-weight: 600 } td.open { color: var(--harmless) }
small, .tick, figcaption, caption { color: var(--faint) } caption { text-align: left; font-size: .85rem }
.unseen { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden }
.scroll { position: relative; overflow-x: auto; margin: 1rem 0 } table { border-collapse: collapse }
tbody th { font-weight: 500 }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.repaired { color: var(--repaired) } .harmful { color: var(--harmful) } .harmless { color: var(--harmless) }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); gap: 1.5rem }
figure { margin: 0 } figure h3 { margin: 0 0 .3rem; font-size: 1rem } figcaption { font-size: .85rem }
svg { width: 100%; height: auto; font: 14px system-ui, sans-serif } svg text { fill: var(--ink) }
svg .tick { fill: var(--faint) } .grid { stroke: var(--rule); fill: none } .axis { stroke: var(--faint); fill: none }
.reference { stroke: var(--ink); stroke-dasharray: 2 3 } .band { fill: var(--band) }
.lead-line { stroke: var(--rule); fill: none } svg .line { fill: none; stroke: currentColor; stroke-width: 1.6 }
svg .dashed { stroke-dasharray: 5 3 } svg circle { fill: currentColor; stroke: var(--back) }
svg .bar { fill: currentColor } svg .key { fill: currentColor } .c0 { color: var(--c0) } .c1 { color: var(--c1) }
.c2 { color: var(--c2) } .c3 { color: var(--c3) } .c4 { color: var(--c4) } .c5 { color: var(--c5) }
.c6 { color: var(--c6) } .c7 { color: var(--c7) } fieldset { border: 0; padding: 0; margin: .4rem 0 }
legend { float: left; margin-right: .8rem } label { margin-right: 1rem; display: inline-block }
.flip { border-top: 1px solid var(--rule); padding: .5rem 0; content-visibility: auto;
contain-intrinsic-size: auto 2.5rem } summary { cursor: pointer }
.strip { position: relative; display: inline-block; max-width: 100%; margin-top: .5rem }
.strip img { max-width: 100%; display: block }
.strip i { position: absolute; top: -3px; bottom: -3px; box-sizing: border-box; border: 2px solid; border-radius:
3px; min-width: 7px } .strip .harmful { color: #d01010 } .strip .repaired { color: #0a8a2a; border-style: dashed }
.strip .harmless { color: #a06a00; border-style: dotted } .flip .scroll { margin: .4rem 0 }
.flip th { font-weight: 500; max-width: 20rem } .flip td, .flip th { border: 0; padding: .1rem .6rem }
.flip thead th { color: var(--faint); font-size: .85rem }
.read { white-space: pre; font-family: ui-monospace, "DejaVu Sans Mono", monospace }
.what { font-size: .85rem; color: var(--faint) } mark { color: var(--ink); border-radius: 3px;
background: var(--rule) } summary mark { padding: 0 .4rem; font-size: .8rem; white-space: nowrap }
mark[class] { color: var(--ink) } mark.harmful { background: var(--harmful-back) }
mark.repaired { background: var(--repaired-back) } mark.harmless { background: var(--harmless-back) }
.gap { color: var(--rule) } u { text-decoration: underline dotted } u.gap { color: var(--faint) }
@media print { body { margin: 0; max-width: none; font-size: 10pt } nav, fieldset { display: none }
 .scroll { overflow: visible } .flip { content-visibility: visible; break-inside: avoid }
 details::details-content { content-visibility: visible; block-size: auto } .read { white-space: pre-wrap }
 mark, .strip i { print-color-adjust: exact } thead { display: table-header-group } tr, figure { break-inside: avoid }
 h2, h3 { break-after: avoid } }
"""


MARKS = {
    Sign.GOOD: "\N{CHECK MARK}",
    Sign.BAD: "\N{MULTIPLICATION X}",
    Sign.OPEN: "?",
    Sign.ABSENT: "\N{EN DASH}",
}
"""Shown beside the colour of a conclusion, for those who do not see it and for paper."""
HERE = "here.css"
"""File of the folder beside the page; it hides the notice that the folder is missing."""


def render_html(document: Presentation, *, stem: str = "report") -> dict[str, str]:
    """Return the page and what lies beside it, by path: ``<stem>.html`` first.

    Args:
        document: The report.
        stem: Name of the page without its suffix; the folder beside it is ``<stem>-lines``, and there is none unless
            a section has more than one page should hold. Names in it say what is in them: an old page beside a new
            folder, or the other way round, never shows the wrong lines.
    """
    beside: dict[str, str] = {}
    contents = {section.name: _section(section, document, stem, beside) for section in document.sections}
    ids = {name: "-".join(name.lower().split()) for name, content in contents.items() if content}
    links = "".join(f'<li><a href="#{key}">{escape(name)}</a></li>' for name, key in ids.items())
    body = [
        f"<h1>{escape(document.title)}: {escape(document.about)}</h1>",
        _conclusions(document),
        *map(_paragraph, document.subject),
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>',
        *(f'<section id="{key}"><h2>{escape(name)}</h2>\n{contents[name]}</section>' for name, key in ids.items()),
    ]
    return {f"{stem}.html": _page(f"{document.title}: {document.about}", "\n".join(body)), **beside}


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def _conclusions(document: Presentation) -> str:
    items = "".join(
        f'<li class="{found.sign}"><strong><span aria-hidden="true">{MARKS[found.sign]}</span> {escape(found.label)}'
        f"</strong>: <b>{escape(', '.join(found.names))}</b>{'; ' if found.why else ''}{escape(found.why)}</li>"
        for found in document.conclusions
    )
    lead = f'<p class="lead">{escape(_upper(document.lead))}.</p>' if document.lead else ""
    return f'{lead}<ul class="conclusions">{items}</ul>'


def _section(section: Section, document: Presentation, stem: str, beside: dict[str, str]) -> str:
    if section.evidence:
        found = section.evidence()
        parts = [_rest(section, found.rest, document, stem, beside), found.markup]
    else:
        shown = [table for table in section.tables if table.rows]
        parts = [_table(table, section.name, document.signs) for table in shown]
        parts += [_paragraph("None.")] if section.tables and not shown else []
    if section.sentences:
        parts.append("<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in section.sentences) + "</ul>")
    return "\n".join(part for part in parts if part)


def _rest(section: Section, rest: tuple[str, ...], document: Presentation, stem: str, beside: dict[str, str]) -> str:
    """Put parts that would make the page too large into pages of their own, and return the links to them."""
    if not rest:
        return ""
    folder = f"{stem}-lines"
    links = []
    for number, part in enumerate(rest, start=2):
        name = f"{number}-{hashlib.sha256(part.encode('utf-8', 'backslashreplace')).hexdigest()[:12]}.html"
        title = f"{section.name} of {document.about}, part {number} of {len(rest) + 1}"
        back = f'<p><a href="../{stem}.html">{escape(document.title)}</a></p>'
        beside[f"{folder}/{name}"] = _page(title, f"<h1>{escape(title)}</h1>{back}{part}")
        links.append(f'<li><a href="{folder}/{name}">part {number} of {len(rest) + 1}</a></li>')
    beside[f"{folder}/{HERE}"] = ".missing { display: none }\n"
    # Without scripts a page can only tell that a folder is there by what a file of it does.
    return (
        f"<style>@import url({folder}/{HERE});</style>"
        f'<p class="missing bad"><strong>The folder {folder} is not beside this page</strong>: these links lead '
        "nowhere. Copy it along to see the other lines; report.json has their texts.</p>"
        f'<nav aria-label="Further parts of {escape(section.name)}">'
        f"<p>The most harmful are below, the others in the folder {folder}:</p>"
        f"<ul>{''.join(links)}</ul></nav>"
    )


def _table(table: Table, heading: str, signs: Mapping[str, Sign]) -> str:
    # A table without a caption of its own has its section's heading, which need not be seen twice.
    caption, hidden = table.caption or heading, "" if table.caption else ' class="unseen"'
    head = "".join(
        f'<th scope="col"{_class("", column >= table.text_columns, {})}>{escape(cell)}</th>'
        for column, cell in enumerate(table.head)
    )
    rows = "".join(
        "<tr>"
        + (f'<th scope="row">{escape(first)}</th>' if first else "<td></td>")
        + "".join(
            f"<td{_class(cell, column >= table.text_columns, signs)}>{escape(cell)}</td>"
            for column, cell in enumerate(cells, start=1)
        )
        + "</tr>"
        for first, *cells in table.rows
    )
    # The region scrolls by key where the table is wider than the window.
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}"><table><caption{hidden}>'
        f"{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _class(cell: str, number: bool, signs: Mapping[str, Sign]) -> str:
    if number:
        return ' class="n"'
    return f' class="{signs[cell]}"' if cell in signs else ""


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
