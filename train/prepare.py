"""From a recipe to lines in memory and the recogniser that they define."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.core.charset import Charset
from inkport.core.errors import LineDataError, RecipeError, SpecMismatchError, UnknownSymbolError
from inkport.core.hub.reference import within
from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import Audit, audit_for, audit_lines, find_right_to_left, refuse
from inkport.lines.folder import list_images
from inkport.lines.line import Line
from inkport.lines.problem import Problem
from inkport.lines.roles import (
    Role,
    lines_of,
    name_lines,
    record_lines,
    refuse_recorded,
    refuse_shared,
    refuse_test_lines,
)
from inkport.lines.source import digest_lines, read_lines, source_name
from inkport.model.grow import extend_weights, extended_charset
from inkport.model.ppocr_weights import pretrained
from inkport.model.weights import Weights, load_weights
from inkport.model.zoo import find
from inkport.train.dataset import Join, TrainingLines
from inkport.train.recipe import CharsetSource, Pretrained, Recipe
from inkport.train.symbols import read_symbols
from inkport.train.teacher import Teacher, check_teacher, load_teacher


LEAK = "a validation line that was trained on says nothing"
"""Why training and validation share no line."""
ONE_ROLE = "take it out of one of them: a line trains, or it validates"
"""What to do about one that is in both."""


@dataclass(frozen=True)
class Prepared:
    """A recipe's lines, audited, and the recogniser that they define."""

    spec: RecogniserSpec
    """The recogniser to be trained."""
    lines: TrainingLines
    """Usable training lines."""
    train: Audit
    """The audit of the training lines, without their prepared images (``lines`` holds these as bytes)."""
    val: Audit
    """Usable validation lines."""
    digest: str
    """SHA-256 (hex) of the training lines, as read."""
    start: Weights | None = None
    """Weights to start from, if the recipe names some."""
    teacher: Teacher | None = None
    """Whom to learn from, if the recipe names one."""
    unlabelled: Audit | None = None
    """The audit of the lines without transcriptions, if the recipe names some; without their prepared images."""
    unlabelled_digest: str | None = None
    """SHA-256 (hex) of these lines, as read."""
    line_digests: Mapping[str, str] = field(default_factory=dict)
    """Digests of the usable lines by role, for the provenance of the weights."""


def prepare_data(recipe: Recipe, base: Path) -> Prepared:
    """Read and audit the recipe's lines.

    Args:
        recipe: Names the lines.
        base: Folder that the recipe's relative paths start from.

    Raises:
        LineDataError: If a line is for testing, and the recipe does not allow it; if lines are unusable for a reason
            that the recipe does not skip; if one line, by its content, is in two of the sets for training with
            transcriptions, training without, and validation; or if the weights to start from were trained on a line
            of validation.
        RecipeError: If the recipe's network is unknown.
        SpecMismatchError: If the weights to start from are those of another recogniser, or the teacher's frames,
            symbols or images are not the student's.
        UnknownSymbolError: If the charset is that of the weights to start from, and training texts have other symbols.
        UsageError: If the recipe's file of symbols cannot be read.
        RuntimeUnavailableError: If the package that brings the recipe's pretrained weights along is not installed.
    """
    allow = recipe.data.allow_test_lines
    sources = recipe.data.train, recipe.data.val
    lines, val_lines = (
        list(refuse_test_lines(read_lines(within(base, path) for path in paths), purpose=purpose, allow=allow))
        for paths, purpose in zip(sources, ("training", "validation"), strict=True)
    )
    refuse_shared({"train": name_lines(lines), "val": name_lines(val_lines)}, because=LEAK, remedy=ONE_ROLE)
    if not lines or not val_lines:
        raise LineDataError(f"train has {len(lines)} lines and val {len(val_lines)}; both need at least one")
    start = None if recipe.start is None else _load_start(base / recipe.start, val_lines)
    teacher = None if recipe.distil is None else load_teacher([base / path for path in recipe.distil.teachers])
    model = teacher.weights if teacher is not None and recipe.charset is CharsetSource.TEACHER else start
    charset = choose_charset(recipe, lines, model)
    if recipe.symbols is not None:
        charset = extended_charset(read_symbols(base / recipe.symbols), charset.symbols)
    stride = find(recipe.model).stride
    spec = RecogniserSpec(
        name=recipe.model, version=recipe.version, preprocess=recipe.preprocess, charset=charset, stride=stride
    )

    if teacher is not None:
        check_teacher(teacher, spec)

    train = _audit(lines, charset, spec, recipe)
    taken = {role: name_lines(some, by_image=True) for role, some in (("train", lines), ("val", val_lines))}
    unlabelled, unlabelled_digest = read_unlabelled(
        [within(base, p) for p in recipe.data.unlabelled], spec, taken, recipe
    )
    training_lines = TrainingLines(train, charset, recipe.preprocess, unlabelled=unlabelled)
    val = _audit(val_lines, _validated_charset(recipe, charset, val_lines), spec, recipe)
    roles = {Role.TRAIN: train.lines, Role.VAL: val.lines, Role.UNLABELLED: unlabelled.lines if unlabelled else ()}
    train.inputs.clear()  # float32 copies of what training_lines holds in a quarter of the memory
    if unlabelled is not None:
        unlabelled.inputs.clear()
    if recipe.init is Pretrained.PPOCR:
        start = pretrained(spec)
    elif start is not None:
        # A teacher may know more symbols than the student that it teaches; these then come behind the student's own.
        longer = recipe.charset in (CharsetSource.EXTEND, CharsetSource.TEACHER)
        start = fit_start(start, spec, extend=longer, where=recipe.start)
    return Prepared(
        spec,
        training_lines,
        train,
        val,
        digest_lines(lines),
        start,
        teacher,
        unlabelled,
        unlabelled_digest,
        record_lines(roles),
    )


