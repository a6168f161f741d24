from __future__ import annotations

import ctypes
import errno
from dataclasses import replace

import numpy as np
import pytest

from inkport.benchmarks.checks.verify import verify
from inkport.benchmarks.run.request import Request, VerifyOptions
from inkport.core.errors import (
    ArtifactCorruptError,
    Ended,
    ExportError,
    LineDataError,
    RuntimeUnavailableError,
    UnknownRuntimeError,
    UsageError,
)
from inkport.core.runtime import Availability, Evidence, Placement
from inkport.core.target import Budget, Precision, Target
from inkport.lines.audit import Audit, audit_lines
from inkport.lines.source import digest_lines


@pytest.fixture
def audit(fake_artifact, fake_lines) -> Audit:
    spec = fake_artifact.spec
    return audit_lines(fake_lines, charset=spec.charset, preprocess=spec.preprocess, stride=spec.stride)


OF_THE_BATCH = 3
"""Runs that show whether a batch is read as its lines are."""
GENEROUS = Budget(cer_margin=0.3)
"""A margin that twelve lines can settle."""


@pytest.fixture
def run(install, fake_runtime, fake_artifact, audit):
    """Verify fake runtimes, one target each, against a faithful reference; ``refused`` have no artifact."""

    def run_harness(
        *runtimes,
        refused=None,
        options=None,
        reference=None,
        lines=audit,
        sample=None,
        budget=GENEROUS,
        target_options=None,
        required=True,
    ):
        def provide(target):
            if target.runtime in (refused or {}):
                raise refused[target.runtime]
            return fake_artifact

        references = [fake_runtime("torch")] if reference is None else reference
        install(*references, *runtimes)
        rows = [
            Target(
                name=f"{r.name} row",
                runtime=r.name,
                precision=Precision.FP32,
                budget=budget,
                options=target_options or {},
                lines=sample,
                required=required,
            )
            for r in runtimes
        ]
        options = options or VerifyOptions(latency_lines=5, resamples=50)
        return verify(
            Request(
                model=fake_artifact, targets=rows, audit=lines, sources=["fake.tsv"], provide=provide, options=options
            )
        )

    return run_harness


def raiser(error):
    def fail(*_):
        raise error

    return fail


def test_a_faithful_port_passes(run, fake_runtime, fake_lines):
    reference, port = fake_runtime("torch"), fake_runtime("port")
    report = run(port, reference=[reference], options=VerifyOptions(latency_lines=5, resamples=50, threads=3))
    (target,) = report.targets
    assert (target.outcome, target.reason, report.exit_code) == ("pass", "", 0)
    assert (target.parity.flipped_lines, target.parity.cer, target.parity.lines) == (0, 0.0, 12)
    assert (target.latency.n, target.latency.speed_up) == (5, None)
    assert (target.artifact.bytes, target.runtime_version) == (5, "1.2")
    assert (report.data.sha256, report.data.lines) == (digest_lines(fake_lines), 12)
    assert (report.reference.runtime, report.reference.note) == ("torch", "")
    assert reference.threads == port.threads == {3}
    assert report.environment.threads == 3


def test_the_references_own_row_is_no_proof(run, fake_runtime):
    reference, port = fake_runtime("torch"), fake_runtime("port")
    own, other = run(reference, port, reference=[]).targets
    assert (own.outcome, other.outcome) == ("reference", "pass")
    assert "compared with itself it proves nothing" in own.reason
    assert own.parity.flipped_lines == 0
    alone = run(fake_runtime("torch"), reference=[])
    assert ([row.outcome for row in alone.targets], alone.exit_code) == (["reference"], 0)


def test_a_reference_that_reads_otherwise_the_second_time_is_judged(run, fake_runtime, faithful):
    opened = []

    def fickle(images):
        return np.roll(faithful(images), 1 if len(opened) > 1 else 0, axis=2)

    (own,) = run(fake_runtime("torch", fickle, on_open=lambda: opened.append(1)), reference=[]).targets
    assert own.outcome == "text-differs"
    assert own.parity.flipped_lines


