"""Train the attention decoder on rendered lines; write its artifact, other lines, and what its own pipeline reads."""

import sys
from pathlib import Path

import numpy as np
import torch
from inkport_attention import END, MOST, SYMBOLS, Attention, prepared, read
from PIL import Image, ImageDraw, ImageFont
from safetensors.torch import save_file
from torch import nn

from inkport.core.artifact import Provenance, new_artifact
from inkport.core.charset import Charset
from inkport.core.preprocess import PreprocessSpec
from inkport.core.preprocess_settings import Fit
from inkport.core.spec import Decoder, RecogniserSpec
from inkport.core.target import Precision


STEPS, BATCH = 500, 48


def render(rng):
    """A line of three to six digits, uint8 (h, w), and its text."""
    text = "".join(rng.choice(list(SYMBOLS), rng.integers(3, 7)))
    font = ImageFont.load_default(size=int(rng.integers(28, 44)))
    _, _, right, bottom = font.getbbox(text)
    image = Image.new("L", (right + int(rng.integers(6, 24)), bottom + int(rng.integers(4, 12))), 235)
    ImageDraw.Draw(image).text((int(rng.integers(2, 6)), 2), text, font=font, fill=40)
    noisy = np.asarray(image, np.int16) + rng.integers(-20, 20, image.size[::-1])
    return noisy.clip(0, 255).astype(np.uint8), text


def train(steps=STEPS):
    torch.manual_seed(1)
    rng, network = np.random.default_rng(1), Attention()
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for step in range(steps):
        lines, texts = zip(*(render(rng) for _ in range(BATCH)), strict=True)
        wanted = torch.full((BATCH, MOST + 1), END)
        for row, text in zip(wanted, texts, strict=True):
            row[: len(text)] = torch.tensor([SYMBOLS.index(symbol) for symbol in text])
        scores = network(torch.cat([prepared(line) for line in lines]), wanted)
        # Behind the first end nothing counts.
        counts = (wanted == END).cumsum(1) <= 1
        loss = nn.functional.cross_entropy(scores[counts], wanted[counts])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 49:
            sys.stderr.write(f"step {step + 1}: loss {loss.item():.3f}\n")
    return network.eval()


def write_lines(network, folder, count=200):
    """Write rendered lines that it has not seen, their texts, and what its own pipeline reads."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(2)
    texts, readings = ["image\ttext"], ["image\ttext"]
    for number in range(count):
        gray, text = render(rng)
        Image.fromarray(gray).save(folder / f"line{number:03}.png")
        texts.append(f"line{number:03}.png\t{text}")
        readings.append(f"line{number:03}.png\t{read(network, gray)[0]}")
    (folder / "lines.tsv").write_text("\n".join(texts) + "\n", encoding="utf-8")
    (folder / "readings.tsv").write_text("\n".join(readings) + "\n", encoding="utf-8")


def write_artifact(network, out):
    spec = RecogniserSpec(
        name="attention",
        version="1",
        preprocess=PreprocessSpec(fit=Fit.NONE),
        charset=Charset(tuple(SYMBOLS)),
        decoder=Decoder.TEXT,
    )
    made = Provenance(stage="train", tools={"torch": torch.__version__})
    with new_artifact(out, spec=spec, format="attention", precision=Precision.FP32, provenance=made) as folder:
        save_file(network.state_dict(), folder / "model.safetensors")


if __name__ == "__main__":
    trained = train()
    write_artifact(trained, Path("models/attention"))
    write_lines(trained, Path("lines"))
