"""What scripts/site_hooks.py does to pages, and what it refuses."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import pytest


pytest.importorskip("mkdocs", reason="pip install --group docs")

from mkdocs.exceptions import PluginError


@pytest.fixture
def hooks(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "scripts"))
    yield importlib.import_module("site_hooks")
    sys.modules.pop("site_hooks", None)


def moved(hooks, uri, markdown):
    page = SimpleNamespace(file=SimpleNamespace(src_uri=uri), meta={})
    return hooks.on_page_markdown(markdown, page=page), page.meta


@pytest.mark.parametrize(
    ("uri", "link", "place"),
    [
        ("verify.md", "data.md#limits", "data.md#limits"),
        ("index.md", "../SECURITY.md", "repository/SECURITY.md"),
        ("runtimes/tensorrt.md", "../../benchmarks/targets-gpu.toml", "../repository/benchmarks/targets-gpu.toml.md"),
        ("repository/CONTRIBUTING.md", "docs/architecture.md", "../architecture.md"),
        ("repository/CONTRIBUTING.md", "scripts/release.sh", "scripts/release.sh.md"),
        ("verify.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("verify.md", "../missing.md", "../missing.md"),
    ],
)
def test_links_to_files_outside_the_documents_lead_to_pages_of_their_own(hooks, uri, link, place):
    assert moved(hooks, uri, f"see [a\nfile]({link}).")[0] == f"see [a\nfile]({place})."


def test_every_page_that_a_link_leads_to_is_made(hooks, tmp_path):
    class Files(list):
        def documentation_pages(self):
            return [SimpleNamespace(src_uri="runtimes/tensorrt.md"), SimpleNamespace(src_uri="index.md")]

    config = SimpleNamespace(
        plugins=SimpleNamespace(_current_plugin="hooks"), site_dir=tmp_path, use_directory_urls=False
    )
    made = {file.src_uri: file for file in hooks.on_files(Files(), config)}
    # The second by way of CONTRIBUTING.md, which is in the navigation.
    assert {"repository/benchmarks/targets-gpu.toml.md", "repository/scripts/release.sh.md"} < made.keys()
    assert "[[target]]" in made["repository/benchmarks/targets-gpu.toml.md"].content_string


def test_reports_are_not_searched_and_documents_are(hooks):
    assert moved(hooks, "results/peers.md", "")[1] == {"search": {"exclude": True}}
    assert moved(hooks, "results/README.md", "")[1] == moved(hooks, "verify.md", "")[1] == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", '<script defer src="https://cdn.example/a.js"></script>'),
        ("a.html", '<link href=//fonts.example/a.css rel="stylesheet">'),
        ("a.html", '<img alt="" src="http://example.org/a.png">'),
        ("a.css", "@import url(https://fonts.example/css);"),
    ],
)
def test_what_a_browser_would_load_from_elsewhere_is_refused(hooks, tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(PluginError, match=rf"(?s)load from elsewhere.*{name}"):
        hooks.on_post_build({"site_dir": tmp_path})


def test_links_that_a_reader_follows_are_fine(hooks, tmp_path):
    text = (
        '<a href="https://example.org/">x</a><script src="a.js"></script><link rel="canonical" href="https://a.org/">'
    )
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    hooks.on_post_build({"site_dir": tmp_path})
