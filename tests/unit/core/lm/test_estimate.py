"""The estimation gives KenLM's numbers; ``lmplz/`` holds what KenLM 0.3.0 made of ``text.txt``.

inkport lm tokens ... | lmplz -o 3 --discount_fallback             (order3.arpa)
... | lmplz -o 4 --discount_fallback --prune 0 0 1 1               (order4-pruned.arpa)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inkport.core.charset import Charset
from inkport.core.errors import LineDataError, UsageError
from inkport.core.lm.arpa import read_arpa, write_arpa
from inkport.core.lm.estimate import estimate
from inkport.core.lm.files import load_model, save_trie
from inkport.core.lm.model import END_SIGN, CharModel, build_trie


FOLDER = Path(__file__).parent / "lmplz"
TEXTS = (FOLDER / "text.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("name", "order", "prune"), [("order3", 3, ()), ("order4-pruned", 4, (0, 0, 1, 1))])
def test_the_numbers_are_those_of_lmplz(name, order, prune):
    theirs, ours = read_arpa(FOLDER / f"{name}.arpa"), estimate(TEXTS, order=order, prune=prune)
    assert ours.symbols == theirs.symbols
    assert len(ours.levels) == len(theirs.levels)
    for a, b in zip(ours.levels, theirs.levels, strict=True):
        np.testing.assert_array_equal(a.keys, b.keys)
        # lmplz writes the start's unigram as 0, any number would do: the start is never predicted.
        np.testing.assert_allclose(a.log_prob, b.log_prob, atol=3e-6)
        np.testing.assert_allclose(a.backoff, b.backoff, atol=3e-6)


@pytest.mark.parametrize("prune", [(), (0, 0, 1, 2)])
def test_probabilities_add_up_to_one_after_every_context(prune):
    charset = Charset.from_texts([*TEXTS, "xyz?"])
    model = CharModel(build_trie(estimate(TEXTS, order=5, prune=prune), charset))
    states = {model.start, 0}
    for text in [*TEXTS, "zzla mer", "?la ?plaine xx"]:
        state = model.start
        for symbol in text:
            _, state = model.step(state, symbol)
            states.add(state)
    assert len(states) > 50
    for state in states:
        total = sum(np.exp(model.step(state, symbol)[0]) for symbol in (*charset.symbols, END_SIGN))
        assert total == pytest.approx(1.0, abs=3e-3)  # half precision


@pytest.mark.parametrize(("order", "prune"), [(1, ()), (20, ()), (3, (1,)), (3, (0, 2, 1))])
def test_orders_and_pruning_out_of_range_are_refused(order, prune):
    with pytest.raises(UsageError):
        estimate(TEXTS, order=order, prune=prune)


def test_no_text_is_refused():
    with pytest.raises(LineDataError, match="no text"):
        estimate(["", ""], order=3)


FEW = [
    ["a"],
    ["aaaa"],
    ["ab"],
    ["abc", "abd"],
    TEXTS[:1],
    TEXTS[:2],
    TEXTS[:6],
    TEXTS[:20],
    ["", "ab", ""],
    ["été", "été", "été", "été"],
]


@pytest.mark.parametrize("texts", FEW, ids=lambda texts: f"{len(texts)}-{''.join(texts)[:8]}")
@pytest.mark.parametrize("prune", [(), (0, 0, 0, 1), (0, 0, 3), (0, 0, 0, 9)])
def test_few_lines_make_a_model_whose_probabilities_add_up_to_one(texts, prune, tmp_path):
    ngrams = estimate(texts, order=6, prune=prune)
    assert all(len(level.keys) for level in ngrams.levels)
    charset = Charset.from_texts([*texts, "xyz"])
    write_arpa(tmp_path / "few.arpa", ngrams)
    save_trie(tmp_path / "few.npz", build_trie(read_arpa(tmp_path / "few.arpa"), charset))
    model = load_model(tmp_path / "few.npz", charset)
    state = model.start
    for symbol in texts[-1] + "x":
        total = sum(np.exp(model.step(state, known)[0]) for known in (*charset.symbols, END_SIGN))
        assert total == pytest.approx(1.0, abs=3e-3)
        _, state = model.step(state, symbol)


def test_what_pruning_leaves_of_a_short_text_is_the_model_of_the_lower_order():
    whole, cut = estimate(TEXTS[:6], order=6, prune=(0, 0, 0, 99)), estimate(TEXTS[:6], order=3)
    assert whole.order == 3
    np.testing.assert_array_equal(whole.levels[1].keys, cut.levels[1].keys)
    np.testing.assert_allclose(whole.levels[0].log_prob, cut.levels[0].log_prob)


def test_text_of_which_pruning_leaves_single_symbols_is_too_little():
    with pytest.raises(LineDataError, match=r"too little text: no two symbols follow one another more than 5 times"):
        estimate(["abc"], order=6, prune=(0, 5))