@pytest.fixture
def cases(fake_runtime, faithful):
    """Runtimes with the outcome each must have and words of its reason."""

    def shifted(images):
        return np.roll(faithful(images), 1, axis=2)

    absent = Availability(ok=False, reason="no SDK", remedy="buy one")
    no_device = RuntimeUnavailableError("no device in /dev/shm/acme/npu0", remedy="plug it in")
    return [
        (fake_runtime("shifted", shifted), "text-differs", "points above the reference's"),
        (fake_runtime("absent", availability=absent), "unavailable", "no SDK (fix: buy one)."),
        (fake_runtime("unplugged", on_open=raiser(no_device)), "unavailable", "no device in npu0 (fix: plug it in)."),
        (fake_runtime("unexported"), "export-failed", "no exporter (fix: write one)."),
        (fake_runtime("toolless"), "unavailable", "onnx is not installed"),
        (fake_runtime("unreadable", on_open=raiser(OSError("bad magic"))), "load-failed", "bad magic"),
        (fake_runtime("corrupt", on_open=raiser(ArtifactCorruptError("torn"))), "load-failed", "torn"),
        (fake_runtime("foreign", formats=("other",)), "load-failed", "opens other"),
        (fake_runtime("crashing", dies_at_call=3), "run-failed", "driver fell over"),
        (
            fake_runtime("misshapen", lambda x: faithful(x)[:, 1:]),
            "run-failed",
            "returns 27 frames, the stride gives 28",
        ),
        (fake_runtime("double", lambda x: faithful(x).astype(float)), "run-failed", "float64"),
        (fake_runtime("nan", lambda x: faithful(x) * np.float32("nan")), "run-failed", "returns NaN or infinity"),
        (fake_runtime("faithful"), "pass", ""),
    ]


def test_every_failure_has_its_outcome_and_stops_no_other(run, cases):
    toolless = ExportError("onnx is not installed")
    toolless.__cause__ = ModuleNotFoundError("onnx")
    refused = {"unexported": ExportError("no exporter", remedy="write one"), "toolless": toolless}
    report = run(*(runtime for runtime, _, _ in cases), refused=refused)
    for target, (runtime, outcome, reason) in zip(report.targets, cases, strict=True):
        assert (target.name, target.outcome) == (f"{runtime.name} row", outcome)
        assert reason in target.reason
        assert (target.parity is not None) == (target.latency is not None) == (outcome in {"pass", "text-differs"})
        assert runtime.closed == runtime.opened
    assert report.exit_code == 1


def test_a_full_disk_is_no_fault_of_a_target(run, fake_runtime):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        run(fake_runtime("port"), refused={"port": full})


def test_a_target_that_breaks_while_timed_has_failed(run, fake_runtime):
    # Twelve lines are read for parity, three more for the cold start.
    broken = fake_runtime("broken", dies_at_call=17)
    report = run(broken, fake_runtime("whole"))
    assert [(t.outcome, t.latency is None) for t in report.targets] == [("run-failed", True), ("pass", False)]
    assert "driver fell over" in report.targets[0].reason
    assert report.targets[0].parity.flipped_lines == 0


def test_unavailable_alone_is_exit_code_3(run, fake_runtime):
    absent = Availability(ok=False, reason="no SDK")
    assert run(fake_runtime("absent", availability=absent), fake_runtime("port")).exit_code == 3


def test_a_probe_that_raises_is_unavailable(run, fake_runtime, monkeypatch):
    vendor = fake_runtime("vendor")
    monkeypatch.setattr(vendor, "probe", raiser(OSError("licence server down")))
    (target,) = run(vendor).targets
    assert target.outcome == "unavailable"
    assert "licence server down" in target.reason


def test_latency_over_budget(run, fake_runtime):
    report = run(fake_runtime("port"), budget=replace(GENEROUS, p90_ms=0.0))
    assert (report.targets[0].outcome, report.exit_code) == ("latency-over-budget", 1)


