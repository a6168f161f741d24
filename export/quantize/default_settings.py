"""Whether an artefact was made with a stage's own settings, or with somebody's."""

from __future__ import annotations

from importlib import import_module

from inkport.core.artifact import Artifact
from inkport.core.config import to_plain
from inkport.export.quantize.learned_ranges import KEY, is_learned


def made_as_usual(artifact: Artifact, settings: str, *, facts: tuple[str, ...] = ()) -> bool:
    """Whether the settings that an artefact records are the defaults.

    A setting that is not recorded is newer than the artefact and was at its default; what is recorded beyond the
    settings, such as a corrected bias, makes an artefact that no default makes.

    Args:
        artifact: What a stage made.
        settings: ``module:class`` of the dataclass of the stage's settings, which has a default for each.
        facts: Names of records that are no settings.
    """
    module, _, name = settings.partition(":")
    usual = to_plain(getattr(import_module(module), name)())
    told = {key: value for key, value in artifact.provenance.options.items() if key not in (KEY, *facts)}
    if is_learned(artifact):
        told.pop("ranges", None)
    return all(key in usual and usual[key] == value for key, value in told.items())
