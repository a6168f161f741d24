"""OpenVINO models in memory: as functions to compare with, and with names that are the same in every run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from inkport.export.agreement import Forward


def compile_fp32(model: Any) -> Any:
    """Compile an ``openvino.Model`` for the CPU in fp32; processors with bf16 units would otherwise use them."""
    import openvino as ov

    return ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def openvino_forward(model: Any) -> Forward:
    """Return an ``openvino.Model``, computed in fp32, as a function from images to logits."""
    compiled = compile_fp32(model)

    def forward(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(compiled([images])[0])

    return forward


def name_operations(model: Any) -> None:
    """Give names to a model's operations that have none of their own; theirs count all operations of the process."""
    for index, operation in enumerate(model.get_ordered_ops()):
        if operation.get_friendly_name() == operation.get_name():
            operation.set_friendly_name(f"{operation.get_type_name()}.{index}")
