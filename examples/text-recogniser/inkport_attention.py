"""An attention decoder of somebody's own as an inkport runtime: images in, texts out; its pipeline is all in here."""

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError, UsageError
from inkport.core.runtime import Availability
from inkport.core.texts import ReadText


SYMBOLS = "0123456789"
END = len(SYMBOLS)
HEIGHT, WIDTH, MOST = 32, 128, 8


class Attention(nn.Module):
    """A convolutional encoder, and a GRU that looks at one place after the other and says a symbol each time."""

    def __init__(self, size=64):
        super().__init__()
        self.encoder = nn.Sequential(
            *(
                nn.Conv2d(1, 16, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(16, 32, 3, stride=2, padding=1),
                nn.ReLU(),
            ),
            *(nn.Conv2d(32, size, 3, stride=(2, 1), padding=1), nn.ReLU()),
        )
        self.mix = nn.Linear(size * HEIGHT // 8, size)
        self.places = nn.Parameter(torch.randn(WIDTH // 4, size) / 4)
        self.said = nn.Embedding(len(SYMBOLS) + 2, size)
        self.cell = nn.GRUCell(2 * size, size)
        self.query, self.head = nn.Linear(size, size), nn.Linear(2 * size, len(SYMBOLS) + 1)

    def forward(self, lines, wanted=None):
        """Return the scores of each step (n, t, k); with ``wanted`` (n, t) the right symbol is said before each."""
        keys = self.mix(self.encoder(lines).flatten(1, 2).transpose(1, 2)) + self.places
        state, last = keys.new_zeros(len(lines), keys.shape[2]), torch.full((len(lines),), END + 1)
        seen, found = keys.new_zeros(state.shape), []
        for step in range(MOST + 1):
            state = self.cell(torch.cat([self.said(last), seen], 1), state)
            weights = (keys @ self.query(state)[:, :, None] / keys.shape[2] ** 0.5).softmax(1)
            seen = (weights * keys).sum(1)
            found.append(self.head(torch.cat([state, seen], 1)))
            last = found[-1].argmax(1) if wanted is None else wanted[:, step]
        return torch.stack(found, 1)


def prepared(gray):
    """Its own preparation: dark ink as 1, squeezed to one size."""
    ink = 1 - torch.from_numpy(np.array(gray))[None, None].float() / 255
    return nn.functional.interpolate(ink, (HEIGHT, WIDTH), mode="bilinear", antialias=True, align_corners=False)


def read(network, gray):
    """Its own pipeline: the text of a gray image, uint8 (h, w), and how sure it is."""
    with torch.inference_mode():
        sure, labels = network(prepared(gray))[0].softmax(1).max(1)
    end = labels.tolist().index(END) if END in labels else MOST
    return "".join(SYMBOLS[label] for label in labels[:end]), float(sure[: end + 1].mean())


class AttentionRuntime:
    name, formats = "attention", ("attention",)

    def probe(self):
        return Availability(ok=True, version=torch.__version__, devices=("cpu",))

    def open(self, artifact, *, device, options):
        options.check_extra("slip")
        if device != "cpu":
            raise RuntimeUnavailableError(f"it runs on cpu, not on {device!r}", remedy='set device = "cpu"')
        if options.extra.get("slip", "no") not in ("yes", "no"):
            raise UsageError("slip is yes or no")
        torch.set_num_threads(options.threads)
        network = Attention().eval()
        try:
            network.load_state_dict(load_file(artifact.file(".safetensors")))
        except Exception as error:
            raise ArtifactCorruptError(f"{artifact.path}: no weights of this network ({error})") from error
        return Session(network, slips=options.extra.get("slip") == "yes")


class Session:
    """A text session; one that slips reads 8 for 3, as a port that went wrong might."""

    def __init__(self, network, *, slips):
        self.network, self.slips = network, slips

    def run(self, images):
        found = [read(self.network, image[0]) for image in images]
        return [ReadText(text.replace("3", "8") if self.slips else text, sure) for text, sure in found]

    def close(self):
        self.network = None
