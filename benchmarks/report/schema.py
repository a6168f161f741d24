"""The JSON Schema of reports, made of their dataclasses: types say what is allowed, field docstrings what it means."""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
import json
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any

from inkport.benchmarks.report.envelope import SCHEMA, Check, Document, Report
from inkport.benchmarks.run.device_record import DeviceReport
from inkport.benchmarks.run.record import TargetRecord
from inkport.core.documents import read_json
from inkport.core.line_reading import ReadRecord
from inkport.core.lm.files import Fusion
from inkport.pages.formats.records import PageRecord


FILE = Path(__file__).with_name("report.schema.json")
"""The schema of all reports, one definition each."""
READING_FILE = Path(__file__).with_name("reading.schema.json")
"""The schema of what `inkport read` prints as JSON."""
PAGES_FILE = Path(__file__).with_name("pages.schema.json")
"""The schema of what it prints of pages."""
READING_SCHEMA = 1
"""Version of what it describes; raised by a change that could break a reader (docs/releasing.md)."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The dialect that it is written in."""
DIGEST = "^[0-9a-f]{64}$"
"""A SHA-256; fields that hold one are called so."""
SCALARS: Mapping[Any, Mapping[str, Any]] = {
    Any: {},
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Path: {"type": "string"},
}
"""Types that hold no others."""
WIDTH = 200
"""Longest line of the file: a property with its description."""
LOADED_LATE = {cls.__name__: cls for cls in (DeviceReport, Fusion)}
"""Classes that the envelope names and does not load."""
Schema = dict[str, Any]
Definitions = dict[str, tuple[type, Schema]]
"""Classes and their schemas, by name."""


def make_schema(reports: Sequence[type[Document] | Check]) -> Schema:
    """Return one schema with the definitions of all reports, and of what they are made of.

    Args:
        reports: What each check adds to the envelope, or the class of a report that has no targets.
    """
    found: Definitions = {}
    roots = {report.NAME: _report(report, found) for report in reports}
    return {
        "$schema": DIALECT,
        "$id": f"urn:inkport:schema:report:{SCHEMA}",
        "title": "Reports of inkport",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in roots],
        "$defs": roots | {name: schema for name, (_, schema) in sorted(found.items())},
    }


def make_reading_schema() -> Schema:
    """Return the schema of `inkport read --format json`, a list, and of one line of `--format jsonl`."""
    title = "What `inkport read` prints with --format json, or on a line with --format jsonl"
    return _listed(ReadRecord, "reading", title)


def make_pages_schema() -> Schema:
    """Return the schema of what it prints of pages, likewise."""
    title = "What `inkport read` prints of pages with --format json, or on a line with jsonl"
    return _listed(PageRecord, "pages", title)


def _listed(record: type, name: str, title: str) -> Schema:
    found: Definitions = {}
    one = _definition(record, found)
    return {
        "$schema": DIALECT,
        "$id": f"urn:inkport:schema:{name}:{READING_SCHEMA}",
        "title": title,
        "anyOf": [{"type": "array", "items": one}, one],
        "$defs": {name: schema for name, (_, schema) in sorted(found.items())},
    }


def schema_of(name: str) -> Schema:
    """Return the shipped schema of one report.

    Raises:
        KeyError: If there is none.
    """
    whole: Schema = read_json(FILE)
    if name not in whole["$defs"]:
        raise KeyError(f"no report is called {name!r}")
    return {"$schema": DIALECT, "title": name, "$ref": f"#/$defs/{name}", "$defs": whole["$defs"]}


