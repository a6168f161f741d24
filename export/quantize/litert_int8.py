"""LiteRT in dynamic-range int8: weights as 8-bit integers, activations quantized while it runs."""

from __future__ import annotations

from pathlib import Path

from inkport.core.artifact import Artifact, load_artifact
from inkport.core.target import Precision
from inkport.export.quiet_converter import contained
from inkport.export.record import derived_artifact


STAGE = "int8_litert_from_litert"


def int8_litert_from_litert(source: Artifact, out: Path) -> Artifact:
    """Quantise the weights of an fp32 LiteRT artifact per output channel; equal input gives equal bytes.

    Nothing is calibrated: activations get their range line by line, where the kernels compute in integers.

    Args:
        source: A LiteRT artifact in fp32.
        out: The artifact's directory; replaced if it is there.

    Raises:
        ExportError: If the quantizer fails.
    """
    with contained(STAGE, source.path):
        from ai_edge_quantizer import quantizer, recipe

        quantiser = quantizer.Quantizer(str(source.file(".tflite")))
        quantiser.load_quantization_recipe(recipe.dynamic_wi8_afp32())
        data = bytes(quantiser.quantize().quantized_model)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="litert",
        precision=Precision.INT8,
        tools=("ai-edge-quantizer", "ai-edge-litert"),
        options={"recipe": "dynamic_wi8_afp32", **source.provenance.options},
    ) as folder:
        (folder / "model.tflite").write_bytes(data)
    return load_artifact(out)
