"""One target on its way through a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from inkport.benchmarks.checks.bench.report import BenchTarget, Efficiency, Status
from inkport.benchmarks.measure.width_cost import Curve
from inkport.benchmarks.report.envelope import ArtifactInfo
from inkport.benchmarks.run.environment import without_folders
from inkport.benchmarks.run.machine.fresh import Fresh
from inkport.benchmarks.run.scenarios.figures import Figures
from inkport.benchmarks.run.scenarios.loadgen import LoadGenResult
from inkport.benchmarks.run.scenarios.overhead import Overhead
from inkport.benchmarks.run.scenarios.sustained import Drift
from inkport.core.artifact import Artifact
from inkport.core.errors import InkportError, RuntimeUnavailableError
from inkport.core.foreign import failure_of
from inkport.core.runtime import Session
from inkport.core.target import Target


@dataclass
class Row:
    """What is known about a target so far; see ``BenchTarget``."""

    target: Target
    """The target."""
    version: str = ""
    """Version of its runtime's SDK."""
    artifact: Artifact | None = None
    """What it runs."""
    session: Session | None = None
    """Where it runs; absent unless it can go on."""
    status: Status = Status.MEASURED
    """How far it came."""
    reason: str = ""
    """Why not further."""
    fresh: Fresh | None = None
    """Fresh processes."""
    scenarios: list[Figures] = field(default_factory=list)
    """Warm figures."""
    curve: Curve | None = None
    """Time against width."""
    overhead: Overhead | None = None
    """The harness against a bare loop."""
    loadgen: list[LoadGenResult] = field(default_factory=list)
    """Runs under LoadGen."""
    drift: Drift | None = None
    """The sustained run."""

    def fail(self, error: Exception) -> None:
        """Remember why it came no further, and close its session."""
        missing = isinstance(error, RuntimeUnavailableError) or isinstance(error.__cause__, ModuleNotFoundError)
        self.status = Status.UNAVAILABLE if missing and not self.scenarios else Status.FAILED
        sentence = error.message if isinstance(error, InkportError) else repr(error)
        fix = f" (fix: {error.remedy})" if isinstance(error, InkportError) and error.remedy else ""
        self.reason = without_folders(sentence + fix)
        self.close()

    def close(self) -> None:
        """Close the session, if it is open."""
        session, self.session = self.session, None
        if session is not None:
            try:
                session.close()
            except BaseException as error:  # noqa: BLE001 - whatever a vendor's code raises
                if self.status is Status.MEASURED:
                    self.fail(failure_of(error))

    def report(self, efficiency: Sequence[Efficiency]) -> BenchTarget:
        """Return its entry in the report."""
        return BenchTarget(
            name=self.target.name,
            runtime=self.target.runtime,
            runtime_version=self.version,
            device=self.target.device,
            precision=self.target.precision,
            options=self.target.options,
            status=self.status,
            reason=self.reason,
            artifact=ArtifactInfo.of(self.artifact) if self.artifact else None,
            fresh=self.fresh,
            scenarios=tuple(self.scenarios),
            curve=self.curve,
            efficiency=tuple(efficiency),
            overhead=self.overhead,
            loadgen=tuple(self.loadgen),
            drift=self.drift,
        )
