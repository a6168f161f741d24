"""Distillation as an objective: a student compared with its teacher, frame by frame; padding never counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkport.core.attribution import credits_of
from inkport.core.charset import BLANK
from inkport.model.recogniser import Recogniser, TrainOutput
from inkport.train.dataset import Sampler
from inkport.train.device import Group, send
from inkport.train.objectives import Step, context_width, ctc_loss
from inkport.train.prepare import Prepared
from inkport.train.recipe import Recipe
from inkport.train.recipe_sections import DistilRecipe, Frames, View
from inkport.train.teacher import ReadingRequest, Readings, ask, keep_readings, load_readings


def line_frames(frames: Tensor, length: int) -> Tensor:
    """Return which frames belong to their line, bool (n, length).

    Args:
        frames: int64 (n,), frames of each line.
        length: Frames of the canvas.
    """
    return torch.arange(length, device=frames.device) < frames[:, None]


def select_frames(logits: Tensor, inside: Tensor, *, choice: Frames, window: int) -> Tensor:
    """Return which frames to compare, bool (n, t).

    A CTC network is sure of the blank on most frames, so that a plain average over frames teaches little else; the
    frames that matter are those of the symbols, and blanks near them say where a symbol begins and ends.

    Args:
        logits: The teacher's, (n, t, k), blank first.
        inside: Frames that belong to their line, bool (n, t).
        choice: All of these, or those near a symbol.
        window: Frames on either side of each frame whose best label is a symbol, at least 0.

    Source:
        Symmetric selection: Hilmes et al., *Analyzing the Importance of Blank for CTC-Based Knowledge Distillation*
        (Interspeech 2025, arXiv 2506.01503).
    """
    if choice is Frames.ALL:
        return inside
    symbol = (logits.argmax(dim=2) != BLANK) & inside
    near = F.max_pool1d(symbol.float(), 2 * window + 1, stride=1, padding=window) > 0
    return near & inside


def frame_loss(student: Tensor, teacher: Tensor, chosen: Tensor, *, temperature: float) -> Tensor:
    """Return the Kullback-Leibler divergence of the student from the teacher, averaged over frames, in float32.

    Args:
        student: Logits (n, t, k).
        teacher: Logits (n, t, k), without a gradient.
        chosen: Frames to compare, bool (n, t); if there is none, the loss is 0.
        temperature: Divides both sides' logits.

    Source:
        Hinton et al., *Distilling the Knowledge in a Neural Network* (2015): the factor ``temperature ** 2`` keeps
        the gradient's size.
    """
    ours = (student.float() / temperature).log_softmax(dim=2)
    theirs = (teacher.float() / temperature).log_softmax(dim=2)
    per_frame = F.kl_div(ours, theirs, reduction="none", log_target=True).sum(dim=2)
    return temperature**2 * _mean(per_frame, chosen)


def feature_loss(projected: Tensor, teacher: Tensor, inside: Tensor) -> Tensor:
    """Return 1 minus the cosine between features, averaged over frames, in float32: 0 where they point the same way.

    Args:
        projected: The student's features in the teacher's space, (n, t, d).
        teacher: The teacher's features, (n, t, d), without a gradient.
        inside: Frames that belong to their line, bool (n, t).
    """
    return _mean(1 - F.cosine_similarity(projected.float(), teacher.float(), dim=2), inside)


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean of the chosen values, 0 without any. Picking them out would wait for the device to count them."""
    return torch.where(chosen, values, 0).sum() / chosen.sum().clamp(min=1)


