from __future__ import annotations

import itertools

import numpy as np
import pytest

from inkport.core.beam import BeamDecoder, align
from inkport.core.charset import Charset
from inkport.core.ctc import frames_needed, greedy, greedy_text
from inkport.core.errors import SpecMismatchError
from inkport.core.lm.estimate import estimate
from inkport.core.lm.files import Fusion
from inkport.core.lm.model import CharModel, build_trie


CHARSET = Charset(tuple(" abz"))
MODEL = CharModel(build_trie(estimate(["ab a", "ba", "a b", "aa ab", "b"] * 2, order=4), CHARSET))
FRAMES = 5


def brute_force(logits):
    """The probability of every labelling: the sum over all of its paths."""
    shifted = np.exp(logits.astype(np.float64))
    probability = shifted / shifted.sum(axis=1, keepdims=True)
    found, paths = {}, {}
    for path in itertools.product(range(CHARSET.size), repeat=len(logits)):
        labels = tuple(label for label, _ in itertools.groupby(path) if label)
        value = float(np.prod([probability[t, label] for t, label in enumerate(path)]))
        found[labels] = found.get(labels, 0.0) + value
        paths[labels] = max(paths.get(labels, (0.0, ())), (value, path))
    return found, paths


def exact(alpha, beta):
    fusion = Fusion(alpha=alpha, beta=beta, beam=10**6)
    return BeamDecoder(MODEL, fusion, least_probability=0.0, most_symbols=CHARSET.size, recombine=False)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (0.5, 0.0), (1.3, 1.0), (0.7, -0.8)])
def test_an_unlimited_beam_finds_the_best_text_of_all(rng, alpha, beta):
    differs = 0
    for _ in range(12):
        logits = (rng.normal(size=(FRAMES, CHARSET.size)) * 2).astype(np.float32)
        probability, _ = brute_force(logits)
        best = max(
            probability,
            key=lambda s: np.log(probability[s]) + alpha * MODEL.score(CHARSET.decode(s)) + beta * len(s),
        )
        assert exact(alpha, beta)(logits, CHARSET).text == CHARSET.decode(best)
        differs += CHARSET.decode(best) != greedy(logits, CHARSET).text
    # Else the test would pass with greedy decoding.
    assert differs


def test_the_text_alone_is_that_of_the_whole_reading(rng):
    decoder, texts = BeamDecoder(MODEL, Fusion(alpha=0.7, beta=0.5)), set()
    for scale in (0.5, 2.0, 4.0):
        for blank in (0.0, 20.0):
            logits = (rng.normal(size=(12, CHARSET.size)) * scale).astype(np.float32)
            logits[:, 0] += blank
            assert decoder.text(logits, CHARSET) == decoder(logits, CHARSET).text
            assert greedy_text(logits, CHARSET) == greedy(logits, CHARSET).text
            texts |= {decoder.text(logits, CHARSET), greedy_text(logits, CHARSET)}
    assert "" in texts
    assert len(texts) > 4
    for read in (decoder.text, greedy_text):
        assert read(np.zeros((0, CHARSET.size), np.float32), CHARSET) == ""
        with pytest.raises(SpecMismatchError, match="not finite"):
            read(np.full((3, CHARSET.size), np.nan, np.float32), CHARSET)


def test_what_the_threshold_drops_was_far_from_winning(rng):
    fusion = Fusion(alpha=0.7, beta=0.5, beam=64)
    changed = 0
    for _ in range(20):
        path = rng.integers(0, CHARSET.size, size=40)
        logits = (np.eye(CHARSET.size)[path] * 3 + rng.normal(size=(40, CHARSET.size))).astype(np.float32)
        texts = [
            BeamDecoder(MODEL, fusion, threshold=threshold)(logits, CHARSET).text for threshold in (np.inf, 12.0, 0.0)
        ]
        assert texts[0] == texts[1]
        changed += texts[0] != texts[2]
    # Where only the best prefix of each frame is kept, the search is another one.
    assert changed


@pytest.mark.slow
def test_of_prefixes_alike_to_the_language_model_few_are_kept(rng):
    # A bigram model knows a prefix by its last symbol, so that a narrow beam has room for all that are unlike.
    model = CharModel(build_trie(estimate(["ab a", "ba", "a b", "aa ab", "b"] * 2, order=2), CHARSET))
    limits = {"least_probability": 0.0, "most_symbols": CHARSET.size, "threshold": np.inf}
    apart = {True: 0, False: 0}
    for _ in range(20):
        logits = (rng.normal(size=(10, CHARSET.size)) * 2).astype(np.float32)
        for recombine in apart:
            texts = {
                BeamDecoder(model, Fusion(alpha=0.7, beta=0.5, beam=beam), recombine=recombine, **limits)(
                    logits, CHARSET
                ).text
                for beam in (CHARSET.size, 10**4)
            }
            apart[recombine] += len(texts) > 1
    assert apart[True] == 0
    assert apart[False] > 0


def test_a_prefix_that_ends_in_a_blank_is_kept_beside_a_better_one_that_cannot_repeat_its_symbol():
    # After two frames "ab" is ahead of "b" by its bonus, but only "b" has a blank at its end and can take one more b.
    probability = np.full((3, CHARSET.size), 1e-9)
    probability[0, [2, 3]] = 0.3, 0.7
    probability[1, [0, 3]] = 0.5, 0.5
    probability[2, 3] = 1.0
    model = CharModel(build_trie(estimate(["ab", "bb", "ba", "aa"] * 5, order=2), CHARSET))
    for recombine in (True, False):
        decoder = BeamDecoder(model, Fusion(alpha=0.1, beta=2.0), recombine=recombine)
        assert decoder(np.log(probability).astype(np.float32), CHARSET).text == "bb"


