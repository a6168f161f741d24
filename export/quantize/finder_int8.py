"""The line finder in int8: the recognisers' quantizer with transposed convolutions, ranges from training pages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ExportError, ExportRequestError
from inkport.export.graph import portable_bytes
from inkport.export.quantize.onnx_int8 import QUANTIZABLE, Int8Options, quantized_graph
from inkport.export.quantize.ranges import activation_ranges


HEADS = ("maps", "turns")
"""Outputs; the convolutions that make them stay in fp32: they have one weight in a thousand."""


def int8_finder(graph: bytes, pages: Sequence[npt.NDArray[np.float32]]) -> bytes:
    """Return a finder in int8, as the bytes of one ONNX file; equal graphs and pages give equal bytes.

    Args:
        graph: The finder in fp32, as ``finder_onnx`` makes it.
        pages: Training pages as ``inkport.pages.finding.prepare_page`` makes them.

    Raises:
        ExportRequestError: If there are no pages.
        ExportError: If the quantizer fails.
    """
    import onnx

    if not pages:
        raise ExportRequestError("int8 finder: no pages", remedy="pass training pages that ranges are taken from")
    model = onnx.load_from_string(graph)
    heads = tuple(node.name for node in model.graph.node if set(node.output) & set(HEADS))
    if len(heads) != len(HEADS):
        raise ExportError(f"int8 finder: expected the outputs {', '.join(HEADS)}")
    options = Int8Options(operators=QUANTIZABLE, keep_fp32=(), keep_nodes=heads)
    ranges = activation_ranges(model, QUANTIZABLE, pages, method=options.ranges, percentile=options.percentile)
    return portable_bytes(quantized_graph(model, model.graph.input[0].name, pages[0], options, ranges))