def test_latency_can_be_left_out(run, fake_runtime):
    port = fake_runtime("port")
    report = run(port, options=VerifyOptions(latency_lines=0, resamples=50))
    assert (report.targets[0].latency, report.host, port.calls) == (None, None, 12 + OF_THE_BATCH)


def test_a_sample_is_read_by_target_and_reference_alike(run, fake_runtime):
    port = fake_runtime("port")
    (target,) = run(port, options=VerifyOptions(latency_lines=0, resamples=50), sample=12).targets
    assert (target.sample, port.calls) == (None, 12 + OF_THE_BATCH)
    port = fake_runtime("port")
    (target,) = run(port, options=VerifyOptions(latency_lines=0, resamples=50), sample=5).targets
    assert (target.sample, target.parity.lines, port.calls) == (5, 5, 5 + OF_THE_BATCH)
    assert (target.outcome, target.parity.flipped_lines) == ("pass", 0)


@pytest.mark.parametrize("evidence", [Evidence.REFERENCE, Evidence.EMULATED])
def test_only_measured_targets_are_timed(run, fake_runtime, evidence):
    availability = Availability(ok=True, version="1", devices=("cpu",), evidence=evidence)
    report = run(fake_runtime("emulator", availability=availability), fake_runtime("port"))
    assert [(t.evidence, t.latency is None) for t in report.targets] == [(evidence, True), ("measured", False)]
    assert report.exit_code == 0


def test_operators_on_another_device_are_no_plain_pass(run, fake_runtime):
    port, split = fake_runtime("port"), fake_runtime("split")
    port.placement = lambda: Placement(wanted="npu", operators={"npu": 9})
    split.placement = lambda: Placement(wanted="npu", operators={"npu": 7, "cpu": 2})
    report = run(port, split)
    assert [t.outcome for t in report.targets] == ["pass", "fell-back"]
    assert "2 of 9 operators ran elsewhere than on npu: 2 on cpu, 7 on npu" in report.targets[1].reason
    assert (report.targets[1].placement.operators, report.exit_code) == ({"npu": 7, "cpu": 2}, 1)


def test_options_reach_the_session_and_threads_override_the_run(run, fake_runtime):
    port = fake_runtime("port")
    (target,) = run(port, target_options={"threads": "2", "cache": "on"}).targets
    assert (port.threads, port.extra, target.options) == ({2}, {"cache": "on"}, {"threads": "2", "cache": "on"})
    (target,) = run(fake_runtime("port"), target_options={"threads": "many"}).targets
    assert (target.outcome, "found 'many'" in target.reason) == ("load-failed", True)


def test_absence_of_what_is_not_required_is_reported_and_forgiven(run, fake_runtime):
    absent = Availability(ok=False, reason="no SDK", remedy="buy one")
    report = run(fake_runtime("absent", availability=absent), fake_runtime("port"), required=False)
    assert [t.outcome for t in report.targets] == ["unavailable", "pass"]
    assert (report.targets[0].evidence, report.exit_code) == (None, 0)


def test_speed_up_refers_to_fp32_onnxruntime(run, fake_runtime):
    report = run(fake_runtime("other"), fake_runtime("onnxruntime"))
    assert report.baseline == "onnxruntime row"
    assert report.targets[1].latency.speed_up == 1.0
    assert report.targets[0].latency.speed_up > 0


def test_onnx_stands_in_where_there_is_no_torch(run, fake_runtime):
    absent = Availability(ok=False, reason="torch not installed", remedy="pip install it")
    report = run(
        fake_runtime("port"), reference=[fake_runtime("torch", availability=absent), fake_runtime("onnxruntime")]
    )
    assert (report.reference.runtime, report.reference.precision) == ("onnxruntime", "fp32")
    assert "stands in" in report.reference.note
    assert "torch not installed" in report.reference.note
    assert report.exit_code == 0


