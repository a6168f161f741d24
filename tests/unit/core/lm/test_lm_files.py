from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inkport.core.charset import Charset
from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError, SpecMismatchError
from inkport.core.files import sha256_file
from inkport.core.lm.arpa import read_arpa, to_tokens, write_arpa
from inkport.core.lm.estimate import as_lines, estimate, in_charset
from inkport.core.lm.files import Fusion, fusion_path, load_fusion, load_model, save_fusion, save_trie
from inkport.core.lm.model import CharModel, build_trie


TEXTS = ["a bad cab", "a dab", "bad bad bed", "cab a", "abcde"]
CHARSET = Charset(tuple(" abcdez"))


@pytest.mark.parametrize("suffix", [".arpa", ".arpa.gz"])
def test_arpa_gives_back_the_model(tmp_path, suffix):
    ngrams = estimate(TEXTS, order=3)
    write_arpa(tmp_path / f"lm{suffix}", ngrams)
    again = read_arpa(tmp_path / f"lm{suffix}")
    assert again.symbols == ngrams.symbols
    for a, b in zip(again.levels, ngrams.levels, strict=True):
        np.testing.assert_array_equal(a.keys, b.keys)
        np.testing.assert_allclose(a.log_prob[3:], b.log_prob[3:], atol=1e-5)
        np.testing.assert_allclose(a.backoff, b.backoff, atol=1e-5)


def test_the_stored_model_scores_as_the_one_in_memory_and_its_bytes_are_reproducible(tmp_path):
    trie = build_trie(estimate(TEXTS, order=4), CHARSET)
    save_trie(tmp_path / "a.npz", trie)
    save_trie(tmp_path / "b.npz", trie)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    model, stored = CharModel(trie), load_model(tmp_path / "a.npz", CHARSET)
    for text in ["a bad bed", "zeb", "", "dddd cab"]:
        assert stored.score(text) == model.score(text)


def test_a_score_is_the_sum_along_the_arpa_file(tmp_path):
    """A plain back-off over the file's own entries, without trie, links or states."""
    write_arpa(tmp_path / "lm.arpa", estimate(TEXTS, order=4, prune=(0, 0, 1)))
    entries = {}
    for line in (tmp_path / "lm.arpa").read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if len(fields) >= 2:
            entries[tuple(fields[1].split())] = (float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0)

    def log10(context, token):
        if (*context, token) in entries:
            return entries[*context, token][0]
        return entries.get(context, (0.0, 0.0))[1] + log10(context[1:], token)

    model = load_model(tmp_path / "lm.arpa", CHARSET)
    for text in ["a bad cab", "dab dab", "ecab a", "bb a a"]:
        tokens = ["<s>", *to_tokens(text).split(), "</s>"]
        expected = sum(log10(tuple(tokens[max(0, i - 3) : i]), tokens[i]) for i in range(1, len(tokens)))
        assert model.score(text) == pytest.approx(expected * np.log(10), abs=0.03)  # half precision


def test_damage_and_misuse_are_named(tmp_path):
    save_trie(tmp_path / "lm.npz", build_trie(estimate(TEXTS, order=3), CHARSET))
    with pytest.raises(SpecMismatchError, match="built for charset"):
        load_model(tmp_path / "lm.npz", Charset(tuple(" abcde")))
    with pytest.raises(ArtifactNotFoundError):
        load_model(tmp_path / "none.npz", CHARSET)
    data = (tmp_path / "lm.npz").read_bytes()
    for damaged in (data[: len(data) // 2], b"", b"PK nothing"):
        (tmp_path / "bad.npz").write_bytes(damaged)
        with pytest.raises(ArtifactCorruptError):
            load_model(tmp_path / "bad.npz", CHARSET)
    write_arpa(tmp_path / "lm.arpa", estimate(TEXTS, order=3))
    text = (tmp_path / "lm.arpa").read_text(encoding="utf-8")
    for broken in (text[: len(text) // 2], text.replace("ngram 2=", "ngram 2=1"), text.replace("<space>", "the"), ""):
        (tmp_path / "bad.arpa").write_text(broken, encoding="utf-8")
        with pytest.raises(ArtifactCorruptError):
            load_model(tmp_path / "bad.arpa", CHARSET)
    with pytest.raises(SpecMismatchError, match="outside the charset"):
        load_model(tmp_path / "lm.arpa", Charset(tuple(" ab")))


def test_weights_belong_to_one_model_and_charset(tmp_path):
    path = tmp_path / "lm.npz"
    save_trie(path, build_trie(estimate(TEXTS, order=3), CHARSET))
    with pytest.raises(ArtifactNotFoundError, match="no weights"):
        load_fusion(path, CHARSET, root="a" * 64)
    fusion = Fusion(alpha=0.5, beta=1.0, lm_sha256=sha256_file(path), charset_sha256=CHARSET.digest, root="a" * 64)
    save_fusion(path, fusion)
    assert load_fusion(path, CHARSET, root="a" * 64) == fusion
    with pytest.raises(SpecMismatchError, match="another language model or charset"):
        load_fusion(path, Charset(tuple(" ab")), root="a" * 64)
    with pytest.raises(SpecMismatchError, match="recogniser with weights aaaaaaaaaaaa, this one descends from bbb"):
        load_fusion(path, CHARSET, root="b" * 64)
    for broken in ('[{"alpha": -1.0, "beta": 0.0}]', '{"alpha": 1.0, "beta": 0.0}', "[3]", "["):
        fusion_path(path).write_text(broken, encoding="utf-8")
        with pytest.raises(ArtifactCorruptError):
            load_fusion(path, CHARSET, root="a" * 64)
        with pytest.raises(ArtifactCorruptError):
            save_fusion(path, fusion)
        assert fusion_path(path).read_text(encoding="utf-8") == broken
    path.unlink()
    path.mkdir()
    with pytest.raises(ArtifactNotFoundError, match="no such file"):
        load_fusion(path, CHARSET, root="a" * 64)


def test_one_language_model_serves_several_recognisers(tmp_path):
    path = tmp_path / "lm.npz"
    save_trie(path, build_trie(estimate(TEXTS, order=3), CHARSET))
    digests = {"lm_sha256": sha256_file(path), "charset_sha256": CHARSET.digest}
    one, two = (Fusion(alpha=alpha, beta=1.0, root=root * 64, **digests) for alpha, root in ((0.5, "a"), (0.7, "b")))
    again = replace(one, alpha=0.6)
    for fusion in (one, two, again):
        save_fusion(path, fusion)
    assert load_fusion(path, CHARSET, root="a" * 64) == again
    assert load_fusion(path, CHARSET, root="b" * 64) == two
    # Weights for what the file held before are of no use to anyone.
    save_fusion(path, replace(one, lm_sha256="c" * 64))
    with pytest.raises(SpecMismatchError, match="another language model"):
        load_fusion(path, CHARSET, root="b" * 64)


def test_text_is_cut_at_words_and_kept_in_the_charset():
    charset = Charset(tuple(" 'abcd"))
    assert list(as_lines(["ab  cd abcd a\u2019b"], charset, width=5)) == ["ab cd", "abcd", "a'b"]
    assert list(in_charset(["ab", "xy", "  ", "a\u2026"], charset)) == ["ab"]
    assert list(in_charset(["a\u2019b"], Charset(tuple("ab\u2019")))) == ["a\u2019b"]
