"""The page of a web bundle in headless Chromium: served here, used by a page of ours, which posts what it saw."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from inkport.runtimes.javascript import find_chromium, modules_folder


ENGINE = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""What a web bundle needs of onnxruntime-web, in its folder ort/."""
USE = Path(__file__).parents[1] / "tests" / "embed" / "page.html"
"""Uses the bundle's page as a person would: a picture is dropped, its text read, the self-test pressed."""
ANSWER_S = 120
"""How long the page may take, in seconds."""
Load = Callable[[], Mapping[str, Any]]


@contextmanager
def served(bundle: Path) -> Iterator[tuple[Load, list[str]]]:
    """Serve a web bundle with the engine in it.

    Yields:
        What loads the page in a new browser and returns what it posted, and the paths that were asked for so far.
        Beside what was posted is ``renderer_mib``: the largest resident memory of the page's process, in MiB.
    """
    (bundle / "ort").mkdir(exist_ok=True)
    for name in ENGINE:
        shutil.copyfile(modules_folder() / "node_modules" / "onnxruntime-web" / "dist" / name, bundle / "ort" / name)
    shutil.copyfile(USE, bundle / "use.html")
    said: dict[str, Any] = {}
    asked: list[str] = []
    arrived = threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(bundle))

        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def do_POST(self) -> None:
            said.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def load() -> Mapping[str, Any]:
        arrived.clear()
        said.clear()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        flags += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        address = f"http://127.0.0.1:{server.server_port}/use.html"
        with TemporaryDirectory() as profile:
            command = [find_chromium(), *flags, f"--user-data-dir={profile}", address]
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                try:
                    if not arrived.wait(timeout=ANSWER_S):
                        raise TimeoutError(f"the page said nothing within {ANSWER_S} s")
                    found = {**said, "renderer_mib": _renderer_mib(profile)}
                finally:
                    process.terminate()
        return found

    try:
        yield load, asked
    finally:
        server.shutdown()
        server.server_close()


def _renderer_mib(profile: str) -> float | None:
    """Return the peak memory of the largest renderer of the browser with this profile, in MiB; None but on Linux."""
    peaks = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # Chromium's children write their command line as one word.
            command = (folder / "cmdline").read_bytes()
            status = (folder / "status").read_text()
        except OSError:
            continue
        if b"--type=renderer" in command and any(profile.encode() in word for word in _ancestors(folder)):
            peaks += [int(row.split()[1]) / 1024 for row in status.splitlines() if row.startswith("VmHWM:")]
    return max(peaks, default=None)


def _ancestors(folder: Path) -> Iterator[bytes]:
    """Yield the command lines of a process and of those that started it."""
    while folder.name not in {"0", "1"}:
        try:
            yield (folder / "cmdline").read_bytes()
            # pid (name) state parent: the name may hold spaces.
            folder = folder.parent / (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            return
