"""Rules for the files themselves: sizes, links, names of machines, and the README's two commands."""

from __future__ import annotations

import ast
import re

import pytest


LINK = re.compile(r"(?<!`)\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
# Somebody's machine, as opposed to a path in a URL, one relative to the repository, or the example user Ada.
MACHINE_PATH = re.compile(r"(?<![\w./:~-])(?:/(?:home|root|work|opt|Users)/|[A-Z]:\\{1,2}Users\\{1,2})(?!(?i:ada))\w+")


@pytest.fixture(scope="session")
def texts(root, tracked):
    """Tracked text files with their content."""
    found = {}
    for path in tracked:
        if not (root / path).is_symlink():
            data = (root / path).read_bytes()
            if b"\0" not in data:
                found[path] = data.decode("utf-8")
    return found


def test_no_source_file_is_longer_than_400_lines(texts):
    long = {str(p): t.count("\n") for p, t in texts.items() if p.suffix == ".py" and t.count("\n") > 400}
    assert long == {}


def test_no_path_of_somebodys_machine(texts):
    found = {str(path): match[0] for path, text in texts.items() if (match := MACHINE_PATH.search(text))}
    assert found == {}


def test_all_lists_are_sorted_and_true(texts):
    for path, text in texts.items():
        if path.suffix != ".py":
            continue
        tree = ast.parse(text)
        defined = {n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
        # Names of what is imported for type checkers are there all the same where __getattr__ loads it.
        inside = [inner for node in tree.body if isinstance(node, ast.If) for inner in node.body]
        for node in [*tree.body, *inside]:
            if isinstance(node, ast.Import | ast.ImportFrom):
                defined |= {alias.asname or alias.name for alias in node.names}
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                defined |= {target.id for target in targets if isinstance(target, ast.Name)}
        for node in tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                names = ast.literal_eval(node.value)
                assert names == sorted(names), path
                assert set(names) <= defined, path


def slug(heading):
    """Turn a heading into its anchor, as GitHub does."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(text):
    return {slug(match[1]) for match in re.finditer(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)}


def test_links_in_documents_lead_somewhere(root, texts):
    broken = []
    for path, text in texts.items():
        if path.suffix != ".md":
            continue
        for target in LINK.findall(FENCE.sub("", text)):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            place = (root / path.parent / file).resolve() if file else root / path
            found = place.exists()
            if found and anchor and place.suffix == ".md":
                found = anchor in anchors(place.read_text(encoding="utf-8"))
            if not found:
                broken.append(f"{path}: {target}")
    assert broken == []


def targets_of(makefile):
    return set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))


def named(document):
    return set(re.findall(r"\bmake ([a-z][\w-]*)", document))


def test_the_readme_names_the_commands_of_a_first_look_and_contributing_the_others(root):
    readme, contributing = (
        named((root / name).read_text(encoding="utf-8")) for name in ("README.md", "CONTRIBUTING.md")
    )
    assert readme == {"demo", "demo-all", "test"}
    assert readme | contributing == targets_of((root / "Makefile").read_text(encoding="utf-8"))


def test_committed_reports_are_light(root, tracked):
    sizes = [(root / path).stat().st_size for path in tracked if path.is_relative_to("docs/results")]
    assert sum(sizes) < 1_500_000
    assert max(sizes) < 300_000


def test_continuous_integration_runs_the_readmes_test_command(root):
    script = root / ".ci" / "run"
    assert script.stat().st_mode & 0o111, "not executable"
    assert "set -euo pipefail" in script.read_text()
    assert script.read_text().splitlines()[-1] == "make test"


def test_unit_tests_mirror_the_folders(root, tracked):
    unit = [path.relative_to("tests/unit") for path in tracked if path.is_relative_to("tests/unit")]
    rooms = {path.parent for path in unit if path.match("test_*.py")}
    assert len(rooms) > 20
    strange = [str(room) for room in rooms if not any((root / base / room).is_dir() for base in ("", "src/inkport"))]
    assert strange == []
