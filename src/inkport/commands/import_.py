"""``inkport import``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from inkport.commands._options import OutArtifact, Skip
from inkport.commands._output import warn
from inkport.commands._request import problems_of
from inkport.core.config import to_plain
from inkport.core.console import json_for_stdout, results, results_only
from inkport.core.errors import EXIT_OK, EXIT_REGRESSED, needing
from inkport.lines.line import Line
from inkport.lines.source import read_lines


if TYPE_CHECKING:
    from inkport.core.artifact import Artifact
    from inkport.export.import_.expect import Explanation
    from inkport.export.import_.importer import Import


@results_only()
def import_(
    model: Path,
    *,
    out: OutArtifact,
    like: str | None = None,
    charset: Path | None = None,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", consume_multiple=True)] = (),
    lines: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    skip: Skip = "",
    expect: Path | None = None,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Bring a recogniser that inkport did not train: leave its ONNX file as it is, and describe the rest.

    Prints every setting with its value and where it comes from: the command line, the file, what the network did when
    it was run, the preset, or an assumption. Exit code 1: with --expect, some lines are read differently; the setting
    that explains it is named. docs/import.md has a tutorial, docs/schema.md all settings.

    Args:
        model: An ONNX file, or a folder with one and the config.json of docTR or OnnxTR, or the inference.yml of
            PaddleOCR.
        out: The artifact's folder; replaced if it is one.
        like: How lines are prepared: paddle-rec, doctr, easyocr, dtrb or plain; what the folder's configuration says
            if left out, and plain for a bare file.
        charset: The symbols, one per line in the order of the network's classes, or a JSON list.
        set_: Settings, as KEY=VALUE: `--set mean=0.5 std=0.5 channels=bgr`.
        lines: Lines to run it on: Parquet files, TSV manifests, folders.
        skip: Problems of lines that are left out; only bad-image matters here.
        expect: What your own pipeline made of the lines: a .tsv of id, tab, text; or an .npz of scores by id.
        json_: Print JSON instead of the table.
    """
    with needing("importing a model", extra="import"):
        from inkport.export.import_.importer import examine, write_import
        from inkport.export.import_.settings import parse_settings

        problems_of(skip)
        given = parse_settings(set_)
        known: list[Line] = list(read_lines(lines))
        found = examine(model, like=like, charset=charset, given=given, lines=known)
        explained = None if expect is None else _compare(found, expect, known)
    checked = None if explained is None else to_plain(explained)
    artifact = write_import(found, out, checked=checked)
    text = _json(found, artifact, explained) if json_ else _table(found, artifact, explained)
    results().write(text)
    results().flush()
    if found.assumed:
        warn(f"nobody said, and the file does not tell: {', '.join(found.assumed)}; change it with --set KEY=VALUE")
    return EXIT_REGRESSED if explained is not None and explained.differing else EXIT_OK


def _compare(found: Import, expect: Path, lines: list[Line]) -> Explanation:
    from inkport.export.import_.expect import explain, read_expectations
    from inkport.export.import_.onnx_file import Network

    def progress(text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}")

    expectations = read_expectations(expect, lines)
    explained = explain(expectations, found.spec, Network(found.file.path), progress=progress)
    progress("")
    return explained


def _json(found: Import, artifact: Artifact, explained: Explanation | None) -> str:
    record = {
        "artifact": {"path": str(artifact.path), "sha256": artifact.digest},
        **found.record(),
        "expectation": None if explained is None else to_plain(explained),
    }
    return json_for_stdout(json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def _table(found: Import, artifact: Artifact, explained: Explanation | None) -> str:
    shown = sorted(found.settings.items(), key=lambda item: item[1].origin)
    size = max(len(key) for key, _ in shown)
    rows = [f"{key:<{size}}  {setting.origin:<7}  {_short(setting.value)}" for key, setting in shown]
    said = [] if explained is None else ["", *_said(explained)]
    notes = [f"note: {note}" for note in found.notes]
    return "\n".join([f"{artifact.path}  {artifact.precision}  {artifact.digest}", "", *rows, "", *notes, *said, ""])


def _short(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _said(explained: Explanation) -> list[str]:
    """Return what came of an expectation, in lines of text."""
    if not explained.differing:
        return [f"expectation: 0 of {explained.lines} lines differ"]
    said = [f"expectation: {explained.differing} of {explained.lines} lines differ"]
    said += [f"  {name}: expected {wanted!r}, read {read!r}" for name, wanted, read in explained.examples]
    if not explained.settings:
        return [*said, f"explained by no neighbouring setting alone (tried on {explained.tried} lines)"]
    left = f"{explained.remaining} of the {explained.tried} lines tried differ with it"
    return [*said, f"explained by: {'; '.join(explained.settings)}", f"  {left}; import again with --set"]
