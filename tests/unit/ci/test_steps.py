"""Every step of the action, run in order: what it calls, what it posts, and with what code it ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from inkport.cli import app


ROOT = Path(__file__).parents[3]
TABLE = """<!-- inkport -->
# inkport verify

**well**

## Targets

| a | pass |

"""


def commands(run):
    return [call[1:] for call in run.calls if call[0] == "inkport"]


def test_with_the_defaults_the_shipped_model_is_verified_and_posted(run_action):
    run = run_action()
    assert run.codes == {"Install": 0, "Verify": 0, "Compare": 0, "Post the table": 0}
    assert run.calls[0] == ["python", "-m", "pip", "install", f"{ROOT}[ort,parquet]"]
    assert commands(run) == [["verify", "--out", "out/inkport"]]
    assert run.summary == TABLE
    assert run.used[0][1] == {"python-version": "3.12"}
    assert run.used[1][1] == {"name": "inkport-report", "path": "out/inkport"}


def test_every_input_becomes_what_the_command_line_takes(run_action, baseline):
    run = run_action(
        {
            "model": "models/my model",
            "lines": "a.parquet\nb c.tsv\n",
            "calibration": "train.parquet",
            "target": "onnxruntime:int8\n\nopenvino:fp32",
            "targets": "ci/targets.toml",
            "baseline": baseline,
            "max-slower": "0.5",
            "out": "my out",
        }
    )
    assert run.codes["Verify"] == run.codes["Compare"] == 0
    verify, compare = commands(run)
    assert verify == [
        *("verify", "models/my model", "--lines", "a.parquet", "b c.tsv", "--calibration", "train.parquet"),
        *("--target", "onnxruntime:int8", "openvino:fp32", "--targets", "ci/targets.toml", "--out", "my out"),
    ]
    assert compare == ["compare", "baseline.json", "my out/report.json", "--max-slower", "0.5", "--out", "my out"]
    function, bound, *_ = app.parse_args(compare, exit_on_error=False)
    assert (function.__name__, str(bound.arguments["before"])) == ("compare", "baseline.json")
    without = [word for word in verify if word not in ("--targets", "ci/targets.toml")]
    function, bound, *_ = app.parse_args(without, exit_on_error=False)
    assert (function.__name__, bound.arguments["model"]) == ("verify", "models/my model")
    assert [str(path) for path in bound.arguments["ports"].lines] == ["a.parquet", "b c.tsv"]


def test_no_input_is_code(run_action, tmp_path):
    evil = "$(touch stolen) `touch stolen`; touch stolen"
    run = run_action({"model": evil, "lines": f"{evil}\n--help", "baseline": evil, "out": "out"})
    assert not (tmp_path / "stolen").exists()
    assert commands(run)[0] == ["verify", evil, "--lines", evil, "--help", "--out", "out"]


def test_a_regression_fails_its_step_and_is_posted(run_action, baseline):
    run = run_action({"baseline": baseline}, FAKE_verify="1", FAKE_compare="1")
    assert run.codes == {"Install": 0, "Verify": 1, "Compare": 1, "Post the table": 0}
    assert run.summary == TABLE + "# inkport compare\n\n## Targets\n\n| a | slower |\n\n"
    assert len(run.used) == 2, "the report is kept"


def test_without_a_report_nothing_is_compared_and_the_summary_says_so(run_action, baseline):
    run = run_action({"baseline": baseline}, FAKE_REPORT="no")
    assert run.codes == {"Install": 0, "Verify": 3, "Compare": 0, "Post the table": 0}
    assert [words[0] for words in commands(run)] == ["verify"]
    assert "ended without a report" in run.summary
    assert "nothing to compare" in run.output


def test_the_first_run_comments_and_the_next_one_replaces_it(run_action):
    first = run_action()
    posted = ["--method", "POST", "repos/ada/lines/issues/7/comments", "--field", "body=@out/inkport/table.md"]
    assert [call for call in first.calls if "POST" in call] == [["gh", "api", "--silent", *posted]]
    assert (first.folder / "out/inkport/table.md").read_text() == TABLE
    (first.folder / "calls").unlink()
    second = run_action(FAKE_OLD="41\n42\n")
    assert [call[4:6] for call in second.calls if call[0] == "gh" and "--paginate" not in call] == [
        ["PATCH", "repos/ada/lines/issues/comments/41"]
    ]


@pytest.mark.parametrize(
    ("inputs", "environment"),
    [({"comment": "false"}, {}), ({}, {"GITHUB_REF": "refs/heads/main"}), ({}, {"GITHUB_REF": "refs/pull/x/merge"})],
)
def test_nothing_is_commented_where_it_is_not_wanted_or_no_pull_request(run_action, inputs, environment):
    run = run_action(inputs, **environment)
    assert run.summary == TABLE
    assert not [call for call in run.calls if call[0] == "gh"]


def test_who_may_not_comment_gets_a_warning_and_the_summary(run_action):
    run = run_action(FAKE_gh="1")
    assert run.codes["Post the table"] == 0
    assert "::warning title=inkport::" in run.output
    assert run.summary == TABLE


@pytest.mark.parametrize("codes", [(0, 0, 0), (1, 0, 1), (0, 1, 1), (3, 1, 3)])
def test_the_containers_script_does_all_three_and_ends_with_the_first_code(programs, baseline, tmp_path, codes):
    verify, compare, code = codes
    variables = {"INKPORT_OUT": "out", "INKPORT_MAX_SLOWER": "0.25", "INKPORT_BASELINE": baseline}
    fakes = {"FAKE_verify": str(verify), "FAKE_compare": str(compare), "CALLS": str(tmp_path / "calls")}
    done = subprocess.run(
        [ROOT / "ci" / "prove.sh"],
        cwd=tmp_path,
        env={"PATH": f"{programs}:/usr/bin:/bin", **variables, **fakes},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert done.stdout.count("# inkport compare") == 1
    assert "| a | pass |" in done.stdout
