"""Whether weights may have seen the lines that are to be held out: what their provenance can and cannot tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from inkport.lines.line import Line, digest_lines
from inkport.lines.roles import Role, lines_of, name_lines, recorded


class Verdict(StrEnum):
    """What is known."""

    UNSEEN = "unseen"
    """Everything that the weights descend from is recorded, and nothing of it is held out."""
    SEEN = "seen"
    """Something held out was among what the weights descend from."""
    UNDECIDED = "undecided"
    """Something that the weights descend from is not recorded."""


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """The verdict on weights, with its reasons."""

    verdict: Verdict
    """What is known."""
    basis: str
    """What it rests on: the recorded ``contents`` of lines, ``names`` of line sets, or the ``lines`` themselves."""
    reasons: tuple[str, ...]
    """Why, one sentence each."""


def exposure_by_contents(provenance: Mapping[str, Any], held: Sequence[Line]) -> Exposure | None:
    """Judge by the digests of lines that the provenance records, whatever their files are called.

    Args:
        provenance: Of the weights.
        held: The lines that are held out.

    Returns:
        That the weights have seen a line, or None: other lines of the same hand are not found so.

    Raises:
        ArtifactCorruptError: If the record is malformed.
    """
    found = recorded(lines_of(provenance), held, (Role.TRAIN, Role.UNLABELLED, Role.VAL))
    if not found:
        return None
    role, lines = next(iter(found.items()))
    reason = f"{len(lines)} of the lines, for example {lines[0].id!r}, are recorded among those for {role}"
    return Exposure(verdict=Verdict.SEEN, basis="contents", reasons=(reason,))


def exposure_by_names(provenance: Mapping[str, Any], files: Iterable[str], datasets: Iterable[str]) -> Exposure:
    """Judge by the names of the line sets in all recipes that weights descend from, validation included.

    Names say which data sets there were, not which lines: those are found by ``exposure_by_contents``, as far as they
    are recorded. ``exposure_by_lines`` does not trust names.

    Args:
        provenance: Of the weights.
        files: Names of the files that are held out. Two files of one name need not hold the same lines, so where the
            lines of the training are not recorded, such a name leaves it undecided.
        datasets: Names of the data sets of their lines; a recorded file whose name holds one counts as seen.
    """
    known = Role.TRAIN in lines_of(provenance)
    held, words = set(files), [rf"\b{re.escape(name)}\b" for name in datasets if name]
    seen, missing = [], []
    recipes = list(_recipes(provenance))
    for owner in recipes:
        recipe = owner["recipe"]
        for path in _line_sets(recipe):
            name = PurePosixPath(path).name
            if any(re.search(word, name.replace("_", " ")) for word in words):
                seen.append(f"a training of these weights names {path}")
            elif name in held and not known:
                missing.append(f"a training of these weights names {path}, and its lines are not recorded")
        missing += [f"a training used {name}, whose provenance is not recorded" for name in _unrecorded(owner)]
    if not recipes:
        missing.append("the weights record no training")
    if seen:
        return Exposure(verdict=Verdict.SEEN, basis="names", reasons=tuple(dict.fromkeys(seen)))
    if missing:
        return Exposure(verdict=Verdict.UNDECIDED, basis="names", reasons=tuple(dict.fromkeys(missing)))
    reason = f"{len(recipes)} recorded trainings name other line sets"
    return Exposure(verdict=Verdict.UNSEEN, basis="names", reasons=(reason,))


def exposure_by_lines(provenance: Mapping[str, Any], trained: Sequence[Line], held: Sequence[Line]) -> Exposure:
    """Judge by the training lines themselves, bound to the weights by their digest; a data set counts as one hand.

    Args:
        provenance: Of weights that were trained once, from nothing.
        trained: What they are said to be trained on, in order.
        held: The lines that are held out.
    """
    recipes = list(_recipes(provenance))
    if len(recipes) != 1 or recipes[0]["recipe"].get("start") or any(_unrecorded(recipes[0])):
        reason = f"the weights descend from {len(recipes)} trainings, or from other weights; lines prove a single one"
        return Exposure(verdict=Verdict.UNDECIDED, basis="lines", reasons=(reason,))
    recorded = recipes[0].get("train_lines", {}).get("sha256")
    if digest_lines(trained) != recorded:
        reason = "the lines given as those of the training are not the recorded ones: their digests differ"
        return Exposure(verdict=Verdict.UNDECIDED, basis="lines", reasons=(reason,))
    contents, writers = name_lines(trained), {(line.dataset, line.writer) for line in trained if line.writer}
    datasets = {line.dataset for line in trained if line.dataset}
    for line in held:
        if (
            not contents.keys().isdisjoint(name_lines([line]))
            or (line.dataset, line.writer) in writers
            or line.dataset in datasets
        ):
            reason = f"{line.id} is a line, or of a writer or data set, that the weights were trained on"
            return Exposure(verdict=Verdict.SEEN, basis="lines", reasons=(reason,))
    reason = f"none of the {len(trained)} training lines, whose digest is recorded, is of the held-out data sets"
    return Exposure(verdict=Verdict.UNSEEN, basis="lines", reasons=(reason,))


def _recipes(provenance: object) -> Iterator[Mapping[str, Any]]:
    """Yield whatever holds a training's recipe, at any depth: averages, growing and adapting nest what came before."""
    if isinstance(provenance, Mapping):
        if isinstance(provenance.get("recipe"), Mapping):
            yield provenance
        for key, value in provenance.items():
            if key != "recipe":
                yield from _recipes(value)
    elif isinstance(provenance, list | tuple):
        for value in provenance:
            yield from _recipes(value)


def _line_sets(recipe: Mapping[str, Any]) -> Iterator[str]:
    for value in recipe.get("data", {}).values():
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))


def _unrecorded(owner: Mapping[str, Any]) -> Iterator[str]:
    """Yield the weights that a recipe names (a start, a teacher) and that the record does not go on to describe."""
    for key, value in owner["recipe"].items():
        if key == "start" and owner.get("start"):
            continue
        yield from (text for text in _texts(value) if text.endswith(".safetensors"))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)
