"""The tensors of an OpenVINO model, each made an output, which keeps what computes it from being fused away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.core.errors import RuntimeExecutionError
from inkport.core.runtime import Intermediate


Array = npt.NDArray[Any]

KINDS = {
    "Convolution": "Conv",
    "GroupConvolution": "Conv",
    "Multiply": "Mul",
    "Subtract": "Sub",
    "Divide": "Div",
    "Convert": "Cast",
    "ShapeOf": "Shape",
    "Parameter": "Input",
    "SoftMax": "Softmax",
}
"""ONNX's words for OpenVINO's types of operations, where they differ."""

GIVEN = frozenset({"Constant", "Parameter"})
"""Operations that compute nothing."""

RUN = """def run(folder, inputs):
    import openvino as ov

    compiled = ov.Core().compile_model(folder / "model.xml", {device!r}, {settings!r})
    feeds = [inputs[name] for name in {names!r}]
    return compiled(feeds)[0]
"""


class OvTracer:
    """Traces one IR file.

    Args:
        core: ``openvino.Core``.
        path: The ``.xml`` file.
        device: OpenVINO's name of the device.
        settings: What it is compiled with.
    """

    def __init__(self, core: Any, path: Path, device: str, settings: Mapping[str, str]) -> None:
        self._core, self._path, self._device, self._settings = core, path, device, dict(settings)

    def intermediates(self, images: npt.NDArray[np.float32]) -> tuple[Intermediate, ...]:
        """Return the result of every operation.

        Raises:
            RuntimeExecutionError: If the model with all its tensors as outputs does not compile or run.
        """
        model = self._core.read_model(self._path)
        outputs = _outputs(model)
        computed = {name: out for name, out in outputs.items() if out.get_node().get_type_name() not in GIVEN}
        try:
            for output in computed.values():
                model.add_outputs(output)
            request = self._core.compile_model(model, self._device, self._settings).create_infer_request()
            request.infer([images])
            results = [result.get_node().input(0).get_source_output() for result in model.outputs]
            values = {key_of(source): np.array(request.get_output_tensor(i).data) for i, source in enumerate(results)}
        except Exception as error:
            raise RuntimeExecutionError(f"{self._path}: openvino does not run it with all tensors ({error})") from error
        constants = {key_of(out): out.get_node().get_data() for out in outputs.values() if _is(out, "Constant")}
        values |= {**constants, **{key_of(out): images for out in outputs.values() if _is(out, "Parameter")}}
        names = {key_of(out): name for name, out in outputs.items()}
        return tuple(
            Intermediate(
                name=name,
                operator=out.get_node().get_friendly_name(),
                kind=KINDS.get(out.get_node().get_type_name(), out.get_node().get_type_name()),
                inputs=_inputs(out.get_node(), names),
                value=values[key_of(out)],
            )
            for name, out in outputs.items()
        )

    def isolate(self, output: str, inputs: Sequence[str], folder: Path) -> str:
        """Write ``model.xml`` and ``model.bin``."""
        import openvino as ov
        from openvino import opset13

        model = self._core.read_model(self._path)
        outputs = _outputs(model)
        parameters = []
        for name in inputs:
            source = outputs[name]
            parameter = opset13.parameter(source.get_partial_shape(), source.get_element_type(), name=name)
            for target in source.get_target_inputs():
                target.replace_source_output(parameter.output(0))
            parameters.append(parameter)
        part = ov.Model([opset13.result(outputs[output])], parameters, "part")
        ov.save_model(part, folder / "model.xml", compress_to_fp16=False)
        return RUN.format(device=self._device, settings=self._settings, names=list(inputs))


def key_of(output: Any) -> tuple[str, int]:
    """Return what tells a model's outputs apart; the SDK makes new Python objects at every look."""
    return output.get_node().get_name(), output.get_index()


def _is(output: Any, kind: str) -> bool:
    return bool(output.get_node().get_type_name() == kind)


def _outputs(model: Any) -> dict[str, Any]:
    """Return the outputs of all operations, by a name that is unique, in order."""
    found: dict[str, Any] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Result":
            continue
        for index, output in enumerate(node.outputs()):
            suffix = f".{index}" if len(node.outputs()) > 1 else ""
            name = min(output.get_names(), default=node.get_friendly_name() + suffix)
            found[name if name not in found else f"{name}#{len(found)}"] = output
    return found


def _inputs(node: Any, names: Mapping[tuple[str, int], str]) -> tuple[str, ...]:
    sources = [value.get_source_output() for value in node.inputs()]
    return tuple(names[key_of(source)] for source in sources)
