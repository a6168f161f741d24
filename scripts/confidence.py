"""Measure what a recogniser's confidence is worth, and how often `inkport read` warns rightly and wrongly.

python scripts/confidence.py --val data/lines/val-*.parquet --test data/lines/test-*.parquet

Writes docs/results/confidence.json and .md: for each model a reliability table and the expected calibration error on
the test lines, of symbols and of lines; how many val and test lines are doubted, by kind of doubt; how many val lines
are found when they are inverted, turned or stacked; and the CER of val lines that are made lower or higher.

A symbol is right if a shortest edit script from the line's text to what was read leaves it alone. A line's share of
right symbols is compared with its confidence. The expected calibration error is the mean distance between both over ten
bins of equal width, weighted by what is in them (Guo et al., *On Calibration of Modern Neural Networks*, 2017).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from inkport.benchmarks.measure.edits import edit_script
from inkport.commands._model import resolve_model
from inkport.commands._reader import choose_artifact
from inkport.core.artifact import Artifact
from inkport.core.charset import normalise_text
from inkport.core.doubts import UNSURE
from inkport.core.errors import ImageError
from inkport.core.files import write_atomically
from inkport.core.line_reading import Reading
from inkport.core.metrics import cer
from inkport.core.recogniser import Recogniser
from inkport.core.registry import open_session
from inkport.core.scratch import scratch
from inkport.core.target import Precision
from inkport.export.plan import build
from inkport.lines.line import Line
from inkport.lines.source import read_lines


BINS = 10
"""Bins of equal width."""
HEIGHTS = (12, 16, 20, 24, 28, 32, 48, 64, 128, 256, 512)
"""Heights in pixels that every ``EVERY``-th val line is brought to."""
EVERY = 3
OUT = Path(__file__).parents[1] / "docs" / "results"
MADE = (
    "Made by `scripts/confidence.py` on {val} val and {test} test lines of real handwriting, in ONNX Runtime. "
    "The words are defined in [reading](../reading.md)."
)
Gray = npt.NDArray[np.float32]


def main() -> None:
    """Measure the shipped models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--val", type=Path, nargs="+", required=True)
    parser.add_argument("--test", type=Path, nargs="+", required=True)
    given = parser.parse_args()
    val, test = list(read_lines(given.val)), list(read_lines(given.test))
    with scratch("confidence") as work:
        fp32 = build(resolve_model("convtext-tiny"), format="onnx", precision=Precision.FP32, work=work)
        int8 = (choose_artifact(name, runtime="onnxruntime") for name in ("convtext-tiny-int8", "convtext-small-int8"))
        models = [measure(artifact, val, test) for artifact in (fp32, *int8)]
    document = {
        "threshold": UNSURE,
        "val": {"lines": len(val), "sets": [path.name for path in given.val]},
        "test": {"lines": len(test), "sets": [path.name for path in given.test]},
        "models": models,
    }
    write_atomically(OUT / "confidence.json", json.dumps(document, indent=1) + "\n")
    write_atomically(OUT / "confidence.md", render(document))


def measure(artifact: Artifact, val: Sequence[Line], test: Sequence[Line]) -> dict[str, Any]:
    """Return everything about one artifact."""
    name = f"{artifact.spec.name} {artifact.spec.version} {artifact.precision}"
    sys.stderr.write(f"{name}\n")
    with Recogniser(artifact.spec, open_session(artifact, runtime="onnxruntime"), artifact=artifact) as recogniser:
        on_val = [recogniser.read(line.gray()) for line in val]
        on_test = [recogniser.read(line.gray()) for line in test]
        changed = {
            "inverted": (1 - line.gray() for line in val),
            "upside down": (line.gray()[::-1, ::-1] for line in val),
            "two lines": stacked(val, 2),
            "three lines": stacked(val, 3),
        }
        return {
            "name": name,
            "sha256": artifact.digest,
            "confidence_of_val": {
                str(share): round(float(np.quantile([r.confidence or 0 for r in on_val], share)), 4)
                for share in (0.01, 0.02, 0.05, 0.5)
            },
            "reliability": reliability(test, on_test),
            "doubted": {"val": doubted(val, on_val), "test": doubted(test, on_test)},
            "found": {kind: found(recogniser, images) for kind, images in changed.items()},
            "heights": [height_row(recogniser, val[::EVERY], height) for height in HEIGHTS],
        }


