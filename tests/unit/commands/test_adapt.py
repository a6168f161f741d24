from __future__ import annotations

import json
from statistics import fmean
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from PIL import Image

from inkport.benchmarks.measure.quantiles import mean_interval
from inkport.benchmarks.report.schema import schema_of


pytest.importorskip("torch", reason="adapting needs torch")


@pytest.fixture
def sets(lines_folder, tmp_path):
    """The toy lines as a pool and a test set."""
    for name, numbers in (("pool-toy", range(4)), ("test-toy", (4, 5))):
        (tmp_path / name).mkdir()
        for number in numbers:
            for suffix in (".png", ".gt.txt"):
                source = lines_folder / f"line{number}{suffix}"
                (tmp_path / name / source.name).write_bytes(source.read_bytes())
    return tmp_path / "pool-toy", tmp_path / "test-toy"


@pytest.fixture
def curve(inkport, toy_artifact, sets, tmp_path):
    pool, test = sets
    fixed = ["--pool", pool, "--test", test, "--out", tmp_path / "out", "--set", "steps=1"]
    weights = ["--weights", toy_artifact.path / "weights.safetensors"]

    def call(*more):
        given = [] if "--weights" in more else weights
        return inkport("train", "adapt", "curve", *fixed, *given, *more)

    return call


def test_a_curve_leaves_a_report_that_fits_its_schema_a_page_and_a_drawing(curve, other_lines, tmp_path):
    run = curve("--counts", "1", "3", "--draws", "2", "--others", other_lines, "--most-others", "2")
    assert run.code == 0, run.err
    assert "not decided whether the weights have seen the hand" in run.err
    report = json.loads((tmp_path / "out/curve.json").read_text())
    schema = schema_of("adapt-curve")
    jsonschema.Draft202012Validator(schema).validate(report)
    assert [point["lines"] for point in report["points"]] == [0, 1, 3]
    cells = [json.loads(path.read_text())["cell"] for path in sorted((tmp_path / "out/cells").iterdir())]
    symbols = len("ebb dab cab") + len("a bed")
    for point in report["points"]:
        rates = [sum(cell["edits"]) / symbols for cell in cells if cell["lines"] == point["lines"]]
        assert point["hand"]["draws"] == pytest.approx(rates)
        assert point["hand"]["cer"] == pytest.approx(fmean(rates))
        assert point["hand"]["delta"] == pytest.approx(fmean(rates) - report["points"][0]["hand"]["cer"])
    assert report["data"]["others"]["lines"] == 2
    page = (tmp_path / "out/curve.md").read_text()
    assert page == run.out
    assert f"| 3 | {100 * report['points'][2]['hand']['cer']:.2f} |" in page
    drawing = ET.parse(tmp_path / "out/curve.svg")  # noqa: S314 - written by us
    dots = drawing.iter("{http://www.w3.org/2000/svg}circle")
    assert len([*dots]) == 2 * (1 + 2 + 2)


def test_adapted_weights_are_refused_where_they_have_seen_the_hand(inkport, curve, toy_artifact, sets, tmp_path):
    weights, adapted = toy_artifact.path / "weights.safetensors", tmp_path / "adapted.safetensors"
    options = ["--set", "steps=1", "--set", 'freeze=["cnn"]', "--set", "seed=3", "--version", "mine"]
    run = inkport("train", "adapt", "--weights", weights, "--lines", sets[0], "--out", adapted, *options)
    assert run.code == 0, run.err
    assert "lines of the hand: 4 usable lines" in run.err
    refused = curve("--weights", adapted, "--counts", "1")
    assert refused.code == 2
    assert "has seen the hand" in refused.err
    assert "4 of the lines, for example 'line0.png', are recorded among those for train" in refused.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("option", "shared"), [("--test", "pool and test"), ("--others", "pool and others")])
def test_what_is_adapted_to_is_not_what_is_read(curve, sets, tmp_path, option, shared):
    copy = tmp_path / "copy"
    copy.mkdir()
    Image.open(sets[0] / "line1.png").save(copy / "another name.bmp")
    (copy / "another name.gt.txt").write_bytes((sets[0] / "line1.gt.txt").read_bytes())
    run = curve("--counts", "1", option, copy)
    assert run.code == 2
    assert f"1 line is in both {shared}, for example 'line1.png'" in run.err
    assert "'another name.bmp'" in run.err


def test_settings_come_from_a_file_and_options_go_first(inkport, toy_artifact, sets, tmp_path):
    from inkport.model.weights import load_weights

    weights, out, settings = toy_artifact.path / "weights.safetensors", tmp_path / "a.safetensors", tmp_path / "s.toml"
    settings.write_text("steps = 9\nfolds = 0\nshare = 0.5\n[augment]\nmask = 0.1\n", encoding="utf-8")
    fixed = ["train", "adapt", "--weights", weights, "--lines", sets[0], "--out", out, "--settings", settings]
    run = inkport(*fixed, "--set", "steps=1", "--version", "mine")
    assert run.code == 0, run.err
    adapted = load_weights(out)
    assert adapted.spec.version == "mine"
    told = adapted.provenance["adapt"]
    assert (told["share"], told["settings"]["steps"], told["settings"]["folds"]) == (0.5, 1, 0)
    assert told["recipe"]["augment"]["mask"] == 0.1
    settings.write_text("step = 9\n", encoding="utf-8")
    wrong = inkport(*fixed)
    assert wrong.code == 2
    assert "did you mean 'steps'?" in wrong.err


@pytest.mark.parametrize("wrong", [["--jobs", "0"], ["--draws", "0"], ["--counts", "9"]])
def test_impossible_requests_end_with_exit_code_2(curve, wrong):
    run = curve(*wrong)
    assert run.code == 2
    assert "Traceback" not in run.err


def test_the_interval_of_a_mean_is_students():
    # 2.5 % and 97.5 % quantiles of Student's t with 2 degrees of freedom: 4.302653 (any table).
    low, high = mean_interval([0.1, 0.2, 0.3])
    assert (low, high) == pytest.approx((0.2 - 4.302653 * 0.1 / 3**0.5, 0.2 + 4.302653 * 0.1 / 3**0.5), abs=1e-6)
    assert mean_interval([0.1]) is None
