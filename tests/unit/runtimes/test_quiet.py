from __future__ import annotations

import os
import subprocess
from pathlib import Path

from inkport.runtimes.sdk import native_output


def test_what_native_code_prints_is_kept_back_and_can_be_read(capfd):
    with native_output() as printed:
        assert printed() == ""
        os.write(1, b"out\n")
        os.write(2, b"err\n")
        assert printed() == "out\nerr"
        subprocess.run(["/bin/sh", "-c", "echo child"], check=True)
        assert printed().endswith("child")
    os.write(1, b"after\n")
    assert capfd.readouterr() == ("after\n", "")


def test_no_descriptor_is_left_open():
    def descriptors():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    for _ in range(5):
        with native_output():
            pass
    assert descriptors() == before
