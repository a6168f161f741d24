"""Language models in every damaged form: our error, at once, whatever the file says."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import numpy as np
import pytest

from inkport.core.beam import BeamDecoder
from inkport.core.charset import Charset
from inkport.core.errors import ArtifactCorruptError, InkportError, UsageError
from inkport.core.lm.arpa import read_arpa, write_arpa
from inkport.core.lm.estimate import estimate
from inkport.core.lm.files import MOST_WEIGHT, Fusion, load_model, save_trie
from inkport.core.lm.model import build_trie


TEXTS = ["a bad cab", "a dab", "bad bad bed", "cab a", "abcde"]
CHARSET = Charset(tuple(" abcdez"))


@pytest.fixture(scope="module")
def arpa(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("lm") / "lm.arpa"
    write_arpa(path, estimate(TEXTS, order=3))
    return path.read_bytes()


@pytest.fixture(scope="module")
def npz(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("lm") / "lm.npz"
    save_trie(path, build_trie(estimate(TEXTS, order=3), CHARSET))
    return path.read_bytes()


@pytest.fixture
def opened(tmp_path):
    """Returns a function that opens a language model's bytes and decodes with it: a text, or the error."""

    def opened(data: bytes, suffix: str) -> str | InkportError:
        path = tmp_path / f"x{suffix}"
        path.write_bytes(data)
        logits = np.random.default_rng(0).normal(size=(12, CHARSET.size)).astype(np.float32) * 3
        try:
            return BeamDecoder(load_model(path, CHARSET), Fusion(alpha=1.0, beta=1.0)).text(logits, CHARSET)
        except InkportError as error:
            return error

    return opened


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"\\end\\\n", b"", r"ends before \\end"),
        (b"\\2-grams:", b"\\9-grams:", r"9-grams:' where '.*2-grams:' is expected"),
        (b"\\3-grams:", b"\\2-grams:", r"2-grams:' where"),
        (b"ngram 2=", b"ngram 4=", "the number of 4-grams where that of 2-grams"),
        (b"ngram 1=", b"ngram 1=1", "1-grams, its head says 1"),
        (b"ngram 3=", b"ngram 3=999999999999999999", "its head says 99999"),
        (b"ngram 3=", b"ngram 3=" + b"9" * 5000, ""),
        (b"\ta\t", b"\tb\t", "the unigram 'b' appears twice"),
        (b"\ta b\t", b"\tb a\t", "a 2-gram appears twice"),
        (b"\ta b\t", b"\ta q\t", "'q' is not a unigram"),
        (b"\ta\t", b"\tab\t", "'ab' is not a single symbol"),
        (b"\n-", b"\n", "above 0"),
        (b"\n-", b"\nnan\t", "no 1-gram"),
        (b"\ta\t", b"\ta\tinf\t", "no 1-gram"),
        (b"\ta\t-", b"\ta\t-9999", "a logarithm that is above 0, beyond 1000"),
        (b"\\data\\", b"\xff", "'utf-8' codec"),
        (b"\\data\\", b"x" * 5000, "a row of 4096 bytes"),
        (b"\\1-grams:", b"", "it ends before .*2-grams:"),
        (b"ngram 1=", b"ngrams", "the number of 2-grams where that of 1-grams is expected"),
    ],
)
def test_damage_to_an_arpa_file_is_named(opened, arpa, old, new, fault):
    assert old in arpa
    error = opened(arpa.replace(old, new, 1), ".arpa")
    assert isinstance(error, ArtifactCorruptError)
    with pytest.raises(ArtifactCorruptError, match=fault or None):
        raise error


def test_a_logarithm_that_is_no_number_is_refused(opened, arpa):
    first = arpa.index(b"\\1-grams:\n") + len(b"\\1-grams:\n")
    for value in (b"nan", b"inf", b"-inf", b"0.01", b"-1001"):
        error = opened(arpa[:first] + value + arpa[arpa.index(b"\t", first) :], ".arpa")
        assert "a logarithm that is above 0, beyond 1000, or no number" in str(error), value


def test_other_ends_of_lines_are_read_alike(opened, arpa):
    assert opened(arpa.replace(b"\n", b"\r\n"), ".arpa") == opened(arpa, ".arpa")
    assert isinstance(opened(arpa, ".arpa"), str)


def test_every_truncation_is_found(opened, arpa, npz):
    whole = arpa.rindex(b"\\end\\") + len(b"\\end\\")
    for end in range(0, whole, 3):
        assert isinstance(opened(arpa[:end], ".arpa"), ArtifactCorruptError), end
    for data, suffix in ((gzip.compress(arpa), ".arpa.gz"), (npz, ".npz")):
        for end in range(0, len(data) - 8, 11):
            assert isinstance(opened(data[:end], suffix), ArtifactCorruptError), (suffix, end)


