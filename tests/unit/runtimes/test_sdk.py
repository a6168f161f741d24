"""What a probe says of an SDK that is there, absent, or broken."""

from __future__ import annotations

import sys

import pytest

from inkport.runtimes.sdk import probe_sdk


@pytest.fixture
def sdk(tmp_path, monkeypatch):
    def make(source):
        (tmp_path / "acme_sdk.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "acme_sdk", raising=False)
        return probe_sdk("acme_sdk", extra="acme", devices=("npu",))

    return make


def test_present(sdk):
    found = sdk('__version__ = "2026.1-22982-abc"')
    assert (found.ok, found.version, found.devices) == (True, "2026.1", ("npu",))


def test_absent():
    found = probe_sdk("acme_sdk_that_nobody_has", extra="acme")
    assert not found.ok
    assert found.reason == "acme_sdk_that_nobody_has is not installed"
    assert found.remedy == "pip install 'inkport[acme]'"


@pytest.mark.parametrize("module", ["acme_sdk_that_nobody_has", "acme_sdk"])
def test_a_plug_in_says_in_its_own_words_what_installs_its_sdk(sdk, module):
    sdk("raise OSError('libacme.so')")
    found = probe_sdk(module, remedy="install the driver from acme.example, then pip install acme")
    assert not found.ok
    assert found.remedy == "install the driver from acme.example, then pip install acme"


def test_without_such_words_the_module_is_named():
    assert probe_sdk("acme_sdk_that_nobody_has").remedy == "install acme_sdk_that_nobody_has"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise OSError('libacme.so: cannot open shared object file')", "libacme.so"),
        ("import a_dependency_that_is_missing", "a_dependency_that_is_missing"),
    ],
)
def test_broken_is_not_absent(sdk, source, reason):
    found = sdk(source)
    assert not found.ok
    assert reason in found.reason
    assert found.remedy == "reinstall acme_sdk"
