"""What an ONNX file says of itself, and a session to run it in as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError, UsageError
from inkport.core.target import Precision
from inkport.runtimes.onnx_graph import load_onnx


Size = int | None
"""Size of an axis; None where the file leaves it free."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An input or output of the graph."""

    name: str
    """Its name."""
    dtype: str
    """numpy's name of its type; empty for what numpy has no name of."""
    shape: tuple[Size, ...] | None
    """Its axes; None where the file does not say how many there are."""


@dataclass(frozen=True, kw_only=True)
class OnnxFile:
    """What the file says."""

    path: Path
    """The file."""
    inputs: tuple[Tensor, ...]
    """Its inputs, weights left out."""
    outputs: tuple[Tensor, ...]
    """Its outputs."""
    opset: int
    """Version of ONNX's own operators."""
    producer: str
    """Who wrote it."""
    metadata: Mapping[str, str]
    """Its metadata, as its maker filled it in."""
    precision: Precision
    """int8 if it quantizes, fp16 if its weights are, fp32 otherwise."""


def read_onnx_file(path: Path) -> OnnxFile:
    """Read what an ONNX file says of itself.

    Raises:
        ArtifactNotFoundError: If there is no such file.
        ArtifactCorruptError: If it is no ONNX file.
        UsageError: If its weights lie in other files.
    """
    import onnx

    if not path.is_file():
        raise ArtifactNotFoundError(f"{path}: no such file", remedy="pass an ONNX file, or a folder with one")
    model = load_onnx(path, values=False)
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise UsageError(
            f"{path}: its weights lie in other files",
            remedy="save it as one file: onnx.save(onnx.load(path), new_path)",
        )
    weights = {tensor.name for tensor in model.graph.initializer}
    return OnnxFile(
        path=path,
        inputs=tuple(_tensor(value) for value in model.graph.input if value.name not in weights),
        outputs=tuple(_tensor(value) for value in model.graph.output),
        opset=max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0),
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        metadata={entry.key: entry.value for entry in model.metadata_props},
        precision=_precision(model),
    )


def _tensor(value: Any) -> Tensor:
    import onnx

    found = value.type.tensor_type
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(found.elem_type)).name
    except (KeyError, TypeError, ValueError):
        dtype = ""
    if not found.HasField("shape"):
        return Tensor(name=value.name, dtype=dtype, shape=None)
    sizes = (dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in found.shape.dim)
    return Tensor(name=value.name, dtype=dtype, shape=tuple(sizes))


def _precision(model: Any) -> Precision:
    import onnx

    kinds = {node.op_type for node in model.graph.node}
    if kinds & {"QuantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}:
        return Precision.INT8
    half = any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in model.graph.initializer)
    return Precision.FP16 if half else Precision.FP32


class Network:
    """The network as it is, in ONNX Runtime on the CPU with one thread.

    Args:
        path: The file.

    Raises:
        ArtifactCorruptError: If ONNX Runtime cannot load it.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime as ort

        settings = ort.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        # Probing asks for what may not run; the exception says all that it would print.
        settings.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ArtifactCorruptError(f"{path}: onnxruntime cannot load it ({error})") from error
        self._names: Sequence[str] = [value.name for value in self._session.get_outputs()]

    def run(self, name: str, images: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]] | None:
        """Return all outputs by name; None where the network does not take these images."""
        try:
            found = self._session.run(None, {name: images})
        except Exception:  # noqa: BLE001 - whatever the engine raises, this is no input of this network
            return None
        return {key: np.asarray(value) for key, value in zip(self._names, found, strict=True)}
