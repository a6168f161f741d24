"""The reference evaluator of the onnx package as an inkport runtime."""

from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError, UsageError
from inkport.runtimes.sdk import probe_sdk


class OnnxReference:
    name, formats = "onnx-reference", ("onnx",)

    def probe(self):
        return probe_sdk("onnx", remedy="pip install onnx")

    def open(self, artifact, *, device, options):
        from onnx.reference import ReferenceEvaluator

        options.check_extra()
        if options.threads != 1:
            raise UsageError(f"the evaluator computes with 1 thread, not with {options.threads}")
        if device != "cpu":
            raise RuntimeUnavailableError(f"the evaluator runs on cpu, not on {device!r}", remedy='set device = "cpu"')
        try:
            return Session(ReferenceEvaluator(str(artifact.file(".onnx"))), artifact.spec)
        except Exception as error:
            raise ArtifactCorruptError(f"{artifact.path}: onnx cannot load it ({error})") from error


class Session:
    def __init__(self, evaluator, spec):
        self.evaluator, self.spec = evaluator, spec

    def run(self, images):
        return self.evaluator.run([self.spec.output.name], {self.spec.input.name: images})[0]

    def close(self):
        self.evaluator = None