def test_without_any_reference_there_is_no_report(run, fake_runtime):
    absent = Availability(ok=False, reason="torch not installed")
    reference = [fake_runtime("torch", availability=absent), fake_runtime("onnxruntime")]
    refused = {"onnxruntime": ExportError("no exporter leads from onnx int8 to onnx fp32")}
    with pytest.raises(RuntimeUnavailableError, match=r"torch not installed; .*no exporter leads"):
        run(fake_runtime("port"), reference=reference, refused=refused)


def test_a_broken_reference_is_not_replaced_in_silence(run, fake_runtime):
    torch = fake_runtime("torch", on_open=raiser(ArtifactCorruptError("weights torn")))
    with pytest.raises(ArtifactCorruptError, match="weights torn"):
        run(fake_runtime("port"), reference=[torch, fake_runtime("onnxruntime")])


def test_an_unknown_runtime_is_a_wrong_request(install, fake_runtime, fake_artifact, audit):
    torch = fake_runtime("torch")
    install(torch)
    target = Target(name="row", runtime="tensrrt", precision=Precision.FP32)
    request = Request(model=fake_artifact, targets=[target], audit=audit, sources=[], provide=lambda _: fake_artifact)
    with pytest.raises(UnknownRuntimeError, match="'tensrrt' is not registered"):
        verify(request)
    assert torch.calls == 0  # said before anything is spent on it


def test_no_lines_no_report(run, fake_runtime):
    with pytest.raises(LineDataError, match="no usable line"):
        run(fake_runtime("port"), lines=Audit())


@pytest.mark.parametrize("option", [{"threads": 0}, {"latency_lines": -1}, {"resamples": 0}])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(UsageError, match="at least"):
        VerifyOptions(**option)


@pytest.mark.parametrize("how", ["in place", "through the address"])
@pytest.mark.parametrize("first", [True, False])
def test_a_runtime_that_writes_into_its_input_fails_itself_and_not_its_neighbour(
    run, fake_runtime, faithful, how, first
):
    def write(images):
        if how == "in place":
            images *= np.float32(0.5)
        logits = faithful(images)
        # As an engine in C does, which no flag of numpy's holds back.
        ctypes.memset(images.ctypes.data, 0, images.nbytes)
        return logits

    culprit, neighbour = fake_runtime("culprit", write), fake_runtime("neighbour")
    report = run(*((culprit, neighbour) if first else (neighbour, culprit)))
    rows = {row.runtime: row for row in report.targets}
    assert rows["culprit"].outcome == "run-failed"
    assert "its input" in rows["culprit"].reason
    assert (rows["neighbour"].outcome, rows["neighbour"].parity.flipped_lines) == ("pass", 0)


@pytest.mark.parametrize("where", ["probe", "open", "run", "close", "run in the timing"])
@pytest.mark.parametrize("error", [SystemExit(0), BaseException("of its own"), ValueError("plain")], ids=repr)
def test_a_library_that_would_end_the_process_ends_its_own_row(run, fake_runtime, faithful, where, error):
    calls = []

    def fail(*_, **__):
        raise error

    def late(images):
        calls.append(images)
        return fail() if where == "run" or len(calls) > 12 + OF_THE_BATCH else faithful(images)

    culprit = fake_runtime("culprit", late if where.startswith("run") else faithful)
    if not where.startswith("run"):
        setattr(culprit, where, fail)
    report = run(culprit, fake_runtime("neighbour"))
    rows = {row.runtime: row for row in report.targets}
    assert rows["culprit"].outcome == {"probe": "unavailable", "open": "load-failed"}.get(where, "run-failed")
    assert rows["culprit"].reason
    assert report.exit_code == (3 if where == "probe" else 1)
    assert rows["neighbour"].outcome == "pass"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Ended(143)], ids=repr)
def test_what_is_meant_for_the_whole_process_ends_it(run, fake_runtime, error):
    with pytest.raises(type(error)):
        run(fake_runtime("culprit", raiser(error)))


@pytest.mark.parametrize("found", [None, True, {}])
def test_a_probe_that_answers_something_else_is_unavailable(run, fake_runtime, found):
    (row,) = run(fake_runtime("culprit", availability=found)).targets
    assert row.outcome == "unavailable"
    assert "its probe returned" in row.reason
