"""The tables and sentences that documents quote from docs/results, each made of its report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any

from measure_package import table as package
from proven_margins import classes, proven

from inkport.benchmarks.report.text import aligned, wrap
from inkport.core.tables import Table


RESULTS = Path(__file__).parents[1] / "docs/results"
LANGUAGES = {"de": "German", "en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "vi": "Vietnamese"}
Report = dict[str, Any]


def report(name: str) -> Report:
    """Return a committed report."""
    found: Report = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table; ``head`` has the names of its columns between bars, a colon after those of numbers."""
    names = head.split(" | ")
    rule = ["--:" if name.endswith(":") else "---" for name in names]
    lines = [[name.removesuffix(":") for name in names], rule, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# What `inkport verify` prints ---------------------------------------------------------------------


def printed(name: str, *, datasets: bool) -> str:
    """Return what `inkport verify` printed for a report, without reasons and rows of targets that were unavailable.

    Args:
        name: Of the report, whose Markdown has the same cells and sentences.
        datasets: Whether the table of data sets is shown, too.
    """
    parts = (RESULTS / f"{name}.md").read_text(encoding="utf-8").split("\n\n")
    head = "\n".join(wrap(_unescaped(part)) for part in parts[1:3])
    notes = next(part for part in parts if part.startswith("- delta:"))
    per_set = parts[parts.index("## Data sets") + 1] if datasets else ""
    shown = [head, _aligned(per_set), _aligned(parts[3])]
    shown.append("\n".join(wrap(_unescaped(note.removeprefix("- "))) for note in notes.split("\n")))
    return "```\n" + "\n\n".join(filter(None, shown)) + "\n```\n"


def _aligned(markdown: str) -> str:
    """Return a Markdown table as aligned text, with the number of unavailable rows in their place."""
    if not markdown:
        return ""
    head, rule, *rows = ([_unescaped(cell) for cell in row.strip("| ").split(" | ")] for row in markdown.split("\n"))
    first, *lines = aligned(Table(tuple(head), tuple(map(tuple, rows)), rule.count("---"))).split("\n")
    shown = [line for line, row in zip(lines, rows, strict=True) if row[1] != "unavailable"]
    left = len(rows) - len(shown)
    more = [f"({left} more rows are unavailable here; the run prints each with its reason and its fix)"] if left else []
    return "\n".join([first, *shown, *more])


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


# The model cards ----------------------------------------------------------------------------------


def rates(name: str) -> str:
    """Return the rates per data set of a model card."""
    targets = _read(report(name))
    fp32, int8 = targets["torch fp32"], targets["onnxruntime int8"]
    rows = []
    for one, other in zip([*fp32["datasets"], fp32], [*int8["datasets"], int8], strict=True):
        first = (one["dataset"], _writers(one)) if "dataset" in one else ("all", "")
        change = f"{100 * other['delta']:+.2f} ({_signed(other['interval'])})"
        cells = (f"{100 * one['cer']:.2f}", f"{100 * other['cer']:.2f}", change, f"{100 * one['wer_htr']:.1f}")
        rows.append((*first, str(one["lines"]), *cells))
    numbers = "lines: | float32 CER %: | int8 CER %: | difference, points: | WER % (punctuation as words):"
    return table(f"data set | writers | {numbers}", rows)


def identity(name: str) -> str:
    """Return which weights a report is about."""
    model = report(name)["model"]
    return f"Version {model['version']}, digest `{model['artifact']['sha256'][:12]}`.\n"


def validation(name: str) -> str:
    """Return how the reference reads the validation lines."""
    read = _read(report(name))["torch fp32"]
    sets = ", ".join(f"{row['dataset']} {100 * row['cer']:.2f} %" for row in read["datasets"])
    return _sentence(f"CER on the {read['lines']} validation lines, float32: {100 * read['cer']:.2f} % ({sets}).")


def speed(name: str) -> str:
    """Return the latency of float32 and int8 in ONNX Runtime."""
    times = {target["name"]: target["latency"] for target in report(name)["targets"]}
    fp32, int8 = times["onnxruntime fp32"], times["onnxruntime int8"]
    return _sentence(
        "One line, one thread, on the machine named in the report: "
        f"float32 in ONNX Runtime {fp32['p50_ms']:.3g} ms (median), int8 {int8['p50_ms']:.3g} ms; "
        f"line by line int8 is {int8['speed_up']:.2f} times faster (median)."
    )


def with_language_model(name: str) -> str:
    """Return what the language model brings, in a sentence."""
    whole, *sets = report(name)["gain"]
    each = ", ".join(f"{row['dataset']} {_beam(row)}" for row in sets)
    return _sentence(
        "With the language model of the package, at the price of a slower decoder, the int8 model reads the test lines "
        f"at {_beam(whole)} ({each})."
    )


def _beam(row: Report) -> str:
    return f"{100 * row['cer_beam']:.2f} % instead of {100 * row['cer_greedy']:.2f} %"


def beside_others() -> str:
    """Return how many times fewer errors the int8 model makes than the recogniser that peers are compared with.

    Raises:
        SystemExit: If the report has no row of that model.
    """
    data, weights = report("peers"), report("lm")["artifact"]["sha256"]
    other = next(peer for peer in data["peers"] if peer["name"] == data["compared_with"])
    cers = {row["dataset"]: row["cer"] for row in other["rows"] if row["dataset"]}
    text = f"Errors of {other['name']} on the same lines, in one run, divided by those of the int8 model: "
    parts = []
    for peer in data["peers"]:
        if peer["sha256"] == weights:
            fewer = ", ".join(f"{row['dataset']} {cers[row['dataset']] / row['cer']:.2f}" for row in _sets(peer))
            how = "with the language model" if peer["lm_sha256"] else "read greedily"
            parts.append(f"{how} {fewer}, in {peer['total_speed_up']:.1f} times less time from image to text")
    if not parts:
        raise SystemExit("peers.json has no row of the int8 model of lm.json: make both of the same weights")
    return _sentence(f"{text}{'; '.join(parts)}.")


def _sets(peer: Report) -> list[Report]:
    return [row for row in peer["rows"] if row["dataset"]]


# The page of results, and experiments -------------------------------------------------------------


def language_model() -> str:
    """Return what the language model gains per data set, and what the beam costs."""
    data = report("lm")
    rows = [
        (
            row["dataset"] or "all",
            _writers(row) if row["dataset"] else "",
            str(row["lines"]),
            f"{100 * row['cer_greedy']:.2f}",
            f"{100 * row['cer_beam']:.2f}",
            _signed(row["interval"]),
        )
        for row in data["gain"]
    ]
    beam, greedy = (data["cost"][decoder]["p50_ms"] for decoder in ("beam", "greedy"))
    return (
        table(
            "data set | writers | lines: | greedy: | with the language model: | 95 % of the difference, points:", rows
        )
        + "\n"
        + _sentence(
            f"alpha {data['lm']['alpha']:g} and beta {data['lm']['beta']:g}, chosen on the validation lines. The beam "
            f"takes {beam:.2f} ms per line (p50, one thread, in Python) where greedy decoding takes {greedy:.2f} ms."
        )
    )


def ports(*names: str, network: bool = True) -> str:
    """Return how the targets of these reports read, each report's after the other's."""
    rows = []
    for data in map(report, names):
        first = (f"{data['model']['name']} {data['model']['version']}",) if network else ()
        for target in data["targets"]:
            cells: tuple[str, ...] = ("-",) * 4
            if read := target["parity"]:
                change = f"{100 * read['delta']:+.2f} ({_signed(read['interval'])})"
                cells = (str(read["lines"]), f"{100 * read['cer']:.2f}", change, str(read["flipped_lines"]))
            rows.append((*first, target["name"], *cells))
    return table(f"{'network | ' * network}target | lines: | CER %: | difference, points: | lines that differ:", rows)


def held_out_fonts() -> str:
    """Return the rates per language on held-out fonts, with how many of the 60 lines were left out."""
    targets = _read(report("synth-languages"))
    pairs = zip(targets["torch fp32"]["datasets"], targets["onnxruntime int8"]["datasets"], strict=True)
    rows = [
        (
            LANGUAGES[one["dataset"].split("-")[1]],
            str(one["lines"]),
            str(60 - one["lines"]),
            f"{100 * one['cer']:.2f}",
            f"{100 * other['cer']:.2f}",
            f"{100 * one['wer_htr']:.1f}",
        )
        for one, other in pairs
    ]
    counts = "lines read: | lines with a symbol outside the charset:"
    return table(f"language | {counts} | float32 CER %: | int8 CER %: | WER % (punctuation as words):", rows)


def forecast() -> str:
    """Return predicted and observed flips."""
    rows = []
    for target in report("margins")["targets"]:
        told = target["forecast"]
        low, high = told["interval"]
        counts = (str(told["observed"]), str(told["fragile_flips"]))
        rows.append((target["name"], f"{told['expected']:.1f}", f"{low:.0f} to {high:.0f}", *counts))
    return table("target | predicted: | 95 % interval: | observed: | in fragile:", rows)


def int8_settings() -> str:
    """Return the experiment on the settings of int8."""
    rows = (
        (
            row["setting"],
            f"{row['relative_error']:.4f}",
            str(row["changed_lines"]),
            f"{100 * row['cer']:.2f}",
            f"{row['bytes'] / 1e6:.2f}",
        )
        for row in report("int8-settings")["rows"]
    )
    return table("setting | relative error of logits: | changed lines: | CER, %: | MB:", rows)


def bench() -> str:
    """Return single-stream latency, the share of the machine's peak, and what the harness costs, per target."""
    rows = []
    for target in report("bench")["targets"]:
        stream = next(row for row in target["scenarios"] if row["scenario"] == "single-stream")
        ratio = target["overhead"]["ratio"]
        shares = " and ".join(f"{100 * point['of_peak']:.0f}" for point in target["efficiency"])
        low, high = (100 * (ratio[key] - 1) for key in ("low", "high"))
        cost = f"{100 * (ratio['value'] - 1):+.2f} ({low:+.2f} to {high:+.2f})"
        p50 = stream["p50_ms"]
        # Inkport 0.1 wrote the interval beside the value.
        p50 = p50["value"] if isinstance(p50, dict) else p50
        rows.append((target["name"], f"{p50:.3g}", shares, cost))
    return table("target | p50 ms: | % of the peak, median and widest line: | time of the harness, %:", rows)


def whole_readers() -> str:
    """Return what a reader in one ONNX graph takes and weighs, beside the network with preparation in Python."""
    rows = []
    for row in report("onnx-app")["rows"]:
        ratio = row["ratio"]
        took = f"{ratio['value']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
        rows.append((row["model"], f"{row['network_bytes'] / 1e6:.2f}", f"{row['app_bytes'] / 1e6:.2f}", took))
    return table("model | network, MB: | whole reader, MB: | time, as a share:", rows)


def whole_preparation() -> str:
    """Return what weights of contributing rows alone save, and what the preparation takes beside Python's."""
    ratios = report("onnx-app")["resampling"]
    rows = [
        (name, f"{ratio['value']:.1f} ({ratio['low']:.1f} to {ratio['high']:.1f})") for name, ratio in ratios.items()
    ]
    return table("preparation alone | ratio of times:", rows)


def _sentence(text: str) -> str:
    return fill(text, 130, break_long_words=False, break_on_hyphens=False) + "\n"


def _read(data: Report) -> dict[str, Report]:
    return {target["name"]: target["parity"] for target in data["targets"]}


def _writers(row: Report) -> str:
    return "seen" if row["seen_writer"] else "unseen"


def _signed(interval: list[float]) -> str:
    low, high = interval
    return f"{100 * low:+.2f} to {100 * high:+.2f}"


BLOCKS: dict[str, Callable[[], str]] = {
    "demo": partial(printed, "verify-samples", datasets=False),
    "verify-samples": partial(printed, "verify-samples", datasets=True),
    "verify-test": partial(printed, "verify-test", datasets=False),
    "tiny-identity": partial(identity, "verify-test"),
    "tiny-validation": partial(validation, "verify-val"),
    "tiny-rates": partial(rates, "verify-test"),
    "tiny-speed": partial(speed, "verify-test"),
    "tiny-lm": partial(with_language_model, "lm"),
    "tiny-peers": beside_others,
    "small-rates": partial(rates, "verify-small"),
    "small-speed": partial(speed, "verify-small"),
    "small-lm": partial(with_language_model, "lm-small"),
    "proven": lambda: proven(report("verify-test")),
    "proven-classes": lambda: classes(report("verify-test")),
    "lm": language_model,
    "lm-runtimes": partial(ports, "verify-lm", network=False),
    "held-out-fonts": held_out_fonts,
    "forecast": forecast,
    "int8-settings": int8_settings,
    "bench": bench,
    "onnx-app": whole_readers,
    "onnx-app-preparation": whole_preparation,
    "package": lambda: package(report("package")),
    "finder": lambda: (RESULTS / "finder.md").read_text(encoding="utf-8"),
    "baselines": partial(ports, "baseline-crnn", "baseline-htr-vt"),
    "ppocr": partial(ports, "ppocr", network=False),
    "larger-members": partial(ports, "ports-small", "ports-base"),
}
"""What makes each block."""
