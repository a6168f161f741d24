"""``inkport lm build``, ``tokens``, ``pack``, ``tune`` and ``measure``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from inkport.benchmarks.run.environment import read_environment
from inkport.benchmarks.run.fusion import (
    Logits,
    Trial,
    measure_cost,
    measure_gain,
    read_logits,
    tune as choose,
    with_digests,
)
from inkport.benchmarks.run.progress import shown_progress
from inkport.commands._lines import LineSets
from inkport.commands._model import resolve_model
from inkport.commands._options import Most, OutFile, Skip, Threads, say_skipped
from inkport.commands._output import deliver
from inkport.commands._request import (
    audit_sources,
    first_lines,
    problems_of,
    refuse_lm_lines,
    refuse_made_by,
    refuse_tuning,
)
from inkport.core.artifact import Artifact, bundled_artifacts, find_lm
from inkport.core.beam import BeamDecoder
from inkport.core.charset import Charset
from inkport.core.config import to_plain
from inkport.core.console import results_only
from inkport.core.ctc import greedy
from inkport.core.errors import LineDataError, UsageError
from inkport.core.files import require_file, sha256_file, write_atomically
from inkport.core.lm.arpa import arpa_digests, read_arpa, to_tokens, write_arpa
from inkport.core.lm.estimate import as_lines, estimate, in_charset
from inkport.core.lm.files import (
    Fusion,
    fusion_path,
    is_arpa,
    load_fusion,
    load_model,
    read_fusions,
    save_fusion,
    save_trie,
)
from inkport.core.lm.model import build_trie
from inkport.core.registry import choose_runtime, open_session
from inkport.core.runtime import SessionOptions
from inkport.lines.audit import Audit, find_right_to_left, refuse
from inkport.lines.line import Line, digest_lines
from inkport.lines.problem import Finding
from inkport.lines.roles import Role, name_lines, record_digests, record_lines, refuse_test_lines
from inkport.lines.source import read_lines, source_name


lm = App(name="lm", help="Build a character language model, choose its weights, measure its gain and cost.")

Paths = Annotated[tuple[Path, ...], Parameter(consume_multiple=True)]


@lm.command
def build(
    model: str | None = None,
    /,
    *,
    out: OutFile,
    text: Paths = (),
    lines: LineSets = (),
    order: int = 6,
    prune: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (0, 0, 0, 1),
    width: int = 50,
    skip: Skip = "",
) -> None:
    """Estimate a language model on text and transcriptions, in the charset of a recogniser.

    Args:
        model: The recogniser: a weights file, an artifact's directory, or the name of a shipped model; the shipped
            one if left out.
        out: The file: .npz to decode with, .arpa or .arpa.gz for other tools.
        text: UTF-8 text files, one paragraph per line.
        lines: Line sets whose transcriptions are used: lines of training, never those of validation or test.
        order: Length of the longest n-grams.
        prune: Counts up to which n-grams are dropped, by length from 1; the last holds for all longer ones.
        width: Symbols per line that text is cut into.
        skip: Problems whose lines are left out; only right-to-left can be found here, since no image is looked at.
    """
    charset = resolve_model(model).spec.charset
    digests: set[str] = set()
    ngrams = estimate(_texts(text, lines, charset, width, skip, seen=digests), order=order, prune=prune)
    record = record_digests({Role.TEXT: digests})
    if is_arpa(out):
        write_arpa(out, ngrams, line_digests=record)
    else:
        save_trie(out, build_trie(ngrams, charset), line_digests=record)
    if ngrams.order < order:
        sys.stderr.write(f"order {ngrams.order}, not {order}: the text is so short that no longer n-gram is left\n")
    counts = ", ".join(str(len(level.keys)) for level in ngrams.levels)
    sys.stdout.write(f"{out}: order {ngrams.order}, n-grams by length {counts}, {out.stat().st_size / 1e6:.2f} MB\n")


@lm.command
def tokens(
    model: str | None = None, /, *, text: Paths = (), lines: LineSets = (), width: int = 50, skip: Skip = ""
) -> None:
    """Print what `build` estimates on, as tokens for another toolkit (KenLM, SRILM); see `pack`.

    Args:
        model: As in `build`.
        text: As in `build`.
        lines: As in `build`.
        width: As in `build`.
        skip: As in `build`.
    """
    for line in _texts(text, lines, resolve_model(model).spec.charset, width, skip):
        sys.stdout.write(to_tokens(line) + "\n")


@lm.command
def pack(arpa: Path, model: str | None = None, /, *, out: OutFile) -> None:
    """Make an ARPA file of any toolkit into a small one to decode with.

    Args:
        arpa: The ARPA file; its tokens are single symbols, and <space>.
        model: The recogniser, as in `build`.
        out: The .npz file.
    """
    save_trie(out, build_trie(read_arpa(arpa), resolve_model(model).spec.charset), line_digests=arpa_digests(arpa))
    sys.stdout.write(f"{out}: {out.stat().st_size / 1e6:.2f} MB\n")


@lm.command
@results_only()
def tune(
    model: str | None = None,
    /,
    *,
    lm: Path,
    lines: LineSets,
    runtime: str | None = None,
    beam: int = Fusion.beam,
    most_lines: Most = 0,
    skip: Skip = "",
    threads: Threads = 1,
) -> int:
    """Choose the language model's weights by the CER on validation lines, and write them beside it.

    Args:
        model: What reads the lines; the shipped int8 artifact if left out.
        lm: The language model.
        lines: Line sets of validation; never those that a result is reported on.
        runtime: Name of a runtime; the first that opens the model if left out.
        beam: Maximum number of prefixes kept per frame.
        most_lines: Maximum number of lines per line set (the first ones); 0 for all.
        skip: Problems whose lines are left out and counted, instead of refused.
        threads: Threads for the computation.
    """
    artifact = _artifact(model)
    charset = artifact.spec.charset
    language = load_model(lm, charset)
    # Weights of before that cannot be read, and so not be kept, are better found out before the work than after it, and
    # so is a folder that cannot be written to.
    read_fusions(lm)
    require_file(fusion_path(lm))
    audit = first_lines(audit_sources(artifact, lines, problems_of(skip)), most_lines)
    _check_tuning(audit.lines, lm, artifact)
    chosen_runtime = choose_runtime(artifact) if runtime is None else runtime
    logits = _logits(artifact, chosen_runtime, threads, audit)
    fusion, trials = choose(language, logits, audit.lines, charset, beam=beam)
    tuned = replace(
        with_digests(fusion, sha256_file(lm), artifact), line_digests=record_lines({Role.TUNING: audit.lines})
    )
    return deliver(_table(trials, fusion, len(audit.lines)), files=lambda: save_fusion(lm, tuned))


@lm.command
@results_only()
def measure(
    model: str | None = None,
    /,
    *,
    lm: Path,
    lines: LineSets,
    out: OutFile = Path("out/lm.json"),
    runtime: str | None = None,
    most_lines: Most = 0,
    skip: Skip = "",
    threads: Threads = 1,
) -> int:
    """Measure what the language model gains in CER per line set, and what it costs in time, beside greedy decoding.

    Times count on an otherwise idle machine.

    Args:
        model: What reads the lines; the shipped int8 artifact if left out.
        lm: The language model: fr-en, which comes with inkport, or a file with its weights beside it.
        lines: Line sets.
        out: The report, in JSON.
        runtime: Name of a runtime; the first that opens the model if left out.
        most_lines: Maximum number of lines per line set (the first ones); 0 for all.
        skip: Problems whose lines are left out and counted, instead of refused.
        threads: Threads for the computation.
    """
    artifact = _artifact(model)
    charset = artifact.spec.charset
    lm = find_lm(lm)
    fusion = load_fusion(lm, charset, root=artifact.root)
    decode = BeamDecoder(load_model(lm, charset), fusion)
    audit = first_lines(audit_sources(artifact, lines, problems_of(skip)), most_lines)
    refuse_made_by(audit.lines, [artifact])
    refuse_lm_lines(audit.lines, lm, artifact)
    chosen_runtime = choose_runtime(artifact) if runtime is None else runtime
    logits = _logits(artifact, chosen_runtime, threads, audit)
    gains = measure_gain(decode, logits, audit.lines, charset)
    report = {
        "model": {"name": artifact.spec.name, "version": artifact.spec.version, "root": artifact.root},
        "artifact": {"sha256": artifact.digest, "format": artifact.format, "precision": str(artifact.precision)},
        "runtime": chosen_runtime,
        "lm": {"sha256": sha256_file(lm), "bytes": lm.stat().st_size, **to_plain(fusion)},
        "data": {"sources": [source_name(path) for path in lines], "sha256": digest_lines(audit.lines)},
        "environment": to_plain(read_environment(threads=threads)),
        "gain": [to_plain(gain) for gain in gains],
        "cost": to_plain(measure_cost({"greedy": greedy, "beam": decode}, logits, charset)),
    }
    rows = "".join(
        f"{gain.dataset or 'all':14s} {'seen' if gain.seen_writer else 'unseen':6s} {gain.lines:5d} lines  "
        f"greedy {gain.cer_greedy:7.2%}  beam {gain.cer_beam:7.2%}  "
        f"{_limits(gain.interval)}  {gain.changed_lines} changed\n"
        for gain in gains
    )
    document = json.dumps(report, ensure_ascii=False, indent=1) + "\n"
    return deliver(rows, files=lambda: write_atomically(out, document), where=str(out))


def _limits(interval: tuple[float, float] | None) -> str:
    return "too few writers" if interval is None else f"{100 * interval[0]:+.2f}..{100 * interval[1]:+.2f}"


def _artifact(model: str | None) -> Artifact:
    return bundled_artifacts()[0] if model is None else resolve_model(model)


def _logits(artifact: Artifact, runtime: str, threads: int, audit: Audit) -> list[Logits]:
    options = SessionOptions(threads=threads)
    session = open_session(artifact, runtime=runtime, device="cpu", options=options)
    with session, shown_progress() as progress:
        return read_logits(session, audit, progress=progress)


def _check_tuning(lines: Sequence[Line], lm: Path, artifact: Artifact) -> None:
    """Refuse lines for testing, and those that made the language model or the recogniser: both know them too well."""
    list(refuse_test_lines(lines, purpose="lm tune"))
    refuse_lm_lines(lines, lm)
    refuse_tuning(lines, artifact, name=str(artifact.path))


def _texts(
    text: Sequence[Path],
    lines: Sequence[Path],
    charset: Charset,
    width: int,
    skip: str,
    *,
    seen: set[str] | None = None,
) -> Iterator[str]:
    """Yield the lines to estimate on; ``seen`` gets the digests of those that are of line sets."""
    problems = problems_of(skip)
    if width < 1:
        raise UsageError(f"width must be at least 1, found {width}")
    for path in text:
        try:
            content = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise LineDataError(f"{path}: cannot be read as UTF-8 text ({error})", remedy="pass a text file") from error
        yield from as_lines(content.splitlines(), charset, width=width)
    found = refuse_test_lines(read_lines(lines), purpose="language model")
    findings: list[Finding] = []
    for line in _left_to_right(found, findings):
        for known in in_charset([line.text], charset):
            if seen is not None:
                seen.update(name_lines([line]))
            yield known
    refuse(findings, skip=problems, found="a language model is read along the frames")
    say_skipped(findings)


def _left_to_right(lines: Iterable[Line], findings: list[Finding]) -> Iterator[Line]:
    for line in lines:
        if finding := find_right_to_left(line):
            findings.append(finding)
        else:
            yield line


def _table(trials: Sequence[Trial], fusion: Fusion, lines: int) -> str:
    ranked = sorted(trials, key=lambda trial: (trial.alpha, trial.beta))
    rows = "".join(f"{trial.alpha:6.2f} {trial.beta:7.3f} {trial.cer:8.3%}\n" for trial in ranked)
    return f" alpha    beta  CER on {lines} lines\n{rows}chosen: alpha {fusion.alpha:g}, beta {fusion.beta:g}\n"