def test_recombining_seldom_misses_the_best_text_of_all(rng):
    alpha, beta, best_found = 0.7, 0.5, 0
    fusion = Fusion(alpha=alpha, beta=beta, beam=10**6)
    decoder = BeamDecoder(
        MODEL, fusion, least_probability=0.0, most_symbols=CHARSET.size, threshold=np.inf, recombine=True
    )
    for _ in range(20):
        logits = (rng.normal(size=(FRAMES, CHARSET.size)) * 2).astype(np.float32)
        probability, _ = brute_force(logits)
        score = {
            CHARSET.decode(s): np.log(p) + alpha * MODEL.score(CHARSET.decode(s)) + beta * len(s)
            for s, p in probability.items()
        }
        best_found += score[decoder(logits, CHARSET).text] == max(score.values())
    assert best_found >= 17


@pytest.mark.slow
def test_without_a_language_model_no_prefix_stands_for_another(rng):
    limits = {"least_probability": 0.0, "most_symbols": CHARSET.size, "threshold": np.inf}
    fusion = Fusion(alpha=0.0, beta=0.0, beam=10**6)
    for _ in range(40):
        logits = rng.normal(size=(7, CHARSET.size)).astype(np.float32)
        first, other = (BeamDecoder(MODEL, fusion, recombine=r, **limits)(logits, CHARSET) for r in (True, False))
        assert first == other


def test_a_long_line_of_blanks_and_repeats_neither_underflows_nor_merges(rng):
    labels = [2, 2, 3, 1, 3, 3] * 40
    path = [step for label in labels for step in (label, label, 0, 0)]
    logits = np.eye(CHARSET.size, dtype=np.float32)[path] * 9
    logits += rng.normal(size=logits.shape).astype(np.float32) * 0.1
    reading = BeamDecoder(MODEL, Fusion(alpha=0.0, beta=0.0, beam=4))(logits, CHARSET)
    assert reading == greedy(logits, CHARSET)
    assert reading.text == CHARSET.decode(labels)


@pytest.mark.parametrize("beta", [-1.0, 0.0, 2.5])
def test_a_long_unsure_line_neither_runs_out_of_numbers_nor_loses_its_sure_end(rng, monkeypatch, beta):
    labels = [2, 3, 1, 3, 2, 1] * 10
    sure = np.eye(CHARSET.size)[[step for label in labels for step in (label, 0)]] * 9
    logits = np.concatenate([rng.normal(size=(1500, CHARSET.size)), sure]).astype(np.float32)
    decoder = BeamDecoder(MODEL, Fusion(alpha=0.5, beta=beta, beam=8))
    text = decoder(logits, CHARSET).text
    assert text.endswith(CHARSET.decode(labels))
    assert len(text) > 200
    # As if the sums were scaled at every frame.
    monkeypatch.setattr("inkport.core.beam._SMALL", np.inf)
    assert decoder(logits, CHARSET).text == text


def test_a_beam_of_one_is_greedy_where_greedy_is_sure(rng):
    path = rng.integers(0, CHARSET.size, size=80)
    logits = np.eye(CHARSET.size, dtype=np.float32)[path] * 12
    decoder = BeamDecoder(MODEL, Fusion(alpha=0.3, beta=0.0, beam=1))
    assert decoder(logits, CHARSET) == greedy(logits, CHARSET)


def test_the_language_model_decides_what_the_image_leaves_open():
    logits = np.full((3, CHARSET.size), -9.0, dtype=np.float32)
    logits[0, 2], logits[1, 0], logits[2, [2, 3]] = 5, 5, [5.0, 4.9]
    model = CharModel(build_trie(estimate(["ab"] * 20, order=3), CHARSET))
    assert greedy(logits, CHARSET).text == "aa"
    reading = BeamDecoder(model, Fusion(alpha=1.0, beta=0.0))(logits, CHARSET)
    assert reading.text == "ab"
    assert [(e.symbol, e.first_frame, e.last_frame) for e in reading.emissions] == [("a", 0, 0), ("b", 2, 2)]
    assert reading.gap == pytest.approx(0.1, abs=1e-5)


def test_the_alignment_is_the_best_of_all_paths(rng):
    for _ in range(6):
        logits = (rng.normal(size=(FRAMES, CHARSET.size)) * 2).astype(np.float32)
        _, paths = brute_force(logits)
        for labels in list(paths)[:60]:
            if frames_needed(labels) > FRAMES:
                continue
            reading = align(logits, labels, CHARSET)
            frames = [0] * FRAMES
            for emission, label in zip(reading.emissions, labels, strict=True):
                frames[emission.first_frame : emission.last_frame + 1] = [label] * (
                    emission.last_frame - emission.first_frame + 1
                )
            assert tuple(frames) == paths[labels][1]


@pytest.mark.parametrize("logits", [np.zeros((4, 3), np.float32), np.full((4, 5), np.nan, np.float32)])
def test_logits_of_another_recogniser_are_refused(logits):
    with pytest.raises(SpecMismatchError):
        exact(0.5, 0.0)(logits, CHARSET)


def test_no_frames_give_no_text():
    assert exact(0.5, 0.0)(np.zeros((0, CHARSET.size), np.float32), CHARSET).text == ""
