"""What ``inkport`` itself offers: sorted, all there, and loaded when it is asked for."""

from __future__ import annotations

import ast
import inspect

import pytest

import inkport


def test_the_public_names_are_these():
    assert inkport.__all__ == [
        *("Doubt", "DoubtKind", "InkportError", "Reading", "Recogniser", "Symbol"),
        *("__version__", "compare", "export", "load", "verify"),
    ]
    assert dir(inkport) == inkport.__all__


@pytest.mark.parametrize("name", inkport.__all__)
def test_each_is_there_and_says_what_it_is(name):
    found = getattr(inkport, name)
    assert name == "__version__" or inspect.getdoc(found)


def test_type_checkers_see_what_is_loaded():
    tree = ast.parse(inspect.getsource(inkport))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    declared = {(alias.name, node.module) for node in block.body for alias in node.names}
    loaded = {(name, f"inkport.{home}") for name, home in inkport._HOMES.items()}
    assert declared == loaded | {("export", "inkport.api.proving")}
    assert {name for name, _ in declared} | {"__version__"} == set(inkport.__all__)


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = inkport.nosuch


def test_loading_a_recogniser_needs_no_benchmarks(python):
    code = "import sys, inkport\ninkport.load\nprint(*[n for n in sys.modules if n.startswith('inkport.benchmarks')])"
    assert python(code) == "\n"


@pytest.mark.parametrize("before", ["", "import inkport.export.plan\n"])
def test_export_is_a_function_also_where_it_is_a_package(python, before):
    code = (
        "import inkport\n" + before + "from inkport.core.errors import UsageError\n"
        "try: inkport.export(to='none', out='.')\n"
        "except UsageError as error: print(error.message)\n"
        "from inkport.export.plan import build\n"
    )
    assert python(code) == "'none' is nothing that inkport exports\n"