def test_nothing_but_our_error_comes_of_damage(opened, arpa, npz):
    generator = np.random.default_rng(20)
    pieces = [b"nan", b"9" * 30, b"\xff", b"\0", b"\\end\\", b"\\2-grams:", b"ngram 9=9", b"-1"]
    for data, suffix in ((arpa, ".arpa"), (gzip.compress(arpa), ".arpa.gz"), (npz, ".npz")):
        for _ in range(150):
            damaged = bytearray(data)
            place, end = sorted(generator.integers(len(data), size=2).tolist())
            match generator.integers(4):
                case 0:
                    damaged[place] ^= 1 << int(generator.integers(8))
                case 1:
                    del damaged[place : min(end, place + 40)]
                case 2:
                    damaged[place:place] = damaged[place : min(end, place + 40)]
                case _:
                    damaged[place:place] = pieces[generator.integers(len(pieces))]
            opened(bytes(damaged), suffix)


def test_a_packed_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("inkport.core.lm.arpa.FREE_BYTES", 10_000)
    (tmp_path / "x.arpa.gz").write_bytes(gzip.compress(b"\\data\\\n" + b"\n" * 10_000_000))
    with pytest.raises(ArtifactCorruptError, match=r"more than .* bytes of text"):
        read_arpa(tmp_path / "x.arpa.gz")


def rewritten(npz: bytes, changes) -> bytes:
    """The file with some arrays made over."""
    with np.load(io.BytesIO(npz)) as stored:
        arrays = dict(stored)
    out = io.BytesIO()
    np.savez_compressed(out, **(arrays | {name: change(arrays[name]) for name, change in changes.items()}))
    return out.getvalue()


def with_head(**values):
    def change(head):
        return np.frombuffer(json.dumps(json.loads(head.tobytes()) | values).encode(), np.uint8)

    return {"head": change}


def with_value(place, value):
    def change(array):
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (with_head(order=10**9), "order 1000000000"),
        (with_head(order=0), "order 0"),
        (with_head(order=2), "longer n-grams than its order, 2"),
        (with_head(order=None), "not a readable language model"),
        (with_head(unknown=float("inf")), "expected a finite float"),
        (with_head(unknown=1.0), "a probability above 1"),
        (with_head(version=[2]), r"version \[2\], expected 1"),
        ({"head": lambda _head: np.frombuffer(b"[" * 10_000, np.uint8)}, "nested deeper"),
        ({"head": lambda _head: np.frombuffer(b"[]", np.uint8)}, "not a readable language model"),
        ({"points": lambda points: points.astype(np.float64)}, "<f8"),
        ({"points": lambda points: points[:-1]}, "arrays of"),
        ({"points": lambda points: points.reshape(1, -1)}, "arrays of"),
        ({"points": with_value(-1, 2**31)}, "code points up to 2147483648"),
        ({"children": with_value(0, 0)}, "children for"),
        ({"children": lambda children: children[::-1].copy()}, "a node before the one that it continues"),
        ({"points": lambda points: points[::-1].copy()}, "not in order"),
        ({"log_prob": with_value(3, np.nan)}, "no number"),
        ({"log_prob": with_value(3, np.inf)}, "infinite"),
        ({"backoff": with_value(3, -np.inf)}, "infinite"),
    ],
)
def test_numbers_that_make_no_trie_are_refused(opened, npz, changes, fault):
    error = opened(rewritten(npz, changes), ".npz")
    assert isinstance(error, ArtifactCorruptError)
    with pytest.raises(ArtifactCorruptError, match=fault):
        raise error


def test_a_small_file_that_unpacks_to_gigabytes_is_refused(opened, npz):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(npz)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) if name != "points.npy" else bytes(70_000_000))
    assert "when unpacked, at most" in str(opened(out.getvalue(), ".npz"))


@pytest.mark.parametrize("backoff", [60.0, 6000.0])
def test_a_weight_of_the_shorter_context_never_makes_a_text_likelier_than_certain(opened, npz, backoff):
    raised = {"backoff": lambda weights: np.full_like(weights, backoff)}
    assert isinstance(opened(rewritten(npz, raised), ".npz"), str)


@pytest.mark.parametrize("numbers", [{"alpha": 1e300}, {"beta": 1e300}, {"beta": -1e300}, {"alpha": -1.0}, {"beam": 0}])
def test_weights_whose_exponential_is_infinite_are_refused(numbers):
    with pytest.raises(ValueError, match=f"alpha must be within 0..{MOST_WEIGHT}"):
        Fusion(**{"alpha": 1.0, "beta": 1.0} | numbers)


def test_an_order_of_billions_is_refused_at_once():
    with pytest.raises(UsageError, match="order 1000000000: 9 symbols allow 2 to 16"):
        estimate(TEXTS, order=10**9)
