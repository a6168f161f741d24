"""Reading a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from inkport.core.errors import RecipeError


def read_table(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        RecipeError: If it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: not valid TOML ({error})") from error
