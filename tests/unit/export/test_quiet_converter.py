from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from pathlib import Path

import pytest

from inkport.core.errors import ExportError, UsageError
from inkport.export.quiet_converter import quiet_converter


def test_a_converter_leaves_no_trace(capfd, recwarn):
    before, handlers = dict(os.environ), list(logging.getLogger().handlers)
    with quiet_converter("stage", Path("model")):
        os.environ["CONVERTER"] = "was here"
        os.environ.pop("PATH", None)
        logging.getLogger().addHandler(logging.NullHandler())
        sys.stdout.write("a banner\n")
        os.write(1, b"another one, past sys.stdout\n")
        os.write(2, b"and a complaint\n")
        warnings.warn("too new", stacklevel=1)
    assert dict(os.environ) == before
    assert logging.getLogger().handlers == handlers
    assert capfd.readouterr() == ("", "")
    assert not list(recwarn)


def test_its_error_becomes_ours_with_what_it_said_last():
    expected = r"^stage: model: no such op; it printed last: unsupported: foo$"
    with pytest.raises(ExportError, match=expected), quiet_converter("stage", Path("model")):
        os.write(2, b"converting\nunsupported: foo\n")
        raise RuntimeError("no such op\nand a page of trace")


@pytest.mark.parametrize(
    "error",
    [
        UsageError("ours"),
        ModuleNotFoundError("no SDK", name="sdk"),
        OSError(errno.ENOSPC, "full"),
        MemoryError("7 TiB"),
    ],
)
def test_errors_that_mean_something_to_the_caller_pass_through(error):
    with pytest.raises(type(error)) as caught, quiet_converter("stage", Path("model")):
        raise error
    assert caught.value is error


def test_the_terminal_is_back_after_an_error(capfd):
    with pytest.raises(ExportError), quiet_converter("stage", Path("model")):
        raise ValueError("x")
    sys.stdout.write("seen\n")
    sys.stdout.flush()
    assert capfd.readouterr().out == "seen\n"
