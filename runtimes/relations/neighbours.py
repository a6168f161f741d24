"""One line among others: in a batch, in calls one after another, and in sessions side by side it reads the same."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import numpy as np

from inkport.core.errors import InkportError, RuntimeUnavailableError, UsageError
from inkport.core.runtime import Session
from inkport.runtimes.logits import name_fault
from inkport.runtimes.relations.findings import SAME_SHAPE, Array, Findings, Kind, Relation, Sample, Subject, Violation


PASSES = 3
"""How often all lines are run for ``repeat``."""
LOADS = 3
"""Most lines that are the first one of a session: loading can take seconds."""


def _repeat(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run all lines several times over in one session, other shapes in between; every pass must give equal bits."""
    findings, share = Findings(subject.spec), subject.tolerance.batch
    with subject.session() as session:
        first = [findings.run(session, s.image, line=i, case="run 1") for i, s in enumerate(samples)]
        for number in range(2, PASSES + 1):
            case = f"run {number} in one session, compared with run 1"
            for line, sample in enumerate(samples):
                findings.check(session, sample.image, first[line], share, line=line, case=case, exact=True)
    return findings


def _order(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run the lines one by one forwards, backwards and shuffled, in one session; each must read the same."""
    findings = Findings(subject.spec)
    places = list(range(len(samples)))
    shuffled = np.random.default_rng(0).permutation(len(samples)).tolist()
    with subject.session() as session:
        first = [findings.run(session, s.image, line=i, case="in order") for i, s in enumerate(samples)]
        for name, order in (("in reverse order", places[::-1]), ("in shuffled order", shuffled)):
            for before, line in zip([None, *order], order, strict=False):
                after = "first" if before is None else f"after {samples[before].id}"
                earlier = "first" if line == 0 else f"after {samples[line - 1].id}"
                case = f"{name}, {after}, compared with {earlier}"
                findings.check(session, samples[line].image, first[line], SAME_SHAPE, line=line, case=case)
    return findings


def _first_call(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Load a session, run a line twice: it must read the same. The first, the middle and the last line are tried."""
    findings = Findings(subject.spec)
    last = len(samples) - 1
    for line in sorted({0, last // 2, last})[:LOADS]:
        image = samples[line].image
        with subject.session() as session:
            case = "as the first call after loading, compared with the second"
            found = findings.run(session, image, line=line, case=case)
            expected = findings.run(session, image, line=line, case="as the second call after loading")
            if found is not None and expected is not None:
                findings.compare(expected[0], found[0], subject.tolerance.batch, line=line, case=case, image=image)
    return findings


REPEAT = Relation(
    name="repeat",
    claim="A line run again in the same session gives the same bits.",
    fault="gives other logits when a line is run again",
    check=_repeat,
)
ORDER = Relation(
    name="order",
    claim="A line reads the same whatever was read before it: nothing is kept from one line to the next.",
    fault="keeps something of one line for the next",
    check=_order,
)
FIRST_CALL = Relation(
    name="first-call",
    claim="The first call after loading reads like every later one.",
    fault="reads otherwise on the first call after loading",
    check=_first_call,
)


SIZES = (2, 3, 8)
"""Lines per batch."""


def _batch(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Put the lines into batches of several sizes and compare each row with that row alone.

    A batch has one width: its lines take turns in giving it, and the others are cut or padded to it beforehand,
    so that what is compared has one and the same input.
    """
    findings = Findings(subject.spec)
    with subject.session() as session:
        for size in sorted({min(size, len(samples)) for size in SIZES}):
            for number, start in enumerate(range(0, len(samples), size)):
                places = range(start, min(start + size, len(samples)))
                _compare_batch(subject, findings, session, samples, places, turn=number)
    return findings


def _compare_batch(
    subject: Subject, findings: Findings, session: Session, samples: Sequence[Sample], places: range, *, turn: int
) -> None:
    width = samples[places[turn % len(places)]].width
    rows = [subject.fit(samples[place].image, width) for place in places]
    size, batch, share = len(rows), np.concatenate(rows), subject.tolerance.batch
    found = findings.run(session, batch, line=places[0], case=f"in a batch of {size}")
    alone = [findings.run(session, row, line=place, case="alone") for row, place in zip(rows, places, strict=True)]
    if found is None:
        return
    ran = [logits for logits in alone if logits is not None]
    # Faults of a whole batch, as lines in another order, do not show in one row.
    fault = name_fault(found, np.concatenate(ran), share) if len(ran) == size else None
    for row, (place, expected) in enumerate(zip(places, alone, strict=True)):
        if expected is not None:
            case = f"as line {row + 1} of a batch of {size}, compared with the line alone"
            findings.compare(expected[0], found[row], share, line=place, case=case, image=batch, fault=fault)


def _neighbours(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run each line beside blank paper, beside noise and beside another line: it must read the same each time.

    The shapes are the same, so the kernels are, and rounding is no excuse at any precision. A batch of which
    text depends on what is next to it (docling.rs#89, PaddleOCR#6116) shows here and not in ``batch`` if the
    effect is smaller than what rounding may do between batch sizes.
    """
    findings = Findings(subject.spec)
    pre = subject.spec.preprocess
    rng = np.random.default_rng(0)
    with subject.session() as session:
        for line, sample in enumerate(samples):
            blank = subject.fit(sample.image[..., :0], sample.width)
            other = subject.fit(samples[(line + 1) % len(samples)].image, sample.width)
            noise = pre.normalise(rng.random(sample.image.shape).astype(np.float32))
            alone = findings.run(session, np.concatenate([sample.image, blank]), line=line, case="beside blank paper")
            for name, neighbour in (("noise", noise), ("another line", other)):
                case = f"beside {name}, compared with beside blank paper"
                images = np.concatenate([sample.image, neighbour])
                findings.check(session, images, alone, SAME_SHAPE, line=line, case=case)
    return findings


BATCH = Relation(
    name="batch",
    claim="A line in a batch reads like the line alone, in any batch and at any place in it.",
    fault="reads a line otherwise in a batch than alone",
    check=_batch,
)
NEIGHBOURS = Relation(
    name="neighbours",
    claim="What is next to a line in its batch changes nothing about the line.",
    fault="pads with the neighbour, or computes something over the whole batch",
    check=_neighbours,
)


COUNTS = (1, 2, 4)
"""Threads that are tried."""
ROUNDS = 3
"""How often each of two sessions runs all lines while the other one runs, too."""
WAIT_S = 600.0
"""How long one session waits for the other to be ready."""


def _threads(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run the lines with other numbers of threads than the target's own; a number that is refused is no fault."""
    findings = Findings(subject.spec)
    expected = _run_all(subject, findings, samples, subject.threads)
    refused = []
    for threads in (count for count in COUNTS if count != subject.threads):
        try:
            found = _run_all(subject, findings, samples, threads)
        except (UsageError, RuntimeUnavailableError):
            refused.append(str(threads))
        except InkportError as error:
            case = f"opened with {threads} threads"
            findings.add(Violation(kind=Kind.CONTRACT, line=0, case=case, fault=error.message))
        else:
            case = f"with {threads} threads, compared with {subject.threads}"
            _compare_all(subject, findings, samples, expected, list(enumerate(found)), case)
    if refused:
        findings.note = f"refuses {' and '.join(refused)} threads"
    return findings


def _run_all(subject: Subject, findings: Findings, samples: Sequence[Sample], threads: int) -> list[Array | None]:
    with subject.session(threads) as session:
        case = f"with {threads} threads"
        return [findings.run(session, s.image, line=i, case=case) for i, s in enumerate(samples)]


def _concurrent(subject: Subject, samples: Sequence[Sample]) -> Findings:
    """Run two sessions in two threads, one forwards and one backwards, and compare with one of them alone.

    A session belongs to one thread at a time: two threads in one session are not promised, and not tried.
    """
    findings = Findings(subject.spec)
    with ExitStack() as opened:
        sessions = [opened.enter_context(subject.session()) for _ in range(2)]
        alone = [findings.run(sessions[0], s.image, line=i, case="alone") for i, s in enumerate(samples)]
        orders = (list(range(len(samples))), list(range(len(samples)))[::-1])
        # Each thread has findings of its own, so that only the sessions can disturb one another.
        parts = [Findings(subject.spec), Findings(subject.spec)]
        barrier = Barrier(2, timeout=WAIT_S)
        with ThreadPoolExecutor(max_workers=2) as pool:
            runs = [pool.submit(_run_rounds, parts[k], sessions[k], samples, orders[k], barrier) for k in range(2)]
            results = [run.result() for run in runs]
    for number, (part, found) in enumerate(zip(parts, results, strict=True), start=1):
        findings.cases += part.cases
        if part.worst is not None:
            findings.add(part.worst)
        case = f"in session {number} of 2 that run at the same time, compared with one session alone"
        _compare_all(subject, findings, samples, alone, found, case)
    return findings


def _run_rounds(
    findings: Findings, session: Session, samples: Sequence[Sample], order: Sequence[int], barrier: Barrier
) -> list[tuple[int, Array | None]]:
    barrier.wait()
    case = "while another session runs"
    lines = [line for _ in range(ROUNDS) for line in order]
    return [(line, findings.run(session, samples[line].image, line=line, case=case)) for line in lines]


def _compare_all(  # noqa: PLR0917
    subject: Subject,
    findings: Findings,
    samples: Sequence[Sample],
    expected: Sequence[Array | None],
    found: Sequence[tuple[int, Array | None]],
    case: str,
) -> None:
    """Compare the logits of lines, each with its place, with those expected; runs that failed are counted already."""
    for line, logits in found:
        wanted, image = expected[line], samples[line].image
        if wanted is not None and logits is not None:
            findings.compare(wanted[0], logits[0], subject.tolerance.batch, line=line, case=case, image=image)


THREADS = Relation(
    name="threads",
    claim="A line reads the same with any number of threads.",
    fault="reads otherwise with another number of threads",
    check=_threads,
)
CONCURRENT = Relation(
    name="concurrent",
    claim="Two sessions that run at the same time read what each reads alone.",
    fault="lets two sessions disturb each other",
    check=_concurrent,
    attempts=3,
)
