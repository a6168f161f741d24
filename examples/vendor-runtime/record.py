from pathlib import Path

from inkport.core.artifact import load_artifact
from inkport.core.registry import open_session
from inkport.runtimes.logits import Golden


model = load_artifact(Path("models/onnx-fp32"))
with open_session(model, runtime="onnxruntime") as reference:
    Golden.record(model.spec, reference).save(Path("models/golden.npz"))
