"""Core ML packages: written so that equal inputs make them equal, and as functions to compare with."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.adapter import plain_name
from inkport.core.spec import RecogniserSpec
from inkport.export.agreement import Forward
from inkport.export.quiet_converter import failing
from inkport.runtimes.mil.program import Evaluator
from inkport.runtimes.mlpackage import quiet, run_by_line


DATE = "com.github.apple.coremltools.conversion_date"
"""Key of the metadata that changes from day to day."""


@contextmanager
def converting(stage: str, source: Path) -> Iterator[None]:
    """Run coremltools quietly; arguments and errors are those of ``failing``."""
    with failing(stage, source), quiet():
        yield


def save_package(model: Any, path: Path) -> None:
    """Save a package, then take out of it what differs between two runs of the same conversion.

    Those are the random identifiers in ``Manifest.json``, the date, and the order of protobuf's maps.

    Args:
        model: A ``coremltools.models.MLModel`` of type mlprogram.
        path: The ``.mlpackage`` to write.
    """
    with quiet():
        model.save(str(path))
    _fix_identifiers(path / "Manifest.json")
    _fix_program(path / "Data" / "com.apple.CoreML" / "model.mlmodel")


def _fix_identifiers(file: Path) -> None:
    manifest = json.loads(file.read_text(encoding="utf-8"))
    names = {
        key: str(uuid.uuid5(uuid.NAMESPACE_URL, item["path"])) for key, item in manifest["itemInfoEntries"].items()
    }
    manifest["itemInfoEntries"] = {names[key]: item for key, item in manifest["itemInfoEntries"].items()}
    manifest["rootModelIdentifier"] = names[manifest["rootModelIdentifier"]]
    file.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _fix_program(file: Path) -> None:
    from coremltools.proto import Model_pb2

    model = Model_pb2.Model()
    model.ParseFromString(file.read_bytes())
    model.description.metadata.userDefined.pop(DATE, None)
    file.write_bytes(model.SerializeToString(deterministic=True))


def package_forward(evaluator: Evaluator, spec: RecogniserSpec) -> Forward:
    """Return what a package computes, by the reference evaluator, as a function from images to logits."""

    def run(line: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return evaluator.run(line)[plain_name(spec.output.name)]

    return lambda images: run_by_line(images, spec, evaluator.widths, run)


def compared_spec(spec: RecogniserSpec, evaluator: Evaluator) -> RecogniserSpec:
    """Return the recogniser with no width above those that the package takes, for ``require_agreement``."""
    return replace(spec, preprocess=replace(spec.preprocess, max_width=evaluator.widths.widest))
