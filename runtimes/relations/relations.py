"""All relations, in the order in which they are tried: a session that is not deterministic breaks all the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inkport.core.errors import InkportError, failure_of
from inkport.runtimes.relations.findings import Findings, Kind, Relation, Sample, Subject, Violation
from inkport.runtimes.relations.neighbours import BATCH, CONCURRENT, FIRST_CALL, NEIGHBOURS, ORDER, REPEAT, THREADS
from inkport.runtimes.relations.widths import PADDING, WIDTH


RELATIONS = (REPEAT, ORDER, FIRST_CALL, BATCH, NEIGHBOURS, WIDTH, PADDING, THREADS, CONCURRENT)
"""Every relation."""


def guarded(relation: Relation) -> Relation:
    """Return the relation with a check that never raises: what a vendor's code raises is a violation of its own."""

    def check(subject: Subject, samples: Sequence[Sample]) -> Findings:
        try:
            return relation.check(subject, samples)
        except BaseException as error:  # noqa: BLE001 - a vendor's code must not stop the other relations
            failure = failure_of(error)
            findings = Findings(subject.spec, cases=1)
            fault = failure.message if isinstance(failure, InkportError) else repr(failure)
            findings.add(Violation(kind=Kind.CONTRACT, line=0, case="opening or closing a session", fault=fault))
            return findings

    return replace(relation, check=check)
