"""Writing an ONNX graph operator by operator, with whole numbers that are exact in every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


INT32, INT64, FLOAT, UINT8 = (np.dtype(kind) for kind in (np.int32, np.int64, np.float32, np.uint8))


class Emitter:
    """Collects operators and constants; a tensor is known by its name.

    Args:
        prefix: What names begin with, so that none is that of another part of the graph.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def constant(self, values: npt.ArrayLike, kind: np.dtype[Any]) -> str:
        """Return a constant; equal ones are one tensor."""
        from onnx import numpy_helper

        array = np.asarray(values, kind)
        key = (kind.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = f"{self._prefix}constant.{len(self._constants)}"
            self.initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add an operator with one output.

        Args:
            kind: Its type, of ai.onnx.
            inputs: Tensors that it takes.
            output: Name of its output; one of its own if left out.
            attributes: As ONNX names them.

        Returns:
            The name of its output.
        """
        from onnx import helper

        name = f"{self._prefix}{kind}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output or name], name=name, **attributes))
        return output or name

    def cast(self, value: str, kind: np.dtype[Any], *, output: str = "") -> str:
        """Return a tensor in another type; only whole numbers that both types have keep their value everywhere."""
        from onnx import helper

        return self.op("Cast", value, output=output, to=helper.np_dtype_to_tensor_dtype(kind))

    def integer(self, value: int) -> str:
        """Return a constant of no axes, int32."""
        return self.constant(value, INT32)

    def number(self, value: float) -> str:
        """Return a constant of no axes, float32."""
        return self.constant(value, FLOAT)

    def expand(self, value: str, *axes: int) -> str:
        """Return a tensor with axes of length 1 added."""
        return self.op("Unsqueeze", value, self.constant(axes, INT64))

    def count(self, limit: str) -> str:
        """Return 0, 1, 2 .. ``limit`` - 1, int32."""
        return self.op("Range", self.integer(0), limit, self.integer(1))

    def quotient(self, dividend: str, divisor: str) -> str:
        """Return the quotient of int32 tensors, rounded down, exactly.

        The estimate in float32 is at most one off while the quotient is below 2^22; the remainder, in integers, tells.
        Division of integers itself is not exact in every engine: some compute it in float32. Comparisons are with 0
        alone, which such engines do exactly too.

        Args:
            dividend: int32.
            divisor: int32, at least 1.
        """
        ratio = self.op("Div", self.cast(dividend, FLOAT), self.cast(divisor, FLOAT))
        estimate = self.cast(self.op("Floor", ratio), INT32)
        rest = self.op("Sub", dividend, self.op("Mul", estimate, divisor))
        below = self.cast(self.op("Less", rest, self.integer(0)), INT32)
        above = self.cast(self.op("GreaterOrEqual", self.op("Sub", rest, divisor), self.integer(0)), INT32)
        return self.op("Sub", self.op("Add", estimate, above), below)
