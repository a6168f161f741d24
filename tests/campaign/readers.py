"""Every reader of somebody's bytes, in one table: who adds a reader adds a row, and a test asks for it."""

from __future__ import annotations

from collections.abc import Mapping

from campaign.reader import Reader
from campaign.readers_lines import LINE_READERS
from campaign.readers_models import MODEL_READERS
from campaign.readers_pages import PAGE_READERS
from campaign.readers_plain import PLAIN_READERS
from campaign.readers_torch import TORCH_READERS


READERS: Mapping[str, Reader] = {
    reader.name: reader for reader in (*PLAIN_READERS, *LINE_READERS, *PAGE_READERS, *MODEL_READERS, *TORCH_READERS)
}
"""By name."""

OWN_FILES: Mapping[str, str] = {
    "inkport.benchmarks.report.schema": "the sources of the package, and the schema that is made of them",
    "inkport.benchmarks.run.kit.judge": "images of a kit, which load_gray has opened before",
    "inkport.benchmarks.checks.kit.make": "artifacts and lines that load_artifact and audit_lines have opened before",
    "inkport.benchmarks.checks.kit.runner": "lines of a kit, whose digests were checked",
    "inkport.benchmarks.checks.peers.onnx_size": "files of another project, which its own package downloaded",
    "inkport.runtimes.busy_threads": "the kernel's files",
    "inkport.runtimes.host": "a process of ours: its argument, requests and tensors are its parent's",
    "inkport.benchmarks.run.fresh": "a process of ours, in a temporary folder of ours, and the kernel's files",
    "inkport.benchmarks.run.environment": "the kernel's files",
    "inkport.core.processors": "the kernel's files",
    "inkport.export.bundle.credits": "texts in the package, and sidecars of its artifacts",
    "inkport.export.bundle.python.inkport_reader": "what applications run of a bundle; inkport itself never imports it",
    "inkport.export.bundle.sources": "sources in the package",
    "inkport.export.from_onnx.tensorrt_engine": "what the other readers of ONNX files open; needs TensorRT and a GPU",
    "inkport.export.from_onnx.trt_lint": "a table in the package",
    "inkport.export.graph": "an artifact cut into fields by core.onnx_metadata, whose reader is onnx-alone",
    "inkport.export.record": "the file that an exporter has just written",
    "inkport.export.mlpackage": "what coremltools wrote in the call before",
    "inkport.lines.roles": "a list in the package",
    "inkport.model.ppocr_weights": "a file of the package rapidocr, of one known digest",
    "inkport.model.weights": "weights that load_weights has opened before",
    "inkport.pages.formats.word_document": "the archive that python-docx wrote in the call before",
    "inkport.runtimes.javascript": "package.json of inkport and of the packages that npm installed beside it",
    "inkport.runtimes.ort_arm64": "a note that scripts/arm64_root.sh left",
    "inkport.benchmarks.run.telling": "the manifest of telling lines that comes with the package",
    "inkport.runtimes.ort_providers": "the profile that ONNX Runtime wrote in the call before",
    "inkport.runtimes.ort_runner": "requests of its parent process",
    "inkport.runtimes.trt": "an engine whose digest was checked; needs TensorRT and a GPU",
    "inkport.train.ablation.evaluate": "a request on the command line, which the ablation puts there",
    "inkport.train.finder.prepare": "fonts and texts, for their digest alone; what opens them are their own readers",
    "inkport.train.synth.paper": "a JPEG that it wrote in the call before",
}
"""Modules that parse files and have no row, and why: what they read was made or checked by inkport itself."""
