"""Hooks of MkDocs: pages for files outside docs/ that documents link to; nothing is loaded from elsewhere.

Documents link to files of the repository, as they do where the repository is read. The site has a page for each of
these, below ``repository/``: Markdown as it is, anything else as a listing.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files


ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
"""In the navigation, whether linked to or not."""
FOLDER = "repository"
SEARCHED = {*(f"{FOLDER}/{name}" for name in PAGES), "results/README.md"}
GENERATED = "reference/cli.md"
"""Made of the help of commands, which is plain text."""
LINK = re.compile(r"(?<!`)(\[[^\]]*\]\()([^)\s#:]+)(#[^)\s]*)?(?=\))")
LANGUAGES = {".py": "python", ".mjs": "js", ".toml": "toml", ".sh": "sh", ".json": "json"}
# What a browser fetches when a page opens; links that a reader follows are not meant.
REMOTE = re.compile(
    r"""<(?:script|img|iframe|audio|video|source|embed)\b[^>]*\bsrc=["']?(?:https?:)?//[^"'>\s]+"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preconnect|preload|icon|dns-prefetch))[^>]*\bhref=["']?(?:https?:)?//[^"'>\s]+"""
    r"""|(?:url\(|@import\s+)["']?(?:https?:)?//[^"')\s]+"""
)


def on_files(files: Files, config: Any) -> Files:
    """Add a page for every file of the repository that a document links to, directly or by way of another."""
    queue = [ROOT / name for name in PAGES]
    queue += [target for file in files.documentation_pages() for target in _targets(DOCS / file.src_uri)]
    seen: set[Path] = set()
    while queue:
        path = queue.pop()
        if path not in seen and _outside(path):
            seen.add(path)
            files.append(File.generated(config, _uri(path), content=_content(path)))
            queue += _targets(path) if path.suffix == ".md" else []
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links of a document at the site's pages."""
    uri: str = page.file.src_uri
    origin = ROOT / uri.removeprefix(f"{FOLDER}/") if uri.startswith(f"{FOLDER}/") else DOCS / uri
    if not origin.is_file():
        return markdown
    # Reports and listings are found by way of the pages that link to them; their figures would bury what explains them.
    if uri.startswith((f"{FOLDER}/", "results/")) and uri not in SEARCHED:
        page.meta["search"] = {"exclude": True}

    def moved(match: re.Match[str]) -> str:
        target = (origin.parent / match[2]).resolve()
        if not target.is_file() or not (_outside(target) or uri.startswith(f"{FOLDER}/")):
            return match[0]
        place = _uri(target) if _outside(target) else target.relative_to(DOCS).as_posix()
        return f"{match[1]}{posixpath.relpath(place, posixpath.dirname(uri))}{match[3] or ''}"

    markdown = LINK.sub(moved, markdown)
    # Options in brackets are no links.
    return markdown.replace("][", "]\\[") if uri == GENERATED else markdown


def on_post_build(config: Any) -> None:
    """Refuse a site that loads anything from elsewhere.

    Raises:
        PluginError: If a page or a style sheet does.
    """
    site = Path(config["site_dir"])
    found = [
        f"{path.relative_to(site)}: {match[0]}"
        for path in sorted(site.rglob("*"))
        if path.suffix in {".html", ".css"}
        for match in REMOTE.finditer(path.read_text(encoding="utf-8"))
    ]
    if found:
        raise PluginError("the site would load from elsewhere:\n" + "\n".join(found))


def _targets(path: Path) -> list[Path]:
    """Return the files that a document links to."""
    found = (path.parent / match[2] for match in LINK.finditer(path.read_text(encoding="utf-8")))
    return [target.resolve() for target in found if target.is_file()]


def _outside(path: Path) -> bool:
    return path.is_relative_to(ROOT) and not path.is_relative_to(DOCS)


def _uri(path: Path) -> str:
    name = path.relative_to(ROOT).as_posix()
    return f"{FOLDER}/{name}" if path.suffix == ".md" else f"{FOLDER}/{name}.md"


def _content(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    return f"# {path.relative_to(ROOT).as_posix()}\n\n``````{LANGUAGES.get(path.suffix, 'text')}\n{text}\n``````\n"
