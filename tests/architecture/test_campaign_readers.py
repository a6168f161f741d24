"""Every module that parses files is fuzzed: it stands in the campaign's table of readers, or says why not."""

from __future__ import annotations

import ast
import importlib.util
import sys

import pytest


PARSERS = {
    *("json.loads", "json.load", "tomllib.loads", "tomllib.load", "np.load", "zipfile.ZipFile", "ZipFile", "gzip.open"),
    *("onnx.load", "pq.ParquetFile", "ParquetFile", "safe_open", "TTFont", "expat.ParserCreate", "Image.open"),
    *("csv.reader", "np.fromfile", "read_json", "parse_json", "read_toml", "parse_toml"),
}
"""Functions that make something of somebody's bytes: those of libraries, and inkport's own readers of documents."""
METHODS = {"read_text", "read_bytes", "ParseFromString"}
"""Methods of paths and messages that do."""


@pytest.fixture(scope="module")
def readers(root):
    """The campaign's table of readers."""
    sys.path.insert(0, str(root / "tests"))
    try:
        import campaign.readers

        yield campaign.readers
    finally:
        sys.path.remove(str(root / "tests"))


def parses(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in PARSERS or name.rpartition(".")[2] in METHODS:
                return True
    return False


@pytest.fixture(scope="module")
def parsing(root, tracked):
    """Modules of the package that parse files."""
    found = set()
    for path in tracked:
        parts = path.with_suffix("").parts
        inside = parts[1:] if parts[:2] == ("src", "inkport") else ("inkport", *parts)
        is_package = parts[:2] == ("src", "inkport") or (root / "src/inkport" / parts[0]).is_symlink()
        if path.suffix == ".py" and is_package and parses((root / path).read_text(encoding="utf-8")):
            found.add(".".join(inside))
    return found


def test_every_module_that_parses_files_is_in_the_table(readers, parsing):
    known = {f"inkport.{module}" for reader in readers.READERS.values() for module in reader.modules}
    missing = sorted(parsing - known - set(readers.OWN_FILES))
    assert not missing, f"{missing}: give each a row in tests/campaign/readers*.py, or a reason in OWN_FILES"


def test_every_module_in_the_table_exists(readers):
    known = {f"inkport.{module}" for reader in readers.READERS.values() for module in reader.modules}
    assert not [name for name in sorted(known | set(readers.OWN_FILES)) if importlib.util.find_spec(name) is None]


def test_no_reason_is_given_for_a_module_that_parses_nothing(readers, parsing):
    idle = sorted(set(readers.OWN_FILES) - parsing)
    assert not idle, idle


def test_the_rule_sees_parsers():
    assert parses("import json\njson.loads(text)")
    assert parses("Path(name).read_bytes()")
    assert not parses("json.dumps(text)")
