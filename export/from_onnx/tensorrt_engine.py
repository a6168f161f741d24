"""TensorRT engines from ONNX, built on the machine whose GPU is to run them, without torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkport.core.adapter import input_shape
from inkport.core.artifact import Artifact, load_artifact
from inkport.core.errors import ExportError, ExportRequestError, RuntimeUnavailableError
from inkport.core.files import write_atomically
from inkport.core.preprocess import PreprocessSpec
from inkport.core.target import Precision
from inkport.export.agreement import require_agreement
from inkport.export.from_onnx.trt_lint import lint_tensorrt
from inkport.export.graph import onnx_forward
from inkport.export.quantize.qdq import symmetric_model
from inkport.export.record import derived_artifact
from inkport.runtimes.onnx_graph import load_onnx
from inkport.runtimes.trt import TensorRtRuntime
from inkport.runtimes.trt_engine import EngineBinding, EngineSession, cuda, error_log


STAGE = "tensorrt_from_onnx"
TIMING_CACHE = "INKPORT_TENSORRT_TIMING_CACHE"
"""Environment variable that names the timing cache's file where the options do not."""
NARROWEST_BUCKET = 128
"""Widest width of the first bucket, in pixels; each next bucket is twice as wide."""


@dataclass(frozen=True, kw_only=True)
class TensorRtOptions:
    """How an engine is built.

    Raises:
        ExportError: If a value is out of range.
    """

    buckets: tuple[int, ...] = ()
    """Widest width of each optimisation profile, ascending, in pixels; doubling from 128 up to the widest if empty."""
    max_batch: int = 8
    """Most lines at once; the runtime cuts larger batches into pieces."""
    device: int = 0
    """Index of the GPU."""
    timing_cache: Path | None = None
    """File that keeps what the builder has timed, for the next build on this GPU; made if needed."""

    def __post_init__(self) -> None:
        if self.max_batch < 1 or self.device < 0:
            raise ExportRequestError(f"max_batch must be at least 1 and device at least 0: {self}")
        if list(self.buckets) != sorted(set(self.buckets)):
            raise ExportRequestError(f"buckets must be ascending widths, found {self.buckets}")


def tensorrt_from_onnx(source: Artifact, out: Path, *, options: TensorRtOptions | None = None) -> Artifact:
    """Build an engine with one optimisation profile per width bucket, bound to this GPU and this TensorRT.

    fp32 has TF32 turned off; fp16 comes from an fp16 graph, because strongly typed networks compute in the types of
    the graph; int8 comes from the graph's quantization, rewritten as TensorRT takes it. Two builds differ in bytes:
    the builder chooses kernels by timing them.

    Args:
        source: An ONNX artifact in fp32, fp16 or int8; the engine has its precision.
        out: The artifact's directory; replaced if it is there.
        options: How it is built; ``TensorRtOptions()`` with the environment's timing cache if None.

    Raises:
        ExportError: If the graph has what TensorRT does not support, TensorRT cannot build it, the timing cache
            belongs to another GPU, or the fp32 logits differ from ONNX Runtime's.
        RuntimeUnavailableError: If TensorRT or the GPU is not here.
    """
    if options is None:
        named = os.environ.get(TIMING_CACHE)
        options = TensorRtOptions(timing_cache=Path(named) if named else None)
    path = source.file(".onnx")
    model = load_onnx(path)
    if source.precision == Precision.INT8:
        model = symmetric_model(model)
    if problems := lint_tensorrt(model):
        raise ExportError(f"{STAGE}: TensorRT does not support {path}: {'; '.join(problems)}")
    found = TensorRtRuntime().probe()
    if not found.ok or f"cuda:{options.device}" not in found.devices:
        reason = found.reason or f"there is no cuda:{options.device}, only {', '.join(found.devices)}"
        raise RuntimeUnavailableError(f"{STAGE}: {reason}", remedy=found.remedy)
    buckets = profiles(source.spec.preprocess, options.buckets)
    try:
        engine = _built(model.SerializeToString(), source, buckets, options)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ExportError(f"{STAGE}: {path}: {error}") from error
    if source.precision == Precision.FP32:
        session = EngineSession(engine, source.spec, options.device, label=str(out))
        try:
            require_agreement(STAGE, source.spec, onnx_forward(path, source.spec), session.run)
        finally:
            session.close()
    binding = EngineBinding.here(options.device)
    with derived_artifact(
        out,
        source,
        stage=STAGE,
        format="tensorrt",
        precision=source.precision,
        tools=("onnx", "onnxruntime"),
        options={
            "tensorrt": binding.tensorrt,
            "buckets": [high for _, _, high in buckets],
            "max_batch": options.max_batch,
            "tf32": False,
        },
    ) as folder:
        (folder / "model.engine").write_bytes(engine)
        binding.write(folder)
    return load_artifact(out)


