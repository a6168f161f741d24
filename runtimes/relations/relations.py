"""All relations, in the order in which they are tried: a session that is not deterministic breaks all the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inkport.core.errors import InkportError
from inkport.core.foreign import failure_of
from inkport.runtimes.relations.batches import BATCH, NEIGHBOURS
from inkport.runtimes.relations.calls import FIRST_CALL, ORDER, REPEAT
from inkport.runtimes.relations.findings import Findings, Kind, Relation, Violation
from inkport.runtimes.relations.sessions import CONCURRENT, THREADS
from inkport.runtimes.relations.subject import Sample, Subject
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
