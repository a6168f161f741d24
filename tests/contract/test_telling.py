"""Bindings of a bundle read the telling lines from the file on as their engines do where inkport prepares."""

from __future__ import annotations

import pytest

from inkport.benchmarks.run.telling import Preparation, prepared_by, telling_lines
from inkport.core.artifact import bundled_artifacts
from inkport.core.registry import open_session, probe


@pytest.mark.parametrize(("runtime", "device"), [("bundle-cpp", "cpu"), ("bundle-node", "cpu"), ("bundle-web", "wasm")])
def test_a_binding_prepares_as_inkport_does(runtime, device):
    if not (found := probe(runtime)).ok:
        pytest.skip(found.reason)
    artifact = bundled_artifacts()[0]
    with open_session(artifact, runtime=runtime, device=device) as session:
        assert prepared_by(session, artifact.spec) == Preparation(lines=len(telling_lines()), wrong=())
