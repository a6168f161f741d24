"""A report as one HTML page that needs nothing else: no network, no scripts, images and plots inside.

Whoever cannot see, point or click loses nothing: every table has a caption and scopes, every image a text, folded
parts open by key, and paper shows them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from html import escape

from inkport.benchmarks.report.presentation import Presentation, Section, Sign
from inkport.benchmarks.report.style import STYLE
from inkport.core.tables import Table


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
