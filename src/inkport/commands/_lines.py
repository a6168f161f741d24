"""Options that take line sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from inkport.commands._model import names_model
from inkport.commands._options import NAME_IT_FIRST, refuse_impossible_numbers
from inkport.core.errors import UsageError


def refuse_models(hint: object, value: Any) -> None:
    """Refuse a model among line sets: the option has swallowed it.

    Raises:
        UsageError: If there is one.
    """
    refuse_impossible_numbers(hint, value)
    if swallowed := next((path for path in value or () if names_model(path)), None):
        raise UsageError(f"{swallowed} is a model, and an option for lines has taken it", remedy=NAME_IT_FIRST)


LineSets = Annotated[tuple[Path, ...], Parameter(consume_multiple=True, validator=refuse_models)]
"""Line sets: Parquet files, TSV manifests, folders, descriptions."""
