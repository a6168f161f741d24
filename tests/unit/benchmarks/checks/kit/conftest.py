"""A kit of the numpy recogniser, archives that were tampered with, and runners that go wrong at one stage."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inkport.benchmarks.checks.kit.make import KitRequest, make_kit
from inkport.benchmarks.checks.kit.run import wanted_tensors
from inkport.benchmarks.run.kit.archive import write_archive
from inkport.benchmarks.run.kit.manifest import MANIFEST, FileInfo
from inkport.benchmarks.run.kit.open import Kit, open_kit
from inkport.benchmarks.run.kit.result import Result, ResultWriter, RunnerInfo, open_result
from inkport.benchmarks.run.kit.stages import Stage, as_gray, as_input, gray_stage, tensor_stage
from inkport.core.artifact import Artifact, load_artifact, new_artifact
from inkport.core.ctc import greedy
from inkport.core.errors import SpecMismatchError
from inkport.core.preprocess import TRIANGLE_V2
from inkport.core.target import Budget, Precision, Target
from inkport.lines.audit import audit_lines


ALL = (Stage.GRAY, Stage.TENSOR, Stage.LOGITS, Stage.TEXT)


@pytest.fixture
def resampling() -> str:
    """The recogniser's; a test that is about images of floats is parametrized with the other one."""
    return TRIANGLE_V2


@pytest.fixture
def fake_artifact(fake_artifact, resampling, tmp_path) -> Artifact:
    if fake_artifact.spec.preprocess.resampling == resampling:
        return fake_artifact
    spec = replace(fake_artifact.spec, preprocess=replace(fake_artifact.spec.preprocess, resampling=resampling))
    fields = {"format": "fake", "precision": Precision.FP32, "provenance": fake_artifact.provenance}
    with new_artifact(tmp_path / "other-artifact", spec=spec, **fields) as folder:
        (folder / "weights.fake").write_bytes(b"12345")
    return load_artifact(tmp_path / "other-artifact")


@pytest.fixture
def request_kit(install, fake_runtime, fake_artifact, fake_lines):
    """Return a function from changed settings to a request; the reference is the numpy runtime."""
    install(fake_runtime("torch"), fake_runtime("acme"))
    spec = fake_artifact.spec
    audit = audit_lines(fake_lines, charset=spec.charset, preprocess=spec.preprocess, stride=spec.stride)
    budget = Budget(cer_margin=0.3)

    def make(**changes: object) -> KitRequest:
        settings: dict[str, object] = {
            "model": fake_artifact,
            "targets": [Target(name="acme fp32", runtime="acme", precision=Precision.FP32, budget=budget)],
            "audit": audit,
            "provide": lambda _: fake_artifact,
            "lines": 10,
            "golden": 4,
        }
        return KitRequest(**settings | changes)

    return make


@pytest.fixture
def rng() -> np.random.Generator:
    """The same for every test, so that they share the lines."""
    return np.random.default_rng(10)


@pytest.fixture(scope="session")
def made() -> dict[str, bytes]:
    """The bytes of the kits by resampling, once a test has made one."""
    return {}


@pytest.fixture
def kit(request_kit, made, resampling, tmp_path) -> Kit:
    path = tmp_path / "a.inkport-kit.zip"
    if resampling not in made:
        made[resampling] = make_kit(request_kit(), path).path.read_bytes()
    path.write_bytes(made[resampling])
    return open_kit(path)


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def tamper(kit, tmp_path):
    """Write the kit again with other members; ``listed`` brings the manifest's digests up to date."""

    def write(
        change: Callable[[dict[str, bytes]], None] = lambda _: None,
        *,
        manifest: Callable[[dict], None] = lambda _: None,
        listed: bool = False,
    ) -> Path:
        members = members_of(kit.path)
        change(members)
        document = json.loads(members[MANIFEST])
        if listed:
            files = {name: data for name, data in members.items() if name != MANIFEST}
            document["files"] = {name: vars(FileInfo.of(data)) for name, data in files.items()}
        manifest(document)
        members[MANIFEST] = json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
        write_archive(tmp_path / "tampered.zip", members)
        return tmp_path / "tampered.zip"

    return write


def decoded(logits, kit) -> str:
    """Return the greedy text, or none where the logits are no logits."""
    try:
        return greedy(logits[0], kit.spec.charset).text
    except SpecMismatchError:
        return ""


@pytest.fixture
def answer(kit, faithful, tmp_path):
    """Run the kit with a runner of ours; each stage named in ``wrong`` is changed, and what follows builds on that.

    A change gets values of 0..1, whether the stage is bytes or not.
    """
    pre = kit.spec.preprocess

    def stored(values):
        return np.rint(255 * values).clip(0, 255).astype(np.uint8) if pre.in_bytes else values

    def run(
        wrong: Mapping[Stage, Callable] | None = None,
        *,
        start: Stage = Stage.IMAGE,
        shown: tuple[Stage, ...] = ALL,
        run_ns: Callable[[int], int | None] = lambda _: None,
        runner: RunnerInfo | None = None,
        **fields: object,
    ) -> Result:
        alter = {stage: (wrong or {}).get(stage, lambda value: value) for stage in ALL}
        writer = ResultWriter()
        for index, (entry, line) in enumerate(zip(kit.manifest.lines, kit.lines, strict=True)):
            gray = stored(alter[Stage.GRAY](as_gray(gray_stage(line, pre))))
            tensor = stored(alter[Stage.TENSOR](as_input(tensor_stage(gray, pre), pre)))
            logits = alter[Stage.LOGITS](faithful(as_input(tensor, pre)))
            text = alter[Stage.TEXT](decoded(logits, kit))
            values = {Stage.GRAY: gray, Stage.TENSOR: tensor, Stage.LOGITS: logits}
            writer.add(
                line.id,
                text=text if Stage.TEXT in shown else None,
                run_ns=run_ns(index),
                tensors={stage: values[stage] for stage in wanted_tensors(entry, shown)},
            )
        settings: dict[str, object] = {
            "kit": kit.digest,
            "target": "acme fp32",
            "artifact": kit.manifest.artifacts[0].sha256,
            "runner": runner or RunnerInfo(engine="ours", version="1"),
            "start": start,
            "shown": shown,
        }
        writer.write(tmp_path / "result.zip", **settings | fields)
        return open_result(tmp_path / "result.zip")

    return run


@pytest.fixture
def rewrite(tmp_path):
    """Write a result again with another ``result.json`` and other members; digests are brought up to date."""

    def write(result, change=lambda _: None, members=lambda _: None, *, listed=True):
        content = members_of(result.path)
        document = json.loads(content["result.json"])
        members(content)
        if listed:
            files = {name: data for name, data in content.items() if name != "result.json"}
            document["files"] = {name: vars(FileInfo.of(data)) for name, data in files.items()}
        change(document)
        content["result.json"] = json.dumps(document).encode()
        write_archive(tmp_path / "rewritten.zip", content)
        return tmp_path / "rewritten.zip"

    return write


@pytest.fixture
def reopen(kit):
    """Open the kit again from its file."""
    return lambda **options: open_kit(kit.path, **options)
