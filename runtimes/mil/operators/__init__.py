"""MIL's operators in numpy, by kind; a function's parameters have MIL's names and MIL's defaults.

Arguments are arrays (fp16 ones widened to float32), strings, or tuples of arrays; a result is an array, or a
tuple for operators with several outputs. The evaluator rounds it to the type that the program declares. A
``ValueError`` says which attribute value is not supported.

Source:
    The operators' documentation,
    https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from inkport.runtimes.mil.operators import convolution, elementwise, recurrent, shape


OPERATORS: Mapping[str, Callable[..., Any]] = {
    **convolution.OPERATORS,
    **elementwise.OPERATORS,
    **recurrent.OPERATORS,
    **shape.OPERATORS,
}
"""Every operator that the evaluator knows, by MIL's name: those that inkport's networks are converted to."""
