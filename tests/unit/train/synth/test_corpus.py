from __future__ import annotations

import numpy as np
import pytest

from inkport.core.errors import LineDataError
from inkport.train.synth.corpus import Corpus, load_corpus, load_divided


PARAGRAPHS = [
    "Le soir tombait ; il faisait froid, et la rue était vide.",
    "Oui.",
    "« Attendez-moi là », dit-elle en riant à sa sœur, puis elle sortit sans bruit de la maison.",
    "En 1914 il partit, le 3 août, avec 20 francs.",
]


@pytest.fixture
def corpus():
    return Corpus("fr", "\n".join(PARAGRAPHS))


def test_pieces_are_whole_words_of_one_paragraph(corpus, rng):
    for _ in range(500):
        piece = corpus.sample(rng, least=10, most=30)
        assert 10 <= len(piece) <= 30
        assert any(f" {piece} " in f" {paragraph} " for paragraph in PARAGRAPHS)


def test_every_word_can_occur(corpus, rng):
    pieces = [corpus.sample(rng, least=4, most=30) for _ in range(3000)]
    assert {word for piece in pieces for word in piece.split()} == set(corpus.text.split())


def test_digits_occur_more_often_than_in_the_text(rng):
    text = " ".join(["mot"] * 5000 + ["1914"] + ["mot"] * 5000)
    pieces = [Corpus("x", text).sample(rng, least=20, most=60) for _ in range(500)]
    assert 5 < sum("1914" in piece for piece in pieces) < 100


def test_equal_generators_give_equal_pieces(corpus):
    pieces = [[corpus.sample(np.random.default_rng(seed), least=10, most=40) for seed in range(50)] for _ in range(2)]
    assert pieces[0] == pieces[1]


def test_a_corpus_without_such_a_piece_is_refused(rng):
    with pytest.raises(LineDataError, match="no piece of 20 to 30 symbols"):
        Corpus("short", "One.\nTwo words.").sample(rng, least=20, most=30)
    with pytest.raises(LineDataError, match="no piece of 5 to 8 symbols"):
        Corpus("long", "incomprehensibilities " * 9).sample(rng, least=5, most=8)


def test_texts_are_brought_to_their_normal_form(tmp_path):
    (tmp_path / "fr.txt").write_bytes("\ufeffe\u0301te\u0301  \t fini\r\n\r\n  fin ".encode())
    corpus = load_corpus(tmp_path / "fr.txt")
    assert (corpus.name, corpus.text) == ("fr", "été fini\nfin")


@pytest.mark.parametrize(("content", "says"), [(b"", "no text"), (b" \n\n", "no text"), (b"\xff\xfe\xff", "UTF-8")])
def test_files_without_text_are_refused(content, says, tmp_path):
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(LineDataError, match=says):
        load_corpus(tmp_path / "x.txt")


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(LineDataError, match="cannot be read"):
        load_corpus(tmp_path / "absent.txt")


def test_typographic_signs_become_ascii_only_when_asked(tmp_path):
    (tmp_path / "de.txt").write_text("„So“, sagte er \u2013 \u201aleise\u2018 … it\u2019s", "utf-8")
    assert load_corpus(tmp_path / "de.txt", plain=True).text == "\"So\", sagte er - 'leise' ... it's"
    assert load_corpus(tmp_path / "de.txt").text == "„So“, sagte er \u2013 \u201aleise\u2018 … it\u2019s"


def test_dividing_keeps_every_paragraph_once_and_equal_ones_together():
    paragraphs = [f"paragraph {n % 300}" for n in range(600)]
    kept, held = Corpus("x", "\n".join(paragraphs)).divide(0.25)
    one, other = kept.text.split("\n"), held.text.split("\n")
    assert sorted(one + other) == sorted(paragraphs)
    assert not set(one) & set(other)
    assert 0.15 < len(other) / 600 < 0.35


def test_a_further_paragraph_moves_no_other():
    text = "\n".join(f"paragraph {n}" for n in range(50))
    held = Corpus("x", text).divide(0.3)[1].text.split("\n")
    more = Corpus("x", f"one more\n{text}").divide(0.3)[1].text.split("\n")
    assert set(more) - {"one more"} == set(held)


def test_division_reads_the_text_as_asked(tmp_path):
    (tmp_path / "x.txt").write_text("\n".join(f"a{n} \u2013" for n in range(40)), "utf-8")
    kept, held = load_divided(tmp_path / "x.txt", 0.5, plain=True)
    assert sorted((kept.text + "\n" + held.text).split("\n")) == sorted(f"a{n} -" for n in range(40))