class Distillation(nn.Module):
    """The frame-level, sequence-level and feature-level loss, each by its weight.

    Its own parameters, the projection of the student's features into the teacher's space, train with the student and
    are never part of any weights.

    Args:
        recipe: Weights and settings.
        teacher: In evaluation mode, on the device of the training; never trained.
        features: Widths of the student's and the teacher's features.
        readings: The teacher's; needed where ``recipe.sequence`` is above 0.
        seed: Of the projection's first values.
        bf16: Whether the teacher runs under bfloat16 autocast.
    """

    projection: nn.Linear | None
    """Student features to teacher features; none where features are not compared."""

    def __init__(
        self,
        recipe: DistilRecipe,
        teacher: Recogniser,
        *,
        features: tuple[int, int],
        readings: Readings,
        seed: int,
        bf16: bool,
    ) -> None:
        super().__init__()
        self.recipe, self.readings, self.bf16 = recipe, readings, bf16
        # Kept out of the submodules, so that nothing here trains, averages or stores it.
        self._teacher = (teacher.eval().requires_grad_(False),)
        self.projection = None
        if recipe.feature > 0:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.projection = nn.Linear(*features)

    def forward(self, output: TrainOutput, step: Step) -> Tensor:
        """Return the loss of a batch, float32: ``Objective``."""
        recipe = self.recipe
        loss = output.logits.new_zeros((), dtype=torch.float32)
        if recipe.sequence > 0:
            targets, lengths = self.readings.targets(step.batch)
            loss = loss + recipe.sequence * ctc_loss(output.logits, step.frames, targets, lengths)
        if recipe.frame == 0 and recipe.feature == 0:
            return loss
        images = step.images if recipe.view is View.STUDENT else step.moved
        logits, context = ask(self._teacher[0], images, bf16=self.bf16)
        inside = line_frames(send(step.frames, logits.device), logits.shape[1])
        if recipe.frame > 0:
            chosen = select_frames(logits, inside, choice=recipe.frames, window=recipe.window)
            divergence = frame_loss(output.logits, logits, chosen, temperature=recipe.temperature)
            loss = loss + recipe.frame * divergence
        if self.projection is not None:
            projected = self.projection(output.context.float())
            loss = loss + recipe.feature * feature_loss(projected, context, inside)
        return loss


def distillation(
    recipe: Recipe, data: Prepared, network: Recogniser, *, sampler: Sampler, out: Path, group: Group
) -> Mapping[str, Distillation]:
    """Return what a recipe's ``[distil]`` section adds to the objectives: one, or none.

    Where the teacher's readings are needed, the leading process makes them first, in ``out``.
    """
    wanted = recipe.distil
    if wanted is None or data.teacher is None or not wanted.teaches:
        return {}
    device = next(network.parameters()).device
    teacher = data.teacher.network().to(device)
    readings = Readings({})
    if wanted.sequence > 0:
        request = _request(recipe, data, sampler)
        path = out / "teacher-readings.json"
        if group.leads:
            keep_readings(path, teacher, request)
        group.wait()
        readings = load_readings(path, request)
    features = (context_width(network, recipe.preprocess), context_width(teacher, recipe.preprocess))
    objective = Distillation(
        wanted, teacher, features=features, readings=readings, seed=recipe.seed, bf16=recipe.optim.bf16
    )
    return {"distil": objective.to(device)}


def lineage(data: Prepared, objectives: Mapping[str, object]) -> dict[str, Any]:
    """Return what the weights' provenance says of the teacher; empty without one."""
    if data.teacher is None:
        return {}
    pairs = zip(data.teacher.members, data.teacher.digests, strict=True)
    first, *more = [
        {"name": weights.spec.name, "version": weights.spec.version, "sha256": digest} | credits_of(weights.provenance)
        for weights, digest in pairs
    ]
    told: dict[str, Any] = {"teacher": first} | ({"more": more} if more else {})
    objective = objectives.get("distil")
    if isinstance(objective, Distillation) and objective.readings.labels:
        told["readings"] = {"count": len(objective.readings.labels), "empty": objective.readings.empty}
    if data.lines.unlabelled:
        told["unlabelled_lines"] = {"count": data.lines.unlabelled, "sha256": data.unlabelled_digest}
    return {"distil": told}


def run_digest(recipe: Recipe, data: Prepared) -> str:
    """Return the digest that a checkpoint is bound to: the recipe's, and the teacher's where there is one."""
    if data.teacher is None:
        return recipe.digest
    return sha256(f"{recipe.digest} {data.teacher.sha256}".encode()).hexdigest()


def _request(recipe: Recipe, data: Prepared, sampler: Sampler) -> ReadingRequest:
    steps = range(recipe.optim.steps)
    seen = sorted({int(i) for step in steps for i in (*sampler.step(step), *sampler.partners(step)) if i >= 0})
    key = json.dumps([run_digest(recipe, data), data.digest, data.unlabelled_digest, len(seen)])
    return ReadingRequest(
        lines=data.lines,
        wanted=seen,
        charset=data.spec.charset,
        preprocess=data.spec.preprocess,
        key=sha256(key.encode()).hexdigest(),
    )
