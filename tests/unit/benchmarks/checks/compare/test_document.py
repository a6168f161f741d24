from __future__ import annotations

from pathlib import Path

import pytest

from inkport.benchmarks.checks.compare.document import read_report
from inkport.benchmarks.checks.verify import verify
from inkport.benchmarks.run.record import Outcome
from inkport.benchmarks.run.request import Request, VerifyOptions
from inkport.core.errors import DataError
from inkport.core.target import Precision, Target
from inkport.lines.audit import audit_lines


GOLDEN = Path(__file__).parents[4] / "golden" / "report-0.1.json"


def test_what_verify_writes_is_read_back(install, fake_runtime, fake_artifact, fake_lines, write):
    install(fake_runtime("torch"), fake_runtime("port"))
    spec = fake_artifact.spec
    request = Request(
        model=fake_artifact,
        targets=[
            Target(name="all", runtime="port", precision=Precision.FP32),
            Target(name="some", runtime="port", precision=Precision.FP32, lines=5),
        ],
        audit=audit_lines(fake_lines, charset=spec.charset, preprocess=spec.preprocess, stride=spec.stride),
        sources=["fake.tsv"],
        provide=lambda _: fake_artifact,
        options=VerifyOptions(latency_lines=5, resamples=50),
    )
    report = verify(request)
    run = read_report(write("report", report.to_json()))
    assert (run.data, list(run.rows)) == (report.data.sha256, ["all", "some"])
    assert run.per_line.symbols == tuple(len(line.text) for line in fake_lines)
    assert run.per_line.group == (0,) * 6 + (1,) * 6
    assert len(set(run.per_line.writer)) == 6
    assert run.floor == report.noise.floor
    row = run.rows["some"]
    # A faithful port makes no edits on lines whose text is what it reads; five were read.
    assert sorted(row.line_edits, key=str) == [0] * 5 + [None] * 7
    assert row.times.median_ms == report.targets[1].latency.p50_ms
    assert len(row.times.points) == len(report.targets[1].latency.curve.points)


def test_reports_of_inkport_0_1_are_read():
    run = read_report(GOLDEN)
    row = run.rows["onnxruntime int8"]
    assert row.outcome is Outcome.PASS
    assert (len(row.flips), row.lines, row.line_edits) == (45, 300, None)


def broken(change):
    def apply(document):
        change(document)
        return document

    return apply


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda _: "{", "not readable as JSON"),
        (lambda _: "[1]", "not a report"),
        (lambda _: '{"schema": 1}', "not a report"),
        (broken(lambda d: d.update(schema=3)), "has schema 3, this inkport reads schema 1 and 2"),
        (broken(lambda d: d.update(check="bench")), "is a report of the check 'bench'"),
        (broken(lambda d: d.pop("model")), "'model' is missing"),
        (broken(lambda d: d["targets"][0].update(outcome="fine")), "expected one of pass"),
        (broken(lambda d: d["targets"][0].update(outcome=None)), "targets[0].outcome: expected text"),
        (broken(lambda d: d["targets"][0]["parity"].update(cer="low")), "parity.cer: expected a number"),
        (broken(lambda d: d["targets"][0]["parity"].update(cer=True)), "parity.cer: expected a number"),
        (broken(lambda d: d["targets"][0]["line_edits"].pop()), "edits of 59 lines, the data has 60"),
        (broken(lambda d: d["per_line"]["symbols"].pop()), "does not fit the 60 lines"),
        (broken(lambda d: d["per_line"]["group"].__setitem__(3, 2)), "does not fit the 60 lines"),
        (broken(lambda d: d["per_line"]["symbols"].__setitem__(3, 0)), "does not fit the 60 lines"),
        (broken(lambda d: d["per_line"]["symbols"].__setitem__(3, 1.5)), "symbols: expected whole numbers"),
        (broken(lambda d: d["targets"].append(d["targets"][0])), "two targets have one name"),
        (broken(lambda d: d.update(targets={})), "targets: expected a list"),
        (broken(lambda d: d["targets"].append(7)), "targets[1]: expected an object, found '7'"),
        (broken(lambda d: d["targets"][0]["latency"].update(p50_interval_ms=[1])), "p50_interval_ms"),
        (broken(lambda d: d["targets"][0]["latency"].update(p50_ms=0)), "p50_ms"),
        (broken(lambda d: d["noise"].update(moments=[])), "moments"),
    ],
)
def test_what_is_no_report_is_refused_with_the_place(make, write, break_it, words):
    document = make["document"](make["target"]())
    with pytest.raises(DataError) as caught:
        read_report(write("broken", break_it(document)))
    assert words in str(caught.value)
    assert "broken" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_report(tmp_path / "none.json")
