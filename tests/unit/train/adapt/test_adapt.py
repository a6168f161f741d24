from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest


torch = pytest.importorskip("torch", reason="training needs torch")

from inkport.core.errors import LineDataError, RecipeError, UnknownSymbolError  # noqa: E402
from inkport.core.metrics import ErrorRate  # noqa: E402
from inkport.lines.audit import Problem  # noqa: E402
from inkport.model.weights import load_weights, save_weights  # noqa: E402
from inkport.train.adapt import adapt as module  # noqa: E402
from inkport.train.adapt.adapt import (  # noqa: E402
    SHARES,
    AdaptRequest,
    AdaptSettings,
    adapt,
)
from inkport.train.recipe import Frozen  # noqa: E402


@pytest.fixture
def run(toy_weights, hand):
    """Adapt the toy to its lines; settings are given, two steps unless said otherwise."""

    def call(lines=hand, rehearse=(), **settings):
        settings = {"steps": 2, "folds": 0, "batch": 4} | settings
        return adapt(
            AdaptRequest(start=toy_weights, lines=lines, rehearse=rehearse, settings=AdaptSettings(**settings))
        )

    return call


def differing(a, b):
    return {name for name in a if not torch.equal(a[name], b[name])}


def test_the_seed_decides_all_of_it(run):
    first, again = run(folds=2), run(folds=2)
    assert first.trials == again.trials
    assert not differing(first.weights.tensors, again.weights.tensors)
    trained, retrained, other = run(seed=1), run(seed=1), run(seed=2)
    assert not differing(trained.weights.tensors, retrained.weights.tensors)
    assert differing(trained.weights.tensors, other.weights.tensors)


def test_the_result_is_the_mixture_of_start_and_trained_weights_in_the_given_share(run, toy_weights):
    start, trained, mixed = load_weights(toy_weights), run(share=1.0).weights, run(share=0.25).weights
    assert differing(start.tensors, trained.tensors)
    for name, tensor in mixed.tensors.items():
        if tensor.is_floating_point():
            expected = 0.75 * start.tensors[name] + 0.25 * trained.tensors[name]
            torch.testing.assert_close(tensor, expected, atol=1e-6, rtol=1e-6)
    assert not differing(run(share=0.0).weights.tensors, start.tensors)


def test_cross_validation_reads_each_line_once_and_takes_the_best_share_of_equals_the_smallest(run, hand, monkeypatch):
    seen = {share: [] for share in SHARES}
    edits = {0.0: 3, 0.25: 2, 0.5: 1, 0.75: 1, 1.0: 2}

    def read(_start, _trained, share, audit):
        seen[share] += [line.id for line in audit.lines]
        return ErrorRate(edits[share], 10)

    trained_on = []
    train = module._Job.train

    def note(job, own, val):
        trained_on.append(({line.id for line in own.lines}, {line.id for line in val.lines}))
        return train(job, own, val)

    monkeypatch.setattr(module, "read_mixture", read)
    monkeypatch.setattr(module._Job, "train", note)
    adapted = run(folds=3, steps=1)
    everything = sorted(line.id for line in hand)
    assert all(sorted(ids) == everything for ids in seen.values())
    assert adapted.share == 0.5
    assert [(trial.edits, trial.length) for trial in adapted.trials] == [(3 * edits[s], 30) for s in SHARES]
    assert len(trained_on) == 4
    assert all(own.isdisjoint(left_out) for own, left_out in trained_on[:3])
    assert trained_on[3][0] == set(everything)


def test_lines_that_bring_nothing_give_the_start_back_without_a_last_training(run, toy_weights, monkeypatch):
    monkeypatch.setattr(module, "read_mixture", lambda *given: ErrorRate(int(given[2] > 0), 5))
    adapted = run(folds=2, steps=1)
    assert adapted.share == 0
    assert not differing(adapted.weights.tensors, load_weights(toy_weights).tensors)


