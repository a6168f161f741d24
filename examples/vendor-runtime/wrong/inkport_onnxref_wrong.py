"""Three ports that are wrong on purpose, each in a way that real ports have been."""

import numpy as np
from inkport_onnxref import OnnxReference, Session


class NeighbourSession(Session):
    """Fills a line's padding with what the line before it in the batch has there."""

    def run(self, images):
        padded = images.copy()
        padded[..., -16:] = np.roll(images, 1, axis=0)[..., -16:]
        return super().run(padded)


class LateSession(Session):
    """Returns each frame one too late, as padding on the wrong side of a convolution does."""

    def run(self, images):
        return np.roll(super().run(images), 1, axis=1)


class FirstLineSession(Session):
    """Reads the first line of a batch and forgets the others, as a graph with a fixed batch does."""

    def run(self, images):
        return super().run(images[:1])


class Wrong(OnnxReference):
    def open(self, artifact, *, device, options):
        right = super().open(artifact, device=device, options=options)
        return self.session(right.evaluator, right.spec)


class PadsWithNeighbour(Wrong):
    name, session = "wrong-neighbour", NeighbourSession


class OffByOneFrame(Wrong):
    name, session = "wrong-frame", LateSession


class DropsTheBatch(Wrong):
    name, session = "wrong-batch", FirstLineSession