def profiles(spec: PreprocessSpec, buckets: tuple[int, ...] = ()) -> tuple[tuple[int, int, int], ...]:
    """Return narrowest, optimal and widest width of each profile, in pixels; together they take every width.

    Args:
        spec: Which widths there are.
        buckets: Widest width of each profile, ascending; doubling from ``NARROWEST_BUCKET`` if empty.

    Raises:
        ExportError: If a width is not a multiple of the recogniser's, or the last is not its widest.
    """
    if not buckets:
        edges = [max(NARROWEST_BUCKET, spec.min_width)]
        while edges[-1] < spec.max_width:
            edges.append(2 * edges[-1])
        buckets = (*edges[:-1], spec.max_width)
    step = spec.width_multiple
    if any(high % step or high < spec.min_width for high in buckets) or buckets[-1] != spec.max_width:
        raise ExportRequestError(
            f"{STAGE}: buckets must be multiples of {step} that end with the widest width {spec.max_width}, "
            f"found {buckets}"
        )
    lows = (spec.min_width, *(high + step for high in buckets[:-1]))
    return tuple((low, (low + high) // 2 // step * step, high) for low, high in zip(lows, buckets, strict=True))


def _built(data: bytes, source: Artifact, buckets: tuple[tuple[int, int, int], ...], options: TensorRtOptions) -> bytes:
    """Return the serialised engine of a serialised ONNX model."""
    import tensorrt as trt
    from cuda.bindings import runtime

    cuda(runtime.cudaSetDevice, options.device)
    log, errors = error_log(trt)
    builder = trt.Builder(log)
    kinds = trt.NetworkDefinitionCreationFlag
    # TensorRT 8 has no strongly typed networks, later ones need no flag for the batch; TensorRT 11 knows nothing else.
    typed = "STRONGLY_TYPED" in kinds.__members__
    network = builder.create_network(1 << int(kinds.STRONGLY_TYPED if typed else kinds.EXPLICIT_BATCH))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(data):
        raise ExportError("; ".join(parser.get_error(index).desc() for index in range(parser.num_errors)))
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    if not typed and source.precision != Precision.FP32:
        config.set_flag(getattr(trt.BuilderFlag, source.precision.name))
    native = source.spec.native
    least, most = (native.batch,) * 2 if native and native.batch else (1, options.max_batch)
    for narrow, common, wide in buckets:
        profile = builder.create_optimization_profile()
        shapes = [input_shape(source.spec, n, width) for n, width in ((least, narrow), (least, common), (most, wide))]
        profile.set_shape(source.spec.input.name, *shapes)
        if config.add_optimization_profile(profile) < 0:
            raise ExportError(f"TensorRT refused the profile {shapes}: {' / '.join(errors)}")
    cache = _timing_cache(config, options.timing_cache)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ExportError(f"TensorRT built no engine: {' / '.join(errors[-3:]) or 'it gave no reason'}")
    if options.timing_cache:
        write_atomically(options.timing_cache, bytes(cache.serialize()))
    return bytes(engine)


def _timing_cache(config: Any, path: Path | None) -> Any:
    """Hand the builder what earlier builds have timed; returns the cache, which must live until the build is done."""
    cache = config.create_timing_cache(path.read_bytes() if path and path.is_file() else b"")
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        raise ExportError(
            f"{path}: is not a timing cache of this GPU and TensorRT", remedy="delete the file, or name another one"
        )
    return cache
