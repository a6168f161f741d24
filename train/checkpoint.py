"""Checkpoints that resume a run exactly: weights, moving average, optimiser, step, and the best CER so far.

One safetensors file, replaced atomically. What is random needs no saving: it depends on the seed and the step.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from inkport.core.documents import parse_json
from inkport.core.errors import CheckpointError
from inkport.core.files import write_atomically
from inkport.model.weights import check_head
from inkport.train.optim import MovingAverage, Optimiser, TrainedObjectives


START_AGAIN = "delete it to start again"
"""What helps against a damaged checkpoint."""


def save_checkpoint(
    path: Path,
    *,
    recipe_digest: str,
    step: int,
    best: float,
    network: nn.Module,
    average: MovingAverage,
    optimiser: Optimiser,
    trained_objectives: TrainedObjectives,
) -> None:
    """Write the state after ``step`` steps."""
    tensors: dict[str, Tensor] = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.state.items()}
    tensors |= {f"optimiser.{k}": v for k, v in optimiser.tensors().items()}
    tensors |= {f"aside.{k}": v for k, v in trained_objectives.tensors().items()}
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    known = best if math.isfinite(best) else None
    head = json.dumps({"schema": 2, "recipe": recipe_digest, "step": step, "best": known})
    write_atomically(path, save(tensors, metadata={"inkport-checkpoint": head}))


def load_checkpoint(
    path: Path,
    *,
    recipe_digest: str,
    network: nn.Module,
    average: MovingAverage,
    optimiser: Optimiser,
    trained_objectives: TrainedObjectives,
) -> tuple[int, float]:
    """Restore what ``save_checkpoint`` wrote.

    Returns:
        The number of steps done, and the best validation CER so far.

    Raises:
        CheckpointError: If the file is damaged or belongs to another recipe.
    """
    try:
        check_head(path)
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("inkport-checkpoint", "{}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a readable checkpoint ({error})", remedy=START_AGAIN) from error
    head = parse_json(text, where=str(path), error=CheckpointError, remedy=START_AGAIN)
    if not isinstance(head, dict) or head.get("recipe") != recipe_digest:
        raise CheckpointError(
            f"{path}: this checkpoint belongs to another recipe or teacher",
            remedy="give the run another --out folder, or delete this one",
        )
    try:
        network.load_state_dict(_part(tensors, "network."))
        for name, tensor in _part(tensors, "average.").items():
            average.state[name].copy_(tensor)
        optimiser.load_tensors(_part(tensors, "optimiser."))
        trained_objectives.load_tensors(_part(tensors, "aside."))
        return int(head["step"]), math.inf if head["best"] is None else float(head["best"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: does not fit this run ({error})", remedy=START_AGAIN) from error


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
