"""A result is judged stage by stage; the first wrong one is named, with what is wrong, and strangers are refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from inkport.benchmarks.checks.kit.check import check_kit
from inkport.benchmarks.checks.kit.make import make_kit
from inkport.benchmarks.checks.kit.sections import present
from inkport.benchmarks.report.junit import Result
from inkport.benchmarks.report.text import render_text
from inkport.benchmarks.run.kit.judge import State
from inkport.benchmarks.run.kit.result import RunnerInfo, open_result
from inkport.benchmarks.run.kit.stages import Stage
from inkport.benchmarks.run.kit.tensors import to_npy
from inkport.benchmarks.run.outcome import Outcome
from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError, SpecMismatchError
from inkport.core.runtime import Evidence
from inkport.core.target import Budget, Precision, Target


RIGHT, WRONG, NOT_JUDGED, NOT_SHOWN, GIVEN = (
    State.RIGHT,
    State.WRONG,
    State.NOT_JUDGED,
    State.NOT_SHOWN,
    State.GIVEN,
)


def states(found):
    return [finding.state for finding in found.stages]


def flat(text):
    return " ".join(text.split())


def test_a_faithful_runner_passes(kit, answer, page):
    found = check_kit(kit, answer())
    assert states(found) == [RIGHT] * 4
    assert [finding.lines for finding in found.stages] == [4, 4, 4, 10]
    assert (found.first_wrong, found.outcome, found.exit_code) == (None, Outcome.PASS, 0)
    assert found.parity.flipped_lines == 0
    assert found.parity.cer == found.parity.cer_reference == 0
    shown = present(found)
    assert "no stage is wrong" in render_text(shown)
    assert [item["class"] for item in page(shown).all("li") if "class" in item] == ["good"]
    assert {case.result for case in shown.cases} == {Result.PASSED}


FAULTS = [
    # A stage, what a runner does to it, what is said about it, and what is known about all stages.
    (Stage.GRAY, lambda gray: 1 - gray, "has ink and paper swapped", [WRONG, RIGHT, NOT_JUDGED, RIGHT]),
    (Stage.GRAY, lambda gray: gray[:, :-16].copy(), "has shape", [WRONG, RIGHT, NOT_JUDGED, RIGHT]),
    (Stage.TENSOR, lambda t: np.clip(t + 0.02, 0, 0.9), "gray levels", [RIGHT, WRONG, NOT_JUDGED, RIGHT]),
    (Stage.TENSOR, lambda t: (t - 0.5) / 0.5, "normalised otherwise: 2 times", [RIGHT, WRONG, NOT_JUDGED, RIGHT]),
    (Stage.TENSOR, lambda t: np.pad(t, [(0, 0)] * 3 + [(0, 16)]), "px wide, expected", [RIGHT, WRONG, NOT_JUDGED]),
    (Stage.LOGITS, lambda x: np.roll(x, 1, axis=1), "off by one frame (late)", [RIGHT, RIGHT, WRONG, RIGHT]),
    (Stage.LOGITS, lambda x: x * 2, "differs by", [RIGHT, RIGHT, WRONG, RIGHT]),
    (Stage.LOGITS, lambda x: x[:, ::2], "frames, the stride gives", [RIGHT, RIGHT, WRONG, RIGHT]),
    (Stage.LOGITS, lambda x: x.transpose(0, 2, 1), "returns shape", [RIGHT, RIGHT, WRONG, NOT_JUDGED]),
    (Stage.LOGITS, lambda x: x[0], "returns 2 axes", [RIGHT, RIGHT, WRONG, NOT_JUDGED]),
    (Stage.LOGITS, lambda x: x[:, :, :-1], "returns shape", [RIGHT, RIGHT, WRONG, NOT_JUDGED]),
    (Stage.LOGITS, lambda x: x * np.float32(np.nan), "NaN or infinity", [RIGHT, RIGHT, WRONG, NOT_JUDGED]),
    (Stage.TEXT, lambda text: text[::-1], "is reversed", [RIGHT, RIGHT, RIGHT, WRONG]),
    (Stage.TEXT, lambda text: text + "ab", "greedy decoding of the logits beside it", [RIGHT, RIGHT, RIGHT, WRONG]),
]


@pytest.mark.parametrize("planted", FAULTS, ids=range(len(FAULTS)))
def test_the_first_wrong_stage_is_named(kit, answer, planted):
    stage, change, words, expected = planted
    found = check_kit(kit, answer({stage: change}))
    assert found.first_wrong is stage
    assert states(found)[: len(expected)] == expected
    finding = next(f for f in found.stages if f.stage is stage)
    assert words in finding.fault
    assert finding.wrong_lines == finding.lines >= 4
    assert found.exit_code == 1
    assert f"first wrong stage: {stage}. On {finding.line} it {finding.fault}" in flat(render_text(present(found)))


def test_every_later_stage_that_is_wrong_by_itself_is_told(kit, answer):
    found = check_kit(kit, answer({Stage.GRAY: lambda g: 1 - g, Stage.TEXT: lambda t: t[::-1]}))
    assert states(found) == [WRONG, RIGHT, NOT_JUDGED, WRONG]
    assert found.first_wrong is Stage.GRAY
    assert "text is wrong, too." in render_text(present(found))


def test_a_fault_on_a_line_that_is_not_golden_is_seen_too(kit, answer):
    plain = next(index for index, line in enumerate(kit.manifest.lines) if not line.golden)
    calls = iter(range(100))
    found = check_kit(kit, answer({Stage.LOGITS: lambda x: x[:, ::2] if next(calls) == plain else x}))
    logits = found.stages[2]
    assert (logits.state, logits.line, logits.wrong_lines, logits.lines) == (WRONG, kit.lines[plain].id, 1, 5)


def test_rounding_to_eight_bits_is_no_fault(kit, answer):
    found = check_kit(kit, answer({Stage.TENSOR: lambda t: np.round(t * 255).astype(np.float32) / np.float32(255)}))
    assert states(found)[:2] == [RIGHT, RIGHT]


@pytest.mark.parametrize(
    "case",
    [
        (0.3, 0.2, RIGHT),  # pixels rounded to 8 bits, and what they did to the logits
        (0.3, 0.9, WRONG),  # more than rounded pixels do
        (0.01, 0.2, WRONG),  # sums in another order do not move logits that far
        (0.01, 0.0005, RIGHT),
    ],
)
def test_logits_may_differ_as_far_as_their_input_was_rounded(kit, answer, faithful, case):
    levels, deviations, state = case
    exact = []

    def rounded(tensor):
        exact.append(faithful(tensor))
        return tensor + np.float32(levels / 255)

    def moved(_):
        logits = exact[-1].copy()
        logits[0, 0, 0] += np.float32(deviations * logits.std())
        return logits

    found = check_kit(kit, answer({Stage.TENSOR: rounded, Stage.LOGITS: moved}))
    assert states(found) == [RIGHT, RIGHT, state, RIGHT]


@pytest.mark.parametrize(
    ("start", "shown", "expected"),
    [
        (Stage.TENSOR, (Stage.LOGITS,), [GIVEN, GIVEN, RIGHT, NOT_SHOWN]),
        (Stage.GRAY, (Stage.TENSOR, Stage.LOGITS, Stage.TEXT), [GIVEN, RIGHT, RIGHT, RIGHT]),
        (Stage.IMAGE, (Stage.LOGITS, Stage.TEXT), [NOT_SHOWN, NOT_SHOWN, RIGHT, RIGHT]),
        (Stage.IMAGE, (Stage.TENSOR, Stage.TEXT), [NOT_SHOWN, RIGHT, NOT_SHOWN, NOT_JUDGED]),
        (Stage.IMAGE, (Stage.TEXT,), [NOT_SHOWN, NOT_SHOWN, NOT_SHOWN, NOT_JUDGED]),
    ],
)
def test_runners_that_do_or_show_less_are_judged_by_what_they_show(kit, answer, start, shown, expected):
    found = check_kit(kit, answer(start=start, shown=shown))
    assert states(found) == expected
    assert (found.outcome, found.exit_code) == (Outcome.PASS, 0)
    assert found.parity.flipped_lines == 0
    assert ("no stage could be judged" in render_text(present(found))) == (shown == (Stage.TEXT,))


def test_what_is_not_shown_may_be_to_blame(kit, answer):
    found = check_kit(kit, answer({Stage.TENSOR: lambda t: 1 - t}, shown=(Stage.GRAY, Stage.LOGITS, Stage.TEXT)))
    assert states(found) == [RIGHT, NOT_SHOWN, WRONG, RIGHT]
    assert "The runner does not show tensor, which may be to blame." in flat(render_text(present(found)))


def test_a_black_box_that_reads_wrong_text_is_judged_by_the_text(kit, answer):
    found = check_kit(kit, answer({Stage.TEXT: lambda t: t[::-1] + "gggg"}, shown=(Stage.TEXT,)))
    assert (found.first_wrong, found.outcome, found.exit_code) == (None, Outcome.TEXT_DIFFERS, 1)
    assert found.parity.flipped_lines == 10
    json.loads(found.to_json())


def test_budgets_of_flips_and_time_are_judged(request_kit, answer, tmp_path):
    budget = Budget(cer_margin=0.3, flipped_lines=0, p90_ms=2.0)
    strict = make_kit(
        request_kit(targets=[Target(name="acme fp32", runtime="acme", precision=Precision.FP32, budget=budget)]),
        tmp_path / "strict.zip",
    )

    def judged(**options):
        result = answer(**options, kit=strict.digest)
        return check_kit(strict, result)

    slow = judged(run_ns=lambda index: 1_000_000 * (index + 1))
    assert (slow.outcome, slow.exit_code) == (Outcome.LATENCY_OVER_BUDGET, 1)
    assert (slow.times.p50_ms, slow.times.p90_ms, slow.times.p99_ms, slow.times.n) == (5.5, 9.1, 9.91, 10)
    assert "The p90 time is 9.10 ms" in slow.reason
    assert judged(run_ns=lambda _: 1_000_000).outcome is Outcome.PASS
    assert judged(run_ns=lambda index: 9_000_000 if index else None).times is None
    emulated = RunnerInfo(engine="qemu", evidence=Evidence.EMULATED)
    assert judged(run_ns=lambda _: 9_000_000, runner=emulated).times is None
    calls = iter(range(100))
    flipped = judged(wrong={Stage.TEXT: lambda t: "gg" + t if next(calls) == 3 else t})
    assert (flipped.outcome, flipped.first_wrong) == (Outcome.TEXT_DIFFERS, Stage.TEXT)
    assert "1 line reads differently" in flipped.reason


def test_the_judgement_as_json_says_the_same(kit, answer):
    found = check_kit(kit, answer({Stage.LOGITS: lambda x: np.roll(x, 1, axis=1)}, run_ns=lambda _: 2_000_000))
    document = json.loads(found.to_json())
    assert document["schema"] == 2
    assert document["exit_code"] == 1
    assert (document["kit"], document["first_wrong"], document["outcome"]) == (kit.digest, "logits", str(found.outcome))
    assert [stage["state"] for stage in document["stages"]] == [str(state) for state in states(found)]
    assert document["stages"][2]["fault"] == "is off by one frame (late)"
    assert document["parity"]["cer"] == found.parity.cer
    assert document["times"]["p50_ms"] == 2.0


def test_results_of_something_else_are_refused(kit, answer, rewrite):
    strangers = {
        "answers the kit 000000000000": {"kit": "0" * 64},
        "ran the target 'other', the kit has acme fp32": {"target": "other"},
        "ran the artifact 111111111111": {"artifact": "1" * 64},
    }
    for message, fields in strangers.items():
        with pytest.raises(SpecMismatchError, match=message):
            check_kit(kit, answer(**fields))
    result = answer()
    for change in (lambda d: d["lines"].pop(), lambda d: d["lines"].reverse(), lambda d: d["lines"][0].update(id="x")):
        with pytest.raises(SpecMismatchError, match="its lines are not the kit's 10 in their order"):
            check_kit(kit, open_result(rewrite(result, change)))
    golden = next(index for index, line in enumerate(kit.manifest.lines) if line.golden)
    with pytest.raises(SpecMismatchError, match="lacks tensor, which the runner shows"):
        check_kit(kit, open_result(rewrite(result, lambda d: d["lines"][golden]["tensors"].pop("tensor"))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema=9), "schema 9, this inkport reads 1"),
        (lambda d: d.update(extra=1), "unknown key 'extra'"),
        (lambda d: d["runner"].pop("engine"), "'engine' is missing"),
        (lambda d: d.update(shown=["text", "logits"]), "starts from image and shows text, logits"),
        (lambda d: d.update(shown=["gray"]), "which no runner can"),
        (lambda d: d.update(start="logits", shown=["text"]), "which no runner can"),
        (lambda d: d["lines"][0]["tensors"].update(gray="nosuch"), "nosuch is named, but no file of the result"),
        (lambda d: d["lines"][0]["tensors"].update(colour="x"), "a tensor of 'colour'"),
        (lambda d: d["lines"][0].update(text=None), "has no text, against what the runner shows"),
        (lambda d: d["lines"][0]["tensors"].pop("logits"), "has no logits, which the runner shows"),
        (lambda d: d["lines"][0].update(run_ns=1.5), "expected int"),
    ],
)
def test_results_that_cannot_be_are_refused(answer, rewrite, change, message):
    with pytest.raises(ArtifactCorruptError, match=message):
        open_result(rewrite(answer(), change))


def test_results_that_were_changed_are_refused(kit, answer, rewrite, tmp_path):
    result = answer()
    name = "tensors/0000.logits.npy"
    with pytest.raises(ArtifactCorruptError, match=r"0000\.logits\.npy was changed or damaged"):
        open_result(rewrite(result, members=lambda m: m.update({name: to_npy(np.zeros(3))}), listed=False))
    foreign = rewrite(result, members=lambda m: m.update({name: b"no tensor"}))
    with pytest.raises(ArtifactCorruptError, match=r"0000\.logits\.npy: .*expected little-endian float32"):
        check_kit(kit, open_result(foreign))
    with pytest.raises(ArtifactCorruptError, match=r"no result\.json in it"):
        open_result(kit.path)
    with pytest.raises(ArtifactNotFoundError):
        open_result(tmp_path / "nosuch.zip")


@pytest.mark.parametrize("case", [(0.8, True, RIGHT), (1.5, True, WRONG), (0.8, False, WRONG)])
def test_a_runner_that_hides_its_gray_image_is_allowed_the_rounding_of_both(kit, answer, case):
    levels, hidden, state = case
    shown = (Stage.TENSOR, Stage.LOGITS) if hidden else (Stage.GRAY, Stage.TENSOR, Stage.LOGITS)
    found = check_kit(kit, answer({Stage.TENSOR: lambda t: t + np.float32(levels / 255)}, shown=shown))
    assert found.stages[1].state is state