def reliability(lines: Sequence[Line], readings: Sequence[Reading]) -> dict[str, Any]:
    """Return the tables of symbols and of lines."""
    symbols: list[tuple[float, float]] = []
    whole: list[tuple[float, float]] = []
    for line, reading in zip(lines, readings, strict=True):
        if reading.confidence is not None:
            wrong = {step.after for step in edit_script(normalise_text(line.text), reading.text)}
            right = [float(index not in wrong) for index in range(len(reading.symbols))]
            symbols += zip([symbol.confidence for symbol in reading.symbols], right, strict=True)
            whole.append((reading.confidence, float(np.mean(right))))
    return {"symbols": binned(symbols), "lines": binned(whole)}


def binned(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return the table of pairs of confidence and share that is right, and the expected calibration error."""
    sure, right = np.asarray(pairs).T
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    rows = [
        {
            "from": number / BINS,
            "to": (number + 1) / BINS,
            "count": int((bins == number).sum()),
            "confidence": round(float(sure[bins == number].mean()), 4),
            "right": round(float(right[bins == number].mean()), 4),
        }
        for number in np.unique(bins).tolist()
    ]
    error = sum(row["count"] * abs(row["right"] - row["confidence"]) for row in rows) / len(pairs)
    return {"count": len(pairs), "expected_calibration_error": round(float(error), 4), "bins": rows}


def doubted(lines: Sequence[Line], readings: Sequence[Reading]) -> dict[str, Any]:
    """Return how many lines were doubted, by kind, and the CER of these and of the others."""
    kinds = Counter(str(doubt.kind) for reading in readings for doubt in reading.warnings)
    parts: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
    for line, reading in zip(lines, readings, strict=True):
        parts[bool(reading.warnings)].append((line.text, reading.text))
    rates = {
        "cer_of_doubted" if was else "cer_of_others": round(cer(*zip(*pairs, strict=True)).rate, 4)
        for was, pairs in parts.items()
        if pairs
    }
    return {"lines": len(lines), "doubted": len(parts[True]), "kinds": dict(sorted(kinds.items())), **rates}


def found(recogniser: Recogniser, images: Iterable[Gray]) -> dict[str, Any]:
    """Return how many images were doubted at all, and by kind; those that are refused count apart."""
    kinds: Counter[str] = Counter()
    count = warned = refused = 0
    for image in images:
        count += 1
        try:
            warnings = recogniser.read(image).warnings
        except ImageError:
            refused += 1
            continue
        warned += bool(warnings)
        kinds.update(str(doubt.kind) for doubt in warnings)
    return {"images": count, "refused": refused, "doubted": warned, "kinds": dict(sorted(kinds.items()))}


def stacked(lines: Sequence[Line], count: int) -> Iterator[Gray]:
    """Yield images of ``count`` lines that follow one another, below one another, on paper of the first."""
    for start in range(0, len(lines) - count + 1, count):
        grays = [line.gray() for line in lines[start : start + count]]
        width = max(gray.shape[1] for gray in grays)
        paper = float(np.median(grays[0]))
        fill: Callable[..., Gray] = partial(np.pad, constant_values=paper)
        yield np.concatenate([fill(gray, ((0, 0), (0, width - gray.shape[1]))) for gray in grays])


def height_row(recogniser: Recogniser, lines: Sequence[Line], height: int) -> dict[str, Any]:
    """Return the CER of lines that are brought to one height, and how many are doubted."""
    read = [(line, recogniser.read(resized(line.gray(), height))) for line in lines]
    rate = cer([line.text for line, _ in read], [reading.text for _, reading in read]).rate
    doubts = sum(bool(reading.warnings) for _, reading in read)
    return {"height_px": height, "lines": len(read), "cer": round(rate, 4), "doubted": doubts}


def resized(gray: Gray, height: int) -> Gray:
    """Return the image at another height, averaged where it is lower."""
    width = max(8, round(gray.shape[1] * height / gray.shape[0]))
    way = Image.Resampling.BOX if height < gray.shape[0] else Image.Resampling.BICUBIC
    image = Image.fromarray(np.rint(gray * 255).astype(np.uint8)).resize((width, height), way)
    return np.asarray(image, np.float32) / np.float32(255)


def render(document: dict[str, Any]) -> str:
    """Return the page."""
    val, test, models = document["val"]["lines"], document["test"]["lines"], document["models"]
    parts = [
        "# Confidence, measured",
        MADE.format(val=val, test=test),
        "## Expected calibration error on the test lines",
        table(
            ("model", "symbols", "ECE of symbols", "lines", "ECE of lines"),
            [(m["name"], *calibration(m, "symbols"), *calibration(m, "lines")) for m in models],
        ),
    ]
    for model in models:
        parts += [f"## Reliability of {model['name']}", bins_table(model, "symbols"), bins_table(model, "lines")]
    return "\n\n".join([*parts, *warnings_of(models)]) + "\n"


def warnings_of(models: Sequence[dict[str, Any]]) -> list[str]:
    """Return the parts of the page about warnings."""
    return [
        "## Warnings about lines that are right",
        "Real lines, each the crop of one line: every warning is a false alarm, but for lines that are read badly.",
        table(
            ("model", "lines", "doubted", "%", "by kind", "CER of doubted %", "CER of others %"),
            [(f"{m['name']}, {s}", *doubted_cells(m["doubted"][s])) for m in models for s in ("val", "test")],
        ),
        "## Images that are wrong",
        "Val lines, changed. *Found* are those with any warning.",
        table(
            ("model", "change", "images", "refused", "found", "% of those read", "by kind"),
            [(m["name"], kind, *found_cells(cell)) for m in models for kind, cell in m["found"].items()],
        ),
        "## Height",
        f"Every {EVERY}rd val line, brought from 64 px to another height.",
        table(
            ("height px", *(f"CER % of {m['name']}" for m in models), f"doubted % by {models[1]['name']}"),
            [height_cells(rows) for rows in zip(*(m["heights"] for m in models), strict=True)],
        ),
    ]


def calibration(model: dict[str, Any], part: str) -> tuple[str, str]:
    """Return the cells of one expected calibration error."""
    found = model["reliability"][part]
    return str(found["count"]), f"{found['expected_calibration_error']:.3f}"


def height_cells(rows: Sequence[dict[str, Any]]) -> tuple[object, ...]:
    """Return the row of one height, from the row of each model."""
    doubts = 100 * rows[1]["doubted"] / rows[1]["lines"]
    return rows[0]["height_px"], *(f"{100 * row['cer']:.1f}" for row in rows), f"{doubts:.0f}"


def bins_table(model: dict[str, Any], part: str) -> str:
    """Return a reliability table."""
    rows = model["reliability"][part]["bins"]
    return table(
        (f"confidence of {part}", part, "mean confidence", "right"),
        [
            (f"{row['from']:.1f} to {row['to']:.1f}", row["count"], f"{row['confidence']:.3f}", f"{row['right']:.3f}")
            for row in rows
        ],
    )


def doubted_cells(cell: dict[str, Any]) -> tuple[object, ...]:
    """Return the cells about lines that are right."""
    rates = (f"{100 * cell[key]:.1f}" for key in ("cer_of_doubted", "cer_of_others"))
    return cell["lines"], cell["doubted"], f"{100 * cell['doubted'] / cell['lines']:.1f}", kinds_cell(cell), *rates


def found_cells(cell: dict[str, Any]) -> tuple[object, ...]:
    """Return the cells about images that are wrong."""
    share = 100 * cell["doubted"] / (cell["images"] - cell["refused"])
    return cell["images"], cell["refused"], cell["doubted"], f"{share:.1f}", kinds_cell(cell)


def kinds_cell(cell: dict[str, Any]) -> str:
    """Return how many of each kind."""
    return ", ".join(f"{kind} {count}" for kind, count in cell["kinds"].items())


def table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    main()