def _audit(lines: Sequence[Line], charset: Charset, spec: RecogniserSpec, recipe: Recipe) -> Audit:
    return audit_lines(lines, charset=charset, preprocess=spec.preprocess, stride=spec.stride, skip=recipe.data.skip)


def _validated_charset(recipe: Recipe, charset: Charset, val: Sequence[Line]) -> Charset:
    """Return the symbols that validation texts may have.

    Where the charset is that of the training lines, a symbol that only validation has is no fault of the line: it is
    an error that the recogniser will make, and counts as one.
    """
    if recipe.charset is not CharsetSource.LINES or Problem.UNKNOWN_SYMBOL in recipe.data.skip:
        return charset
    return extended_charset(charset, [line.text for line in val])


def _load_start(path: Path, val: Sequence[Line]) -> Weights:
    start = load_weights(path)
    refuse_recorded(
        lines_of(start.provenance), val, [Role.TRAIN, Role.UNLABELLED], owner=str(path), because=LEAK, remedy=ONE_ROLE
    )
    return start


def choose_charset(recipe: Recipe, lines: Sequence[Line], start: Weights | None) -> Charset:
    """Return the charset that a recipe asks for.

    Args:
        recipe: Says where symbols come from, and which problems may be skipped.
        lines: The training lines.
        start: Weights whose charset may be taken: those to start from or the teacher's, where the recipe names some.

    Raises:
        LineDataError: If a text runs from right to left, and the recipe does not skip such lines.
        UnknownSymbolError: If the charset is that of ``start``, the lines have other symbols, and the recipe does
            not skip lines with unknown symbols.
    """
    # Before symbols are looked at: that they are unknown would be true, too, but not the reason.
    findings = {line.id: finding for line in lines if (finding := find_right_to_left(line))}
    refuse(findings.values(), skip=recipe.data.skip, found=f"{len(lines)} lines in all")
    texts = [line.text for line in lines if line.id not in findings]
    if start is None or recipe.charset is CharsetSource.LINES:
        return Charset.from_texts(texts)
    charset = start.spec.charset
    if recipe.charset is CharsetSource.EXTEND:
        return extended_charset(charset, texts)
    unknown = sorted({symbol for text in texts for symbol in charset.unknown(text)})
    if unknown and Problem.UNKNOWN_SYMBOL not in recipe.data.skip:
        raise UnknownSymbolError(
            f"the lines have symbols that the recogniser lacks: {unknown}",
            remedy='give it them (charset = "extend" in a recipe, --set extend_charset=true for inkport train adapt), '
            "or skip such lines (unknown-symbol)",
        )
    return charset


