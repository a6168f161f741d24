"""Readers of models without torch: artifacts, ONNX files, language models, kits, results, answers of children."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaign.reader import Reader


if TYPE_CHECKING:
    from inkport.core.artifact import Artifact


CHILD = """
while read -r asked; do
    case $asked in *'"op": "run"'*) out=${asked##*'"output": "'}; head -c 256 /dev/zero >"${out%%'"'*}";; esac
    read -r answer <&3; printf '%s\\n' "$answer"
done 3<"$1"
"""
"""A child that says what a file says, line by line, and writes the values of (1, 8, 8) where it is to."""


def read_artifact(folder: Path) -> object:
    from inkport.core.artifact import load_artifact

    artifact = load_artifact(folder)
    return artifact.digest, artifact.root, artifact.bytes, artifact.spec.frames(artifact.spec.preprocess.min_width)


def read_model_card(folder: Path) -> object:
    """Look for the digest in a card, and write the block anew."""
    from campaign.toys import onnx_artifact
    from inkport.core.hub.card import digest_in, read_card, updated_card

    card = read_card(folder / "README.md")
    artifact = onnx_artifact(folder / "artifact")
    assert digest_in(updated_card(card, artifact)) == artifact.digest
    return digest_in(card)


def read_onnx_alone(folder: Path) -> object:
    """Open an ONNX file by what it says of itself."""
    from inkport.core.onnx_metadata import artifact_from_onnx

    return artifact_from_onnx(folder / "alone.onnx", folder / "opened").digest


def read_onnx(folder: Path) -> object:
    """Open an ONNX file that its sidecar vouches for, and hand it to whatever looks into one."""
    from campaign.toys import vouch
    from inkport.benchmarks.checks.bench.efficiency import count_operations
    from inkport.benchmarks.checks.debug.graph import Graph
    from inkport.core.artifact import Calibration, load_artifact
    from inkport.core.errors import InkportError
    from inkport.export.from_onnx.fp16 import fp16_onnx_from_onnx
    from inkport.export.quantize.calibration import CalibrationSet
    from inkport.export.quantize.onnx_int8 import Int8Options, measure_ranges
    from inkport.export.quantize.qdq import saturation_warning
    from inkport.export.quantize.search.blank_bias import head_bias_onnx_from_onnx
    from inkport.export.quantize.search.sensitivity import find_groups

    artifact = load_artifact(vouch(folder))
    calibration = CalibrationSet(inputs=(_white(artifact),), record=Calibration(ids=("a",), sha256=""))
    uses = (
        find_groups,
        saturation_warning,
        lambda found: Graph(found.file(".onnx")),
        lambda found: fp16_onnx_from_onnx(found, folder / "fp16"),
        lambda found: head_bias_onnx_from_onnx(found, folder / "bias", label=0, offset=0.5),
        lambda found: count_operations(found.file(".onnx"), height=48, width=64),
        lambda found: measure_ranges(found, calibration, Int8Options()),
        run_onnx,
        trace_onnx,
    )
    refused = 0
    for use in uses:
        try:
            use(artifact)
        except InkportError:
            refused += 1
    if refused == len(uses):
        # Whoever is asked refuses: so does this reader.
        run_onnx(artifact)
    return refused


def run_onnx(artifact: Artifact) -> object:
    """Run an artifact on a white line."""
    from inkport.core.registry import open_session
    from inkport.core.runtime import Traced

    with open_session(artifact, runtime="onnxruntime") as session:
        session.run(_white(artifact))
        assert isinstance(session.session, Traced)
        return len(session.session.intermediates(_white(artifact)))


def trace_onnx(artifact: Artifact) -> object:
    """Run it operator by operator, as ``inkport diagnose operators`` does."""
    from inkport.core.runtime import SessionOptions
    from inkport.runtimes.onnx_reference import OnnxReference

    session = OnnxReference().open(artifact, device="cpu", options=SessionOptions())
    return len(session.intermediates(_white(artifact)))


def _white(artifact: Artifact) -> np.ndarray:
    spec = artifact.spec.preprocess
    return np.zeros((1, 1, spec.height, spec.min_width), np.float32)


def read_kept_kit(folder: Path) -> object:
    """Take a kit that was made before for a device, or make it again."""
    from campaign.toys import kit_request
    from inkport.benchmarks.checks.devices.runs import provide_kit
    from inkport.benchmarks.run.progress import silent

    for name in ("kit.zip", "kit.json"):
        if (folder / name).is_dir():
            # Where they are to be written: the disk refuses, and the command line turns that into exit code 2.
            return None
    return provide_kit(kit_request(), folder, progress=silent).digest


def read_lm(name: str, folder: Path) -> object:
    from campaign.toys import SPEC
    from inkport.core.beam import BeamDecoder
    from inkport.core.lm.files import Fusion, load_model

    model = load_model(folder / name, SPEC.charset)
    decode = BeamDecoder(model, Fusion(alpha=0.5, beta=0.5, beam=4))
    logits = np.random.default_rng(1).normal(size=(12, SPEC.charset.size)).astype(np.float32)
    return decode(logits, SPEC.charset).text


def read_fusion(folder: Path) -> object:
    from campaign.toys import SPEC
    from inkport.core.lm.files import load_fusion

    return load_fusion(folder / "a.npz", SPEC.charset, root="ab")


def read_golden(folder: Path) -> object:
    from inkport.runtimes.logits import Golden

    golden = Golden.load(folder / "golden.npz")
    return [images.shape for images in golden.images]


def read_kit(folder: Path) -> object:
    """Open a kit as the command does, and take out all that is in it."""
    from inkport.benchmarks.run.kit.open import open_kit

    kit = open_kit(folder / "a.zip")
    for line, listed in zip(kit.lines, kit.manifest.lines, strict=True):
        kit.golden(listed)
        line.gray()
    target = kit.target()
    place = folder / "artifact"
    place.mkdir()
    return kit.extract_artifact(target, place).digest


def read_kit_result(folder: Path) -> object:
    from inkport.benchmarks.checks.kit.check import check_kit
    from inkport.benchmarks.checks.kit.sections import present
    from inkport.benchmarks.report.text import render_text
    from inkport.benchmarks.run.kit.open import open_kit, open_result

    check = check_kit(open_kit(folder / "a.zip"), open_result(folder / "result.zip"))
    return render_text(present(check)), check.to_json()


def read_signed_kit(folder: Path) -> object:
    """Check a kit against a public key, and sign with a secret one."""
    from inkport.benchmarks.run.kit.open import open_kit
    from inkport.benchmarks.run.kit.signature import sign

    sign(b"data", folder / "secret.pem")
    return open_kit(folder / "a.zip", public_key=folder / "public.pem").digest


def read_answers(folder: Path) -> object:
    """Talk to a child process that answers what the file says, line by line."""
    from campaign.toys import onnx_artifact
    from inkport.core.child import open_child
    from inkport.core.runtime import SessionOptions

    artifact = onnx_artifact(folder / "toy")
    command = ["sh", "-c", CHILD, "sh", str(folder / "answers.jsonl")]
    options = SessionOptions(extra={"timeout_s": "1"})
    session = open_child(command, artifact, model=artifact.path, device="cpu", options=options, label="child")
    try:
        return session.run(np.zeros((1, 1, 48, 32), np.float32)).shape
    finally:
        session.close()


def read_engine_binding(folder: Path) -> object:
    from campaign.toys import vouch
    from inkport.core.artifact import load_artifact
    from inkport.runtimes.trt_engine import EngineBinding

    return str(EngineBinding.of(load_artifact(vouch(folder))))


def read_foreign(folder: Path) -> object:
    """Import an ONNX file, with a charset of its own."""
    from inkport.export.import_.importer import examine, write_import
    from inkport.export.import_.settings import parse_settings

    (folder / "symbols.txt").write_text("a\nb\nc\nd\ne\n\n \n", encoding="utf-8")
    given = parse_settings(["width_multiple=16", "max_width=256", "blank=0"])
    found = examine(folder / "model.onnx", charset=folder / "symbols.txt", given=given)
    return write_import(found, folder / "imported").digest


def read_configuration(folder: Path) -> object:
    """Read what lies beside somebody's model: docTR's config.json, or PaddleOCR's inference.yml."""
    from inkport.export.import_.folder import find_model

    (folder / "model.onnx").touch()
    found = find_model(folder)
    return found.settings, found.symbols


def read_charset(folder: Path) -> object:
    """Read a file of symbols."""
    from inkport.export.import_.symbols import charset_for, read_symbols

    (file,) = (path for path in folder.iterdir() if path.suffix in {".txt", ".json"})
    found = read_symbols(file)
    return charset_for(found, len(found.symbols) + 1, blank=-1, space=None)


def read_expected(folder: Path) -> object:
    """Read what another pipeline made of lines."""
    from inkport.export.import_.expect import read_expectations
    from inkport.lines.line import Line

    (file,) = (path for path in folder.iterdir() if path.suffix in {".tsv", ".npz"})
    return read_expectations(file, [Line(id=f"line{number}", image=b"", text="") for number in range(3)])


MODEL_READERS = (
    Reader(name="foreign-onnx", modules=("export.import_.onnx_file", "export.import_.importer"), read=read_foreign),
    Reader(name="model-configuration", modules=("export.import_.folder",), read=read_configuration),
    Reader(name="symbols-file", modules=("export.import_.symbols",), read=read_charset),
    Reader(name="expectations", modules=("export.import_.expect",), read=read_expected),
    Reader(name="model-card", modules=("core.hub.card",), read=read_model_card),
    Reader(name="artifact", modules=("core.artifact",), read=read_artifact),
    Reader(
        name="onnx",
        modules=(
            *("benchmarks.checks.debug.graph", "benchmarks.checks.bench.efficiency", "runtimes.onnx_graph"),
            *("export.quantize.search.sensitivity", "export.from_onnx.fp16"),
            *(
                "export.quantize.qdq",
                "export.quantize.search.blank_bias",
                "export.quantize.onnx_int8",
                "runtimes.onnx_reference",
                "runtimes.ort",
            ),
        ),
        read=read_onnx,
    ),
    Reader(name="onnx-alone", modules=("core.onnx_metadata",), read=read_onnx_alone),
    Reader(name="lm", modules=("core.lm.files",), read=partial(read_lm, "a.npz")),
    Reader(name="arpa", modules=("core.lm.arpa",), read=partial(read_lm, "a.arpa")),
    Reader(name="arpa-gz", modules=("core.lm.arpa",), read=partial(read_lm, "a.arpa.gz")),
    Reader(name="fusion", modules=("core.lm.files",), read=read_fusion),
    Reader(name="golden", modules=("runtimes.logits", "core.arrays"), read=read_golden),
    Reader(
        name="kit",
        modules=("benchmarks.run.kit.archive", "benchmarks.run.kit.manifest"),
        read=read_kit,
    ),
    Reader(
        name="kit-result", modules=("benchmarks.run.kit.archive", "benchmarks.run.kit.manifest"), read=read_kit_result
    ),
    Reader(name="kept-kit", modules=("benchmarks.checks.devices.runs",), read=read_kept_kit),
    Reader(name="signed-kit", modules=("benchmarks.run.kit.signature",), read=read_signed_kit),
    Reader(name="answers", modules=("core.child", "core.tensor_files"), read=read_answers),
    Reader(name="engine-binding", modules=("runtimes.trt_engine",), read=read_engine_binding),
)
