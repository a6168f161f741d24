"""Keeping what native libraries print out of our own output."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def native_output() -> Iterator[Callable[[], str]]:
    """Redirect the process's standard output and error; yield a function that returns what was printed so far.

    Libraries write to the file descriptors, past ``sys.stdout``: a banner there would break `--json`, and the
    reason why a file was refused is often nowhere else. Other threads that print meanwhile are caught too.
    """
    with tempfile.TemporaryFile() as file:

        def read() -> str:
            return os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace").strip()

        sys.stdout.flush()
        sys.stderr.flush()
        kept = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
        try:
            for descriptor in kept:
                os.dup2(file.fileno(), descriptor)
            yield read
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in kept.items():
                os.dup2(copy, descriptor)
                os.close(copy)