def test_unknown_symbols_are_refused_by_name_with_the_option_that_adds_them(run, hand):
    lines = [replace(hand[0], text="a\N{LATIN SMALL LETTER THORN}q"), *hand[1:]]
    with pytest.raises(UnknownSymbolError) as caught:
        run(lines=lines)
    assert "['q', 'þ']" in str(caught.value)
    assert "extend_charset=true" in str(caught.value)
    skipped = run(lines=lines, skip=(Problem.UNKNOWN_SYMBOL,)).weights
    assert skipped.provenance["adapt"]["lines"]["count"] == len(hand) - 1
    extended = run(lines=lines, extend_charset=True).weights
    assert extended.spec.charset.symbols == (*" abcdeé", "q", "þ")
    assert extended.provenance["adapt"]["new_symbols"] == ["q", "þ"]
    assert extended.network().head.out_features == 10


def test_unusable_lines_are_refused(run, hand):
    with pytest.raises(LineDataError, match="bad-image"):
        run(lines=[replace(hand[0], image=b"no image"), *hand[1:]])
    with pytest.raises(LineDataError, match="no usable line"):
        run(lines=[])


@pytest.mark.parametrize("frozen", [(), (Frozen.CNN,), (Frozen.STATISTICS,), tuple(Frozen)])
def test_frozen_parts_keep_their_bits_and_the_rest_moves(run, toy_weights, frozen):
    start = load_weights(toy_weights)
    changed = differing(run(freeze=frozen, lr=1e-2).weights.tensors, start.tensors)
    names = {name for name in start.tensors if not name.endswith("num_batches_tracked")}
    cnn = {name for name in names if name.startswith(("cnn.", "collapse."))}
    statistics = {name for name in names if name.endswith(("running_mean", "running_var"))}
    kept = (cnn if Frozen.CNN in frozen else set()) | (statistics if Frozen.STATISTICS in frozen else set())
    assert changed & names == names - kept


def test_rehearsal_lines_come_in_the_share_that_is_asked_for(run, hand, monkeypatch):
    sizes = []

    class Stop(Exception):  # noqa: N818 - no error
        pass

    def look(_recipe, data, _out, **_):
        ids = [line.id for line in data.train.lines]
        sizes.append((len(ids), sum(line_id.startswith("other") for line_id in ids)))
        raise Stop

    monkeypatch.setattr(module, "Trainer", look)
    others = [replace(hand[i % len(hand)], id=f"other{i}") for i in range(200)]
    for share in (0.25, 0.5, 0.75):
        with pytest.raises(Stop):
            run(rehearse=others, rehearsal_share=share, steps=20, batch=8)
        total, rehearsed = sizes[-1]
        assert rehearsed == round(share * 20 * 8)
        assert rehearsed / total == pytest.approx(share, abs=0.02)
    with pytest.raises(Stop):
        run(rehearse=others, rehearsal_share=0.0)
    assert sizes[-1] == (len(hand), 0)


def test_more_lines_get_more_steps_unless_these_are_given():
    settings = AdaptSettings()
    assert [settings.steps_for(count) for count in (10, 50, 200)] == [44, 99, 198]
    assert AdaptSettings(steps=7).steps_for(200) == 7


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"folds": -1}, {"share": 1.5}, {"rehearsal_share": 1.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(RecipeError):
        AdaptSettings(**wrong)


def test_the_provenance_leads_back_to_the_start(run, toy_weights, tmp_path):
    adapted = run().weights
    told = adapted.provenance["adapt"]
    assert told["lines"]["count"] == 6
    assert told["recipe"]["start"] == toy_weights.as_posix()
    assert told["start"] == load_weights(toy_weights).provenance
    save_weights(tmp_path / "a.safetensors", adapted)
    assert load_weights(tmp_path / "a.safetensors").provenance == adapted.provenance


def test_every_setting_is_documented_with_its_default():
    text = (Path(__file__).parents[4] / "docs/adaptation.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE))
    defaults = AdaptSettings()
    assert set(rows) == {field.name for field in fields(AdaptSettings)}
    for name, told in rows.items():
        value = getattr(defaults, name)
        if isinstance(value, bool):
            assert told == str(value).lower()
        elif isinstance(value, int | float):
            assert float(told) == value, name
        elif value == ():
            assert told == "none"
    assert "44 for 10 lines, 99 for 50, 198 for 200" in text
