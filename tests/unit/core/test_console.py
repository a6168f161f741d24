"""Output that never raises, and JSON that every encoding carries."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from inkport.core.console import GuardedWriter, json_for_stdout


FULL = Path("/dev/full")
needs_full_device = pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")


@pytest.fixture
def pipe():
    """A pipe, as descriptors to read from and to write to."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError as error:
            assert error.errno == errno.EBADF  # noqa: PT017 - the test has closed it


def test_what_is_written_arrives(pipe):
    writer = GuardedWriter(pipe[1])
    assert writer.write(b"some") == 4
    assert os.read(pipe[0], 100) == b"some"
    assert (writer.error, writer.lost, writer.fileno(), writer.isatty()) == (None, False, pipe[1], False)


def test_a_reader_that_went_away_is_no_loss(pipe):
    os.close(pipe[0])
    stream = io.TextIOWrapper(io.BufferedWriter(GuardedWriter(pipe[1])), encoding="utf-8")
    writer = stream.buffer.raw
    stream.write("x" * 100_000)
    stream.flush()
    stream.write("and on")
    stream.close()
    assert isinstance(writer.error, BrokenPipeError)
    assert not writer.lost


@needs_full_device
def test_a_full_disk_is_a_loss_that_is_told_later():
    with FULL.open("wb", buffering=0) as full:
        writer = GuardedWriter(full.fileno())
        assert writer.write(b"some") == 4
        assert writer.lost
        assert writer.error is not None
        assert writer.error.errno == errno.ENOSPC


def test_a_stream_that_was_closed_takes_all_and_misses_nothing():
    writer = GuardedWriter(None)
    assert writer.write(b"some") == 4
    assert (writer.error, writer.lost, writer.isatty()) == (None, False, False)
    with pytest.raises(OSError, match="fileno"):
        writer.fileno()


def test_a_pipe_that_somebody_made_non_blocking_gets_everything(pipe):
    os.set_blocking(pipe[1], False)
    data, got = os.urandom(1_000_000), bytearray()

    def drain():
        while len(got) < len(data):
            got.extend(os.read(pipe[0], 65536))

    reader = threading.Thread(target=drain)
    reader.start()
    writer = GuardedWriter(pipe[1])
    assert writer.write(data) == len(data)
    reader.join()
    assert bytes(got) == data
    assert writer.error is None


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=2))
def test_json_is_the_same_document_in_every_encoding(document):
    text = json.dumps(document, ensure_ascii=False)
    with pytest.MonkeyPatch.context() as patch:
        for encoding in ("ascii", "latin-1", "cp1252", "utf-16"):
            patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
            assert json.loads(json_for_stdout(text).encode("ascii")) == document
        patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
        assert json_for_stdout(text) == text


def test_json_holds_a_file_name_that_is_no_utf8(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert json_for_stdout('["caf\udce9 \U0001f58b"]') == '["caf\\udce9 \\ud83d\\udd8b"]'
