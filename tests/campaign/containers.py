"""Damage inside of containers, packed again with right lengths and checksums: zip, npz, npy, gzip, safetensors."""

from __future__ import annotations

import ast
import gzip
import io
import json
import re
import zipfile

from campaign.damage import BAD_UTF8, BYTES, NUMBERS, ODD_TEXT, TEXT, Rng, apply, pick
from campaign.trees import damage_json


SHAPES = ("()", "(0,)", "(-1,)", "(1, 1, 1)", "(2**40,)", "(1 << 62, 4)", "(3, 0, 9)", "('a',)", "None")
DTYPES = ("<f2", "<f4", "<f8", ">f4", "|b1", "|u1", "<u2", "<i8", "<c16", "|O", "|S5", "<U3", "<M8[s]", "V4", "zz")
MEMBER_NAMES = ("../out", "/etc/x", "a\\b", "A", "a/", "con", "x" * 300, "é", ".hidden", "")


def damage_zip(data: bytes, rng: Rng) -> bytes:
    """Change members of a zip archive: content, name, number, packing."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    place = int(rng.integers(len(members)))
    name, content = members[place]
    way = int(rng.integers(6))
    if way == 0:
        del members[place]
    elif way == 1:
        members.append((pick(rng, (name, *MEMBER_NAMES)), content))
    elif way == 2:
        members[place] = (pick(rng, MEMBER_NAMES), content)
    else:
        members[place] = (name, damage_member(name, content, rng))
    return pack(members, pick(rng, (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)))


def damage_member(name: str, content: bytes, rng: Rng) -> bytes:
    """Damage a file within a container by what it is."""
    if name.endswith(".json") and rng.random() < 0.8:
        return damage_json(content, rng)
    if name.endswith(".npy") and rng.random() < 0.8:
        return damage_npy(content, rng)
    return apply(BYTES, content, rng)


def pack(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive; names may appear twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, method)
    return out.getvalue()


def damage_npy(data: bytes, rng: Rng) -> bytes:
    """Change shape, dtype or order in an array's header, or its values; the header's length stays right."""
    start = 10 + int.from_bytes(data[8:10], "little")
    head, values = ast.literal_eval(data[10:start].decode("latin-1").strip()), data[start:]
    shape, dtype, order = repr(head["shape"]), repr(head["descr"]), repr(head["fortran_order"])
    way = int(rng.integers(5))
    if way == 0:
        shape = pick(rng, SHAPES)
    elif way == 1:
        dtype = repr(pick(rng, DTYPES))
    elif way == 2:
        order = pick(rng, ("True", "None", "1"))
    elif way == 3:
        values = apply(BYTES, values, rng)
    else:
        # The same bytes read as another shape of as many values, or values that are no numbers.
        values = pick(rng, (b"\xff", b"\x7f\xc0\0\0", b"\0")) * len(values)
    text = f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return data[:8] + len(text).to_bytes(2, "little") + text + values


def damage_gzip(data: bytes, rng: Rng) -> bytes:
    """Pack damaged text again, or a text that unpacks to a thousand times its size."""
    if rng.random() < 0.02:
        return gzip.compress(b"\\data\\\n" + b"ngram 1=1\n" * 10_000_000, compresslevel=1)
    return gzip.compress(apply((*BYTES, *TEXT), gzip.decompress(data), rng), compresslevel=1)


def damage_safetensors(data: bytes, rng: Rng) -> bytes:
    """Change the header of a safetensors file, or the metadata in it; its length stays right."""
    start = 8 + int.from_bytes(data[:8], "little")
    head = json.loads(data[8:start])
    metadata = head.get("__metadata__", {})
    if metadata and rng.random() < 0.7:
        key = pick(rng, sorted(metadata))
        metadata[key] = damage_json(metadata[key].encode(), rng).decode("utf-8", errors="replace")
        text = json.dumps(head).encode()
    else:
        text = damage_json(data[8:start], rng)
    return len(text).to_bytes(8, "little") + text + data[start:]


def damage_table(data: bytes, rng: Rng) -> bytes:
    """Change a cell, a row or a column of a file with tabs."""
    rows = [row.split(b"\t") for row in data.rstrip(b"\n").split(b"\n")]
    place = 0 if rng.random() < 0.3 else int(rng.integers(len(rows)))
    row = rows[place]
    column = int(rng.integers(len(row)))
    way = int(rng.integers(5))
    if way == 0:
        odd = (b"", b" ", b"0", *BAD_UTF8, *(text.encode() for text in (*ODD_TEXT, *NUMBERS)))
        row[column] = pick(rng, odd) if rng.random() < 0.5 else row[column] + pick(rng, odd)
    elif way == 1:
        row[column] = pick(rng, (b"..", b"/", b"/dev/null", b"x" * 5000, b"nowhere.png", b".", b"a\0b.png"))
    elif way == 2:
        del row[column]
    elif way == 3:
        row.insert(column, row[column])
    else:
        for each in rows:
            each.insert(column, each[min(column, len(each) - 1)])
    return b"\n".join(b"\t".join(each) for each in rows) + b"\n"


def damage_xml(data: bytes, rng: Rng) -> bytes:
    """Change one tag, attribute or text of an XML file, its declaration, or its nesting."""
    way = int(rng.integers(6))
    if way == 0:
        declared = pick(rng, (b"utf-16", b"latin-1", b"x-none", b"cp037", b"utf-7", b"ascii", b"\xff"))
        return b"<?xml version='1.0' encoding='" + declared + b"'?>" + re.sub(rb"^<\?xml.*?\?>", b"", data)
    if way == 1:
        entity = b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY c SYSTEM "file:///etc/hostname">]>'
        return re.sub(rb"^(<\?xml.*?\?>)?", lambda match: match[0] + entity, data, count=1)
    if way == 2:
        return data + b"<a>" * int(pick(rng, (1, 1000, 200_000)))
    found = list(re.finditer(rb'<[^>]+>|"[^"]*"|>[^<]+<', data))
    match = pick(rng, found)
    inside = match[0][1:-1]
    odd = pick(rng, (b"", b"0", *BAD_UTF8, b"&lt;", b"&#0;", b"&#x110000;", b"<x/>", *(n.encode() for n in NUMBERS)))
    changed = pick(rng, (odd, inside + odd, inside + inside, inside.swapcase()))
    return data[: match.start() + 1] + changed + data[match.end() - 1 :]
