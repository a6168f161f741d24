"""Write weights of a network that nobody trained, but whose text is not empty, to prove ports of what is too large.

    python scripts/untrained_weights.py crnn --height 128 --lines TRAIN.parquet --out crnn.safetensors

A network with fresh weights gives nearly the same logits at every frame, so that all of its ports read nothing alike.
Here the head is scaled so that each class has mean 0 and deviation 1 over the frames of a few lines: what is read is
nonsense, but each symbol of it is a close decision, which a port gets right only if it computes what the network does.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from inkport.core.artifact import load_artifact
from inkport.core.preprocess import PreprocessSpec, prepare
from inkport.core.spec import RecogniserSpec
from inkport.lines.source import read_lines
from inkport.model.weights import Weights, deploy_tensors, save_weights
from inkport.model.zoo import build, find


SHIPPED = Path(__file__).parents[1] / "model/shipped/convtext-tiny"
"""Whose charset the networks take."""


def untrained(name: str, *, height: int, max_width: int, lines: Sequence[Path], count: int) -> Weights:
    """Return weights of ``name`` for lines of ``height``; the head is scaled on the first ``count`` lines."""
    charset = load_artifact(SHIPPED).spec.charset
    preprocess = PreprocessSpec(height=height, max_width=max_width)
    config = {"height": height} | ({"frames": max_width // find(name).stride} if name == "htr-vt" else {})
    torch.manual_seed(1)
    network = build(name, charset.size, config).eval()
    outputs: list[Tensor] = []
    head = network.get_submodule("head")
    if not isinstance(head, nn.Linear):
        raise TypeError(f"the head of {name} is not a linear layer")
    handle = head.register_forward_hook(lambda _module, _inputs, output: outputs.append(output[0]))
    with torch.no_grad():
        for line in list(read_lines(lines))[:count]:
            network(torch.from_numpy(prepare(line.gray(), preprocess)))
        logits = torch.cat(outputs)
        head.bias.copy_((head.bias - logits.mean(0)) / logits.std(0))
        head.weight.div_(logits.std(0)[:, None])
    handle.remove()
    spec = RecogniserSpec(
        name=name, version="untrained", charset=charset, preprocess=preprocess, stride=find(name).stride
    )
    return Weights(spec=spec, config=config, provenance={"untrained": 1}, tensors=deploy_tensors(network))


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=("convtext-base", "crnn", "htr-vt"))
    parser.add_argument("--height", type=int, required=True, help="height of the network's input, in pixels")
    parser.add_argument("--max-width", type=int, default=4096, help="widest line, in pixels at that height")
    parser.add_argument("--lines", type=Path, nargs="+", required=True, help="lines to scale the head on")
    parser.add_argument("--count", type=int, default=8, help="how many of them")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    weights = untrained(
        given.name, height=given.height, max_width=given.max_width, lines=given.lines, count=given.count
    )
    save_weights(given.out, weights)


if __name__ == "__main__":
    main()
