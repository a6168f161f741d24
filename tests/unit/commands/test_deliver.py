"""The end of a command: neither the printed result nor its code depends on what becomes of the files."""

from __future__ import annotations

import errno
import os

import pytest

from inkport.commands._output import deliver


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_result_is_printed_and_its_files_are_named(capsys, code):
    written = []
    assert deliver("result\n", files=lambda: written.append(1), where="out/report.html", code=code) == code
    assert capsys.readouterr() == ("result\n", "report: out/report.html\n")
    assert written == [1]


@pytest.mark.parametrize(("code", "ends"), [(0, 2), (1, 1), (3, 3)])
def test_a_full_disk_takes_neither_the_result_nor_its_code(capsys, code, ends):
    def refuse():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/report.json")

    assert deliver("result\n", files=refuse, where="out/report.html", code=code) == ends
    printed = capsys.readouterr()
    assert printed.out == "result\n"
    assert printed.err == ("inkport: the result above is not in its files: out/report.json: No space left on device\n")