def write_schema(schema: Any, *, indent: int = 0) -> str:
    """Return a schema as JSON, in which what fits on a line is on one."""
    line = json.dumps(schema, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not schema or not isinstance(schema, dict | list):
        return line
    pad, end = " " * (indent + 1), " " * indent
    if isinstance(schema, dict):
        members = [f"{json.dumps(key)}: {write_schema(item, indent=indent + 1)}" for key, item in schema.items()]
    else:
        members = [write_schema(item, indent=indent + 1) for item in schema]
    body = f",\n{pad}".join(members)
    return f"{{\n{pad}{body}\n{end}}}" if isinstance(schema, dict) else f"[\n{pad}{body}\n{end}]"


def _report(report: type[Document] | Check, found: Definitions) -> Schema:
    whole = Report if isinstance(report, Check) else report
    if isinstance(report, Check):
        schema = _object((Report, *report.sections), found)
        target = _object((TargetRecord, *report.target_sections), found)
        options = _type(report.options, found)
        schema["properties"] |= {
            "options": options | {"description": schema["properties"]["options"]["description"]},
            "targets": {
                "type": "array",
                "items": target,
                "description": schema["properties"]["targets"]["description"],
            },
        }
    else:
        schema = _object((report,), found)
    head = {
        "schema": {"const": SCHEMA, "description": "Version of the document."},
        "check": {"const": report.NAME, "description": "Which check."},
        "exit_code": {"enum": [0, 1, 3], "description": whole.exit_code.__doc__},
    }
    required = ["check", "exit_code", *schema["required"]]
    return schema | {"required": required, "properties": schema["properties"] | head}


def _definition(cls: type, found: Definitions) -> Schema:
    """Define a dataclass, if it is not, and return the reference to it."""
    name = cls.__name__
    if name not in found:
        found[name] = (cls, {})
        found[name][1].update(_object((cls,), found))
    if found[name][0] is not cls:
        raise ValueError(f"two classes of reports are called {name}: {found[name][0].__module__}, {cls.__module__}")
    return {"$ref": f"#/$defs/{name}"}


def _object(classes: Sequence[type], found: Definitions) -> Schema:
    """Return the schema of an object with the fields of all classes, the first of which says what it is."""
    needed, properties = [], {}
    for cls in classes:
        hints, said = typing.get_type_hints(cls, localns=LOADED_LATE), _docstrings(cls)
        for field in dataclasses.fields(cls):
            if field.name == "sections" or hints[field.name] is Check:
                continue
            allowed = _type(hints[field.name], found, digest=field.name.endswith("sha256") and field.default != "")
            properties[field.name] = allowed | ({"description": said[field.name]} if field.name in said else {})
            # The envelope is always whole; a summary may leave out what a check found line by line.
            whole = issubclass(cls, Document | TargetRecord)
            if whole or (field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING):
                needed.append(field.name)
    about = inspect.cleandoc(classes[0].__doc__ or "").split("\n\n", maxsplit=1)[0].replace("\n", " ")
    return {
        "description": about,
        "type": "object",
        "additionalProperties": False,
        "required": needed,
        "properties": properties,
    }


def _type(hint: Any, found: Definitions, *, digest: bool = False) -> Schema:
    if hint is str and digest:
        return {"type": "string", "pattern": DIGEST}
    if hint in SCALARS:
        return dict(SCALARS[hint])
    if dataclasses.is_dataclass(hint):
        return _definition(typing.cast("type", hint), found)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]}
    return _compound(typing.get_origin(hint), typing.get_args(hint), found, digest=digest)


def _compound(origin: Any, inner: tuple[Any, ...], found: Definitions, *, digest: bool) -> Schema:
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_type(hint, found, digest=digest) for hint in inner]}
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin is tuple and inner[1:] != (...,):
        parts = [_type(hint, found) for hint in inner]
        return {"type": "array", "prefixItems": parts, "minItems": len(parts), "maxItems": len(parts)}
    if origin is tuple or (isinstance(origin, type) and issubclass(origin, list)):
        return {"type": "array", "items": _type(inner[0], found, digest=digest)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _type(inner[1], found)}
    raise TypeError(f"a report cannot hold {origin or inner}")


@cache
def _docstrings(cls: type) -> Mapping[str, str]:
    """Return the docstring under each field, those of base classes included."""
    said: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            (tree,) = ast.parse(dedent(inspect.getsource(base))).body
            body = tree.body if isinstance(tree, ast.ClassDef) else []
            for field, text in pairwise(body):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_text(text):
                    value = ast.literal_eval(typing.cast("ast.Expr", text).value)
                    said[field.target.id] = " ".join(inspect.cleandoc(value).split())
    return said


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
