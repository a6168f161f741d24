from __future__ import annotations

from dataclasses import replace

import pytest


pytest.importorskip("torch", reason="train is a torch package")

from inkport.lines.line import digest_lines
from inkport.lines.roles import LINE_DIGESTS, Role, record_lines
from inkport.train.adapt.exposure import Verdict, exposure_by_contents, exposure_by_lines, exposure_by_names


def trained(*sets, start=None, **more):
    return {"recipe": {"data": {"train": list(sets), "val": ["val.parquet"]}, "start": start}, **more}


def by_names(provenance):
    return exposure_by_names(provenance, ["train-30-hand.parquet"], {"hand"})


CLEAN = trained("../data/train-00-other.parquet")
DIRTY = trained("../data/train-00-other.parquet", "elsewhere/train-30-hand.parquet")


def test_a_training_that_names_the_held_out_file_has_seen_it():
    assert by_names(CLEAN).verdict is Verdict.UNSEEN
    exposure = by_names(DIRTY)
    assert exposure.verdict is Verdict.SEEN
    assert "elsewhere/train-30-hand.parquet" in exposure.reasons[0]


@pytest.mark.parametrize("key", ["val", "unlabelled"])
def test_lines_that_were_only_selected_by_or_distilled_on_count_too(key):
    provenance = trained("a.parquet")
    provenance["recipe"]["data"][key] = ["val-hand.parquet"]
    assert by_names(provenance).verdict is Verdict.SEEN


@pytest.mark.parametrize(
    "wrap",
    [
        lambda p: {"average": [{"share": 0.5, "provenance": CLEAN}, {"share": 0.5, "provenance": p}]},
        lambda p: {"grow": {"from": "convtext-tiny", "provenance": p}},
        lambda p: {"adapt": {"share": 1.0, **CLEAN, "start": p}},
        lambda p: trained("a.parquet", start="first.safetensors") | {"start": p},
    ],
    ids=["average", "grow", "adapt", "start"],
)
def test_what_weights_descend_from_is_looked_through(wrap):
    assert by_names(wrap(CLEAN)).verdict is Verdict.UNSEEN
    assert by_names(wrap(DIRTY)).verdict is Verdict.SEEN


def test_what_is_not_recorded_leaves_it_undecided():
    assert by_names({}).verdict is Verdict.UNDECIDED
    started = by_names(trained("a.parquet", start="first.safetensors"))
    assert started.verdict is Verdict.UNDECIDED
    assert "first.safetensors" in started.reasons[0]
    taught = trained("a.parquet")
    taught["recipe"]["distil"] = {"teacher": "teacher.safetensors"}
    assert by_names(taught).verdict is Verdict.UNDECIDED


def test_the_lines_themselves_prove_what_names_cannot(hand):
    trained_on, held = hand[:3], [replace(line, dataset="other hand") for line in hand[3:]]
    provenance = trained("a.parquet", train_lines={"count": 3, "sha256": digest_lines(trained_on)})
    assert exposure_by_lines(provenance, trained_on, held).verdict is Verdict.UNSEEN
    other = [replace(hand[0], text="b"), *hand[1:3]]
    assert exposure_by_lines(provenance, other, held).verdict is Verdict.UNDECIDED
    assert (
        exposure_by_lines(provenance, trained_on, [replace(hand[1], id="copy", dataset="other hand")]).verdict
        is Verdict.SEEN
    )
    assert exposure_by_lines(provenance, trained_on, hand[3:]).verdict is Verdict.SEEN
    assert exposure_by_lines({"average": [provenance, provenance]}, trained_on, held).verdict is Verdict.UNDECIDED


def test_recorded_lines_are_known_under_any_name(hand):
    record = record_lines({Role.VAL: hand[:2]})
    nested = {"average": [{"provenance": CLEAN}, {"provenance": CLEAN | {LINE_DIGESTS: record}}]}
    copies = [replace(line, id=f"mine {line.id}", dataset="mine") for line in hand[1:]]
    seen = exposure_by_contents(nested, copies)
    assert (seen.verdict, seen.basis) == (Verdict.SEEN, "contents")
    assert f"1 of the lines, for example 'mine {hand[1].id}', are recorded among those for val" in seen.reasons
    assert exposure_by_contents(nested, copies[1:]) is None
    assert exposure_by_contents(CLEAN, hand) is None


def test_a_file_of_the_same_name_proves_nothing(hand):
    provenance = trained("elsewhere/lines.parquet")
    assert exposure_by_names(provenance, ["lines.parquet"], {"hand"}).verdict is Verdict.UNDECIDED
    known = provenance | {LINE_DIGESTS: record_lines({Role.TRAIN: hand[:2]})}
    assert exposure_by_names(known, ["lines.parquet"], {"hand"}).verdict is Verdict.UNSEEN


def test_a_data_set_is_found_as_a_word_of_a_name_and_not_within_one():
    for name, verdict in (("train-30-hand.parquet", Verdict.SEEN), ("val_hand.tsv", Verdict.SEEN)):
        assert exposure_by_names(trained(name), [], {"hand"}).verdict is verdict
    assert exposure_by_names(trained("train-shorthand.parquet"), [], {"hand"}).verdict is Verdict.UNSEEN
