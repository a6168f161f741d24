"""An imported model is held to the suite that vendors inherit, without torch; a bundle refuses it."""

from __future__ import annotations

import pytest

from inkport.core.errors import SpecError
from inkport.core.registry import open_session
from inkport.export.bundle.bundle import BundleRequest, make_bundle
from inkport.export.import_.importer import examine, write_import
from inkport.export.import_.settings import merged, parse_settings
from inkport.lines.source import read_lines
from inkport.runtimes.conformance import RuntimeConformance
from inkport.runtimes.logits import Golden


@pytest.fixture(scope="module")
def imported(theirs, tmp_path_factory):
    found = examine(theirs.model, charset=theirs.charset, given=merged({}, parse_settings(theirs.settings)))
    return write_import(found, tmp_path_factory.mktemp("imported") / "crnn")


class TestImported(RuntimeConformance):
    runtime = "onnxruntime"

    @pytest.fixture(scope="class")
    @classmethod
    def artifact(cls, imported):
        return imported

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls, artifact):
        with open_session(artifact, runtime="onnxruntime") as session:
            return Golden.record(artifact.spec, session)


@pytest.mark.parametrize("platform", ["cpp", "web", "python"])
def test_a_bundle_refuses_it_before_anything_is_written(imported, lines_folder, tmp_path, platform):
    request = BundleRequest(model=imported, platform=platform, lines=read_lines([lines_folder]))
    with pytest.raises(SpecError, match=r"an imported recogniser, with settings that .* has no words for"):
        make_bundle(request, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
