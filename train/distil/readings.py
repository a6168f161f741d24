"""What the teacher reads on the clean lines, once per run, kept in a file beside the checkpoint.

A reading is that of the line as it is, without augmentation, so that it is the best that the teacher has to offer and
the same in every epoch. Only lines that the run will see are read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inkport.core.charset import Charset
from inkport.core.ctc import greedy
from inkport.core.documents import read_json
from inkport.core.errors import DataError
from inkport.core.files import write_atomically
from inkport.core.preprocess import PreprocessSpec
from inkport.train.dataset import Batch, TrainingLines


BATCH = 16
"""Most lines per pass; only lines of one width share one, as when deployed."""


@dataclass(frozen=True)
class Readings:
    """The teacher's readings by the index of the line; a line without any symbol in its reading has an empty one."""

    labels: Mapping[int, Sequence[int]]
    """Labels of each reading, white space as in a transcription."""
    space: int | None = None
    """Label of the space, which stands between the readings of two lines in one image."""

    @property
    def empty(self) -> int:
        """How many readings are empty."""
        return sum(not labels for labels in self.labels.values())

    def targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the labels of a batch, int64 (sum of lengths,), and their lengths, int64 (n,)."""
        pairs = zip(batch.indices.tolist(), batch.partners.tolist(), strict=True)
        chosen = [self._joined(line, partner) for line, partner in pairs]
        labels = torch.tensor([k for labels in chosen for k in labels], dtype=torch.int64)
        return labels, torch.tensor([len(labels) for labels in chosen])

    def _joined(self, line: int, partner: int) -> Sequence[int]:
        first, second = self.labels[line], self.labels[partner] if partner >= 0 else ()
        between = [] if self.space is None or not first or not second else [self.space]
        return [*first, *between, *second]


@dataclass(frozen=True, kw_only=True)
class ReadingRequest:
    """Who reads what."""

    lines: TrainingLines
    """All lines of the run."""
    wanted: Collection[int]
    """Indices of those that it will see."""
    charset: Charset
    """The teacher's charset."""
    preprocess: PreprocessSpec
    """The teacher's preprocessing."""
    key: str
    """Digest of teacher, lines and recipe: readings in a file with another key are made again."""


def keep_readings(path: Path, teacher: nn.Module, request: ReadingRequest) -> None:
    """Write the readings to ``path``, unless they are there already."""
    if _load(path, request) is None:
        texts = _read(teacher, request)
        write_atomically(path, json.dumps({"key": request.key, "texts": texts}, ensure_ascii=False, indent=0))


def load_readings(path: Path, request: ReadingRequest) -> Readings:
    """Return what ``keep_readings`` wrote.

    Raises:
        ValueError: If the file is not there or holds other readings.
    """
    texts = _load(path, request)
    if texts is None:
        message = f"{path}: not the readings of this run"
        raise ValueError(message)
    labels = {symbol: label for label, symbol in enumerate(request.charset.symbols, start=1)}
    found = {int(index): [labels[s] for s in text] for index, text in texts.items()}
    return Readings(found, space=labels.get(" "))


def _load(path: Path, request: ReadingRequest) -> dict[str, str] | None:
    try:
        found = read_json(path)
    except DataError:
        return None
    texts = found.get("texts") if isinstance(found, dict) and found.get("key") == request.key else None
    whole = isinstance(texts, dict) and all(key.isdecimal() and isinstance(text, str) for key, text in texts.items())
    return texts if whole else None


@torch.inference_mode()
def _read(teacher: nn.Module, request: ReadingRequest) -> dict[str, str]:
    by_width: dict[int, list[int]] = defaultdict(list)
    for index in sorted(request.wanted):
        by_width[request.lines.images[index].shape[1]].append(index)
    device, spec = next(teacher.parameters()).device, request.preprocess
    texts: dict[int, str] = {}
    for _, same in sorted(by_width.items()):
        for start in range(0, len(same), BATCH):
            chunk = same[start : start + BATCH]
            images = torch.from_numpy(np.stack([request.lines.images[i] for i in chunk])[:, None]).to(device)
            logits = teacher((images.float() / 255 - spec.mean) / spec.std).float().cpu().numpy()
            for index, scores in zip(chunk, logits, strict=True):
                texts[index] = " ".join(greedy(scores, request.charset).text.split())
    return {str(index): texts[index] for index in sorted(texts)}