def fit_start(weights: Weights, spec: RecogniserSpec, *, extend: bool, where: Path | None) -> Weights:
    """Return weights to start a training of ``spec`` from.

    Args:
        weights: The weights.
        spec: The recogniser to be trained.
        extend: Whether its charset may go on behind that of the weights, which then get the new symbols.
        where: Names the weights in errors.

    Raises:
        SpecMismatchError: If the weights are those of another recogniser.
    """
    found = weights.spec
    old, new = found.charset.symbols, spec.charset.symbols
    fits = old == (new[: len(old)] if extend else new)
    if (found.name, found.preprocess) != (spec.name, spec.preprocess) or not fits:
        raise SpecMismatchError(
            f"{where}: {found.name} with charset {found.charset.digest[:12]} and {found.preprocess}; the recipe "
            f"and its lines make {spec.name} with charset {spec.charset.digest[:12]} and {spec.preprocess}",
            remedy="start from weights of the same network and preprocessing; from those of other symbols only with "
            'charset = "start" or "extend"',
        )
    return extend_weights(weights, spec.charset)


def read_unlabelled(
    paths: Sequence[Path], spec: RecogniserSpec, taken: Mapping[str, Mapping[str, str]], recipe: Recipe
) -> tuple[Audit | None, str | None]:
    """Read and audit lines without transcriptions: any line set, or a folder of images with nothing beside them.

    Args:
        paths: Line sets; their texts are replaced.
        spec: The recogniser to be.
        taken: Training and validation lines by role, as ``name_lines`` names them by their images.
        recipe: Says which problems are skipped.

    Returns:
        The usable lines, their texts empty, and the digest of all of them; nothing where there are no paths.

    Raises:
        LineDataError: If a line is for testing and the recipe does not allow it, has an image of ``taken``, or is
            unusable for a reason that is not skipped.
    """
    if not paths:
        return None, None
    lines = [replace(line, text="") for path in paths for line in _images(path)]
    lines = list(refuse_test_lines(lines, purpose="training", allow=recipe.data.allow_test_lines))
    for role, named in taken.items():
        refuse_shared(
            {role: named, "unlabelled": name_lines(lines, by_image=True)},
            because="a line is trained on with its transcription, or without, or validated on",
            remedy="take it out of one of them",
        )
    # The audit asks whether the text fits the image; one symbol fits every image.
    symbol = next(s for s in spec.charset.symbols if s.strip())
    audit = audit_for([replace(line, text=symbol) for line in lines], spec, skip=recipe.data.skip)
    audit.lines = [replace(line, text="") for line in audit.lines]
    return audit, digest_lines(lines)


def _images(path: Path) -> list[Line]:
    if not path.is_dir():
        return list(read_lines([path]))
    dataset = source_name(path)
    return [Line(id=name, image=path / name, text="", dataset=dataset, source=str(path)) for name in list_images(path)]


def join_lines(recipe: Recipe, lines: TrainingLines) -> Join | None:
    """Return how lines are joined, or nothing if they are not.

    Raises:
        RecipeError: If they cannot be, because there is no space among the symbols.
    """
    if recipe.augment.join == 0:
        return None
    if lines.space is None:
        raise RecipeError(
            "augment.join puts a space between two texts, and no text of the lines has one", remedy="set it to 0"
        )
    return Join(probability=recipe.augment.join, gap=lines.gap, labelled=len(lines) - lines.unlabelled)


def line_times(recipe: Recipe, data: Prepared) -> npt.NDArray[np.float64] | None:
    """Return how often an epoch shows each line; nothing where that is once for all.

    Raises:
        RecipeError: If the recipe names a data set that the training lines lack.
    """
    if not recipe.data.times:
        return None
    names = [line.dataset for line in data.train.lines]
    if unknown := sorted(recipe.data.times.keys() - set(names)):
        raise RecipeError(
            f"data.times names {', '.join(unknown)}, the training lines are of {', '.join(sorted(set(names)))}"
        )
    times = [recipe.data.times.get(name, 1.0) for name in names]
    return np.array(times + [1.0] * data.lines.unlabelled)
