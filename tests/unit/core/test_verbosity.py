"""How much is said: flags anywhere on the command line, the last one counts."""

from __future__ import annotations

import pytest

from inkport.core.verbosity import is_quiet, is_verbose, take_verbosity


@pytest.fixture(autouse=True)
def usual():
    yield
    take_verbosity([])


@pytest.mark.parametrize(
    ("arguments", "rest", "quiet", "verbose"),
    [
        ([], [], False, False),
        (["verify", "-q", "model"], ["verify", "model"], True, False),
        (["--verbose", "verify"], ["verify"], False, True),
        (["-q", "verify", "-v"], ["verify"], False, True),
        (["read", "--", "-q"], ["read", "--", "-q"], False, False),
        (["read", "--quiet", "--", "-v"], ["read", "--", "-v"], True, False),
    ],
)
def test_flags_are_taken_off(arguments, rest, quiet, verbose):
    assert take_verbosity(arguments) == rest
    assert (is_quiet(), is_verbose()) == (quiet, verbose)


def test_every_run_starts_as_usual():
    take_verbosity(["-q"])
    take_verbosity(["verify"])
    assert not is_quiet()
