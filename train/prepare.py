"""From a recipe to lines in memory and the recogniser that they define."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inkport.core.charset import Charset
from inkport.core.errors import LineDataError, SpecMismatchError
from inkport.core.spec import RecogniserSpec
from inkport.lines.audit import Audit, audit_lines
from inkport.lines.line import Line
from inkport.lines.source import digest_lines, read_lines
from inkport.model.weights import Weights, load_weights
from inkport.model.zoo import find
from inkport.train.dataset import TrainingLines
from inkport.train.recipe import Recipe


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


def prepare_data(recipe: Recipe, base: Path) -> Prepared:
    """Read and audit the recipe's lines; the charset is that of the training texts.

    Args:
        recipe: Names the lines.
        base: Folder that the recipe's relative paths start from.

    Raises:
        LineDataError: If lines are unusable for a reason that the recipe does not skip, or a line of the
            validation set is also a training line.
        RecipeError: If the recipe's network is unknown.
        SpecMismatchError: If the weights to start from are those of another recogniser.
    """
    lines = list(read_lines(base / path for path in recipe.data.train))
    val_lines = list(read_lines(base / path for path in recipe.data.val))
    if shared := {line.id for line in lines} & {line.id for line in val_lines}:
        raise LineDataError(f"{len(shared)} lines are in both train and val, for example {min(shared)!r}")
    if not lines or not val_lines:
        raise LineDataError(f"train has {len(lines)} lines and val {len(val_lines)}; both need at least one")
    charset = Charset.from_texts(line.text for line in lines)
    stride = find(recipe.model).stride
    spec = RecogniserSpec(
        name=recipe.model, version=recipe.version, preprocess=recipe.preprocess, charset=charset, stride=stride
    )

    def audit(some: list[Line]) -> Audit:
        return audit_lines(some, charset=charset, preprocess=recipe.preprocess, stride=stride, skip=recipe.data.skip)

    train = audit(lines)
    training_lines = TrainingLines(train, charset, recipe.preprocess)
    train.inputs.clear()  # float32 copies of what training_lines holds in a quarter of the memory
    start = None if recipe.start is None else _load_start(base / recipe.start, spec)
    return Prepared(spec, training_lines, train, audit(val_lines), digest_lines(lines), start)


def _load_start(path: Path, spec: RecogniserSpec) -> Weights:
    weights = load_weights(path)
    found = weights.spec
    if (found.name, found.preprocess, found.charset) != (spec.name, spec.preprocess, spec.charset):
        raise SpecMismatchError(
            f"{path}: {found.name} with charset {found.charset.digest[:12]} and {found.preprocess}; the recipe and its "
            f"lines make {spec.name} with charset {spec.charset.digest[:12]} and {spec.preprocess}",
            remedy="start from weights of the same network, preprocessing and symbols, or from fresh ones",
        )
    return weights
