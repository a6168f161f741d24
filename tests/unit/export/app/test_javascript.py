"""A whole reader in Node and in headless Chromium, read by the code of docs/embed/onnx-app.md."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkport.core.ctc import greedy
from inkport.core.preprocess import normalise, prepare_bytes
from inkport.core.registry import probe
from inkport.export.app.interface import fault_of
from inkport.runtimes.javascript import find_chromium, modules_folder


HERE = Path(__file__).parent
PAGE = Path(__file__).parents[4] / "docs" / "embed" / "onnx-app.md"
TIMEOUT_S = 240
"""Most seconds that a browser is waited for, on a machine that is busy with other tests."""


@pytest.fixture(scope="module")
def asked(pictures):
    """What is read: a few of the pictures, and two that are refused."""
    return [*pictures[::3], np.zeros((48, 7, 1), np.uint8), np.zeros((50, 90, 4), np.uint8)]


@pytest.fixture
def folder(fp32, int8, asked, tmp_path):
    """A folder with models, pictures and the page's code, and what the pictures' tensors are to be."""
    for made in (fp32, int8):
        for name, artifact in (("app", made.app), ("network", made.network)):
            shutil.copyfile(artifact.file(".onnx"), tmp_path / f"{name}-{artifact.precision}.onnx")
    spec, tensors, rows = int8.network.spec, [], []
    assert fp32.network.spec.preprocess == spec.preprocess
    for index, picture in enumerate(asked):
        (tmp_path / f"picture.{index}").write_bytes(picture.tobytes())
        tensors.append(tensor_of(picture, spec))
        columns = 0 if tensors[-1] is None else tensors[-1].shape[3]
        if columns:
            (tmp_path / f"tensor.{index}").write_bytes(normalise(tensors[-1], spec.preprocess).tobytes())
        rows.append({"shape": picture.shape, "columns": columns})
    (tmp_path / "list.json").write_text(json.dumps(rows), encoding="utf-8")
    (code,) = re.findall(r"^```js\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "read.mjs").write_text(code, encoding="utf-8")
    for file in ("drive.mjs", "drive-node.mjs", "drive.html"):
        shutil.copyfile(HERE / file, tmp_path / file)
    (tmp_path / "node_modules").symlink_to(modules_folder().resolve() / "node_modules")
    return tmp_path, tensors


def tensor_of(picture, spec):
    if picture.shape[2] not in (1, 3) or fault_of(*picture.shape[:2], spec.preprocess):
        return None
    gray = picture[..., 0] if picture.shape[2] == 1 else np.asarray(Image.fromarray(picture).convert("L"))
    return prepare_bytes(gray, spec.preprocess)


def in_node(folder):
    if not (found := probe("ort-node")).ok:
        pytest.skip(found.reason)
    done = subprocess.run(
        ["node", "drive-node.mjs"], cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_chromium(folder):
    if not (found := probe("ort-web")).ok:
        pytest.skip(found.reason)
    said, arrived = [], threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def do_POST(self):
            said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *_):
            pass

    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={folder / 'profile'}"]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/drive.html"
        with subprocess.Popen([find_chromium(), *flags, address], stderr=subprocess.DEVNULL) as process:
            try:
                assert arrived.wait(timeout=TIMEOUT_S)
            finally:
                process.terminate()
                server.shutdown()
    return said[0]


@pytest.mark.parametrize("engine", [in_node, in_chromium])
def test_pictures_are_read_as_by_the_network_alone(engine, folder, asked, fp32, int8):
    """Network and reader run in the same engine: what differs would be the preparation's or the decoding's."""
    place, tensors = folder
    answer = engine(place)
    assert "error" not in answer, answer
    assert answer["rgb"] == [1, 2, 3, 4, 5, 6]
    for made in (fp32, int8):
        check_readings(asked, tensors, answer[made.network.precision], made.network.spec.charset)


def check_readings(asked, tensors, readings, charset):
    read = 0
    for picture, tensor, found in zip(asked, tensors, readings, strict=True):
        if tensor is None:
            assert found["fault"] == [1 if picture.shape[2] == 1 else 3]
            assert found["error"] in {"too small", "neither gray nor RGB"}
            continue
        assert np.array_equal(np.array(found["tensor"], np.uint8), tensor.ravel()), picture.shape
        logits = np.array(found["logits"], np.float32).reshape(-1, charset.size)
        expected = greedy(logits, charset)
        assert found["text"] == expected.text
        assert found["code_points"] == list(map(ord, expected.text))
        assert found["frames"] == [end for e in expected.emissions for end in (e.first_frame, e.last_frame)]
        assert found["confidences"] == pytest.approx([e.confidence for e in expected.emissions], abs=1e-5)
        read += len(expected.text)
    assert read > 20
