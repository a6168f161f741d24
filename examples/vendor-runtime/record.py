from pathlib import Path

from inkport.core.artifact import load_artifact
from inkport.core.registry import open_session
from inkport.runtimes.logits import Golden


weights = load_artifact(Path("models/safetensors-fp32"))
with open_session(weights, runtime="torch") as reference:
    Golden.record(weights.spec, reference).save(Path("models/golden.npz"))
