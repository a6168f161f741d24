"""What formats ask for that know no axis of lines."""

from __future__ import annotations

from inkport.core.errors import ExportError
from inkport.core.spec import Dtype, Layout, RecogniserSpec


def require_single_lines(stage: str, spec: RecogniserSpec) -> None:
    """Refuse a network that takes several lines at once and no fewer, bytes, or images with their channels last.

    Args:
        stage: Name of the exporter, for the error.
        spec: The recogniser.

    Raises:
        ExportError: If it does.
    """
    native = spec.native
    if native is None:
        return
    if native.batch > 1 or native.dtype is not Dtype.FLOAT32 or native.layout is not Layout.NCHW:
        raise ExportError(
            f"{stage}: the file takes {native.batch or 'any number of'} lines at once, {native.dtype} in "
            f"{native.layout}; this format takes one line, float32 in nchw",
            remedy="export the model again with a free batch and float32 images, channels first",
        )
