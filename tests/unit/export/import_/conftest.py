"""A recogniser that somebody else trained: a CRNN in plain torch with a pipeline of its own, and lines in colour."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont


SYMBOLS = "abcdefghijkl"
BLANK = len(SYMBOLS)
HEIGHT = 32
MEAN, STD = (0.406, 0.456, 0.485), (0.225, 0.224, 0.229)
SETTINGS = (
    "channels=bgr",
    "mean=0.406,0.456,0.485",
    "std=0.225,0.224,0.229",
    "resampling=cv2-linear",
    "rounding=floor",
    "pad_value=0.0",
    "min_width=160",
    "width_multiple=1",
    f"blank={BLANK}",
)
"""How its pipeline prepares a line, as ``--set`` has it."""


def prepare_as_theirs(path: Path) -> np.ndarray:
    """Their preparation, with OpenCV: float32 (1, 3, h, w)."""
    import cv2  # noqa: TID251 - theirs, not ours

    image = cv2.imread(str(path))
    width = int(HEIGHT * (image.shape[1] / image.shape[0]))
    pixels = cv2.resize(image, (width, HEIGHT)).astype(np.float32) / np.float32(255)
    pixels = (pixels - np.float32(MEAN)) / np.float32(STD)
    padded = np.zeros((HEIGHT, max(width, 160), 3), np.float32)
    padded[:, :width] = pixels
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None])


def crnn():
    """Their network: (n, 3, 32, w) to log-probabilities (t, n, c), the blank last, (w - 4) // 4 frames."""
    import torch
    from torch import nn

    class Crnn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 16, (3, 4), stride=(2, 2)), nn.ReLU()
            )
            self.reader = nn.GRU(16 * 7, 56, bidirectional=True)
            self.head = nn.Linear(16 * 7, len(SYMBOLS) + 1)

        def forward(self, images):
            found = self.features(images).flatten(1, 2).permute(2, 0, 1)
            return self.head(found + self.reader(found)[0]).log_softmax(2)

    torch.manual_seed(3)
    return Crnn().eval()


@dataclass
class Theirs:
    """Somebody's recogniser."""

    network: object
    model: Path
    charset: Path
    images: list[Path]
    settings: tuple[str, ...] = SETTINGS

    def prepare(self, path: Path) -> np.ndarray:
        return prepare_as_theirs(path)

    def scores(self, path: Path) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return self.network(torch.from_numpy(prepare_as_theirs(path))).numpy()

    def read(self, path: Path) -> str:
        best = self.scores(path)[:, 0].argmax(axis=1)
        return "".join(SYMBOLS[label] for label, _ in groupby(best.tolist()) if label != BLANK)


def draw_lines(folder: Path) -> list[Path]:
    """Words in blue ink on yellow paper, in several sizes."""
    rng, images = np.random.default_rng(5), []
    for number in range(12):
        text = " ".join("".join(rng.choice(list("aeimnorstu"), rng.integers(2, 8))) for _ in range(rng.integers(2, 5)))
        font = ImageFont.load_default(size=int(rng.integers(22, 40)))
        _, _, right, bottom = font.getbbox(text)
        image = Image.new("RGB", (right + 12, bottom + 10), (240, 225, 180))
        ImageDraw.Draw(image).text((6, 5), text, font=font, fill=(30, 40, 120))
        noisy = np.asarray(image, np.int16) + rng.integers(-12, 12, (*image.size[::-1], 3))
        images.append(folder / f"line{number:02}.png")
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(images[-1])
    return images


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Theirs:
    torch = pytest.importorskip("torch", reason="the recogniser is written in torch")
    folder = tmp_path_factory.mktemp("theirs")
    images, network = draw_lines(folder), crnn()
    with torch.inference_mode():
        # Untrained networks say one and the same class to everything: every class is made as likely as the others,
        # and the blank the likeliest where there is no ink.
        heads = []
        handle = network.head.register_forward_hook(lambda _net, _given, made: heads.append(made[:, 0]))
        for path in images:
            network(torch.from_numpy(prepare_as_theirs(path)))
        handle.remove()
        frames = torch.cat(heads)
        network.head.bias -= frames.mean(0)
        network.head.weight /= frames.std(0)[:, None]
        network.head.bias /= frames.std(0)
        network.head.bias[BLANK] += 0.5
    (folder / "charset.txt").write_text("\n".join(SYMBOLS) + "\n", encoding="utf-8")
    with warnings.catch_warnings():
        # The exporter by tracing is deprecated, and is what most of the files there are were made with.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, HEIGHT, 160),),
            folder / "crnn.onnx",
            dynamo=False,
            input_names=["pixels"],
            output_names=["scores"],
            dynamic_axes={"pixels": {0: "n", 3: "w"}, "scores": {0: "t", 1: "n"}},
        )
    return Theirs(network, folder / "crnn.onnx", folder / "charset.txt", images)


@pytest.fixture(scope="session")
def readings(theirs: Theirs) -> Path:
    """What their pipeline reads, as a TSV beside the images."""
    path = theirs.model.parent / "readings.tsv"
    rows = [f"{image.name}\t{theirs.read(image)}" for image in theirs.images]
    path.write_text("image\ttext\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path
