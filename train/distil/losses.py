"""What a student is compared with its teacher by, frame by frame; padding never counts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from inkport.core.charset import BLANK
from inkport.train.recipe_sections import Frames


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
