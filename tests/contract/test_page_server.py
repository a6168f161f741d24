"""The server of the browser's page answers its page alone, whatever else of this machine comes along."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from inkport.runtimes.javascript import WEB


pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

SCRIPT = """
import {{ createInterface }} from "node:readline";
import {{ PageServer }} from {server!r};
const server = new PageServer();
console.error(JSON.stringify({{ address: await server.listen() }}));
for await (const line of createInterface({{ input: process.stdin }})) {{
  const {{ work, files }} = JSON.parse(line);
  server.ask(work, files).then((answer) => console.error(JSON.stringify({{ answer }})));
}}
server.close();
"""


class Page:
    """Talks to a server as its page does, or otherwise."""

    def __init__(self, process):
        self.process = process
        self.url = urlsplit(self.said()["address"])
        self.origin = f"http://{self.url.netloc}"

    def said(self):
        return json.loads(self.process.stderr.readline())

    def ask(self, work, **files):
        self.process.stdin.write(json.dumps({"work": work, "files": files}) + "\n")
        self.process.stdin.flush()

    def request(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.url.netloc, timeout=20)
        origin = {"Origin": self.origin} if method == "POST" else {}
        given = {name.replace("_", "-"): value for name, value in {**origin, **headers}.items() if value is not None}
        try:
            connection.request(method, path if path.startswith("/") else self.url.path + path, body, given)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def page():
    script = SCRIPT.format(server=(WEB.resolve() / "page-server.mjs").as_uri())
    command = ["node", "--input-type=module", "--eval", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield Page(process)
        process.stdin.close()
        # Whatever was tried, it has not died of it.
        assert process.wait(timeout=20) == 0


def test_the_page_gets_its_work_once_and_hands_in_one_answer(page, tmp_path):
    (tmp_path / "input").write_bytes(b"pixels")
    page.ask({"op": "run"}, input=str(tmp_path / "input"), output=str(tmp_path / "output"))
    assert page.request("GET", "work") == (200, b'{"op":"run"}')
    assert page.request("GET", "input") == (200, b"pixels")
    assert page.request("POST", "output", b"logits")[0] == 200
    assert page.request("POST", "answer", b'{"shape":[1]}')[0] == 200
    assert page.said() == {"answer": {"shape": [1]}}
    assert (tmp_path / "output").read_bytes() == b"logits"
    for path, body in (("answer", b'{"shape":[2]}'), ("output", b"other")):
        assert page.request("POST", path, body)[0] == 409
    assert (tmp_path / "output").read_bytes() == b"logits"
    page.ask({"op": "run"}, output=str(tmp_path / "output"))
    assert page.request("GET", "work") == (200, b'{"op":"run"}')
    assert page.request("POST", "answer", b'{"shape":[3]}')[0] == 200
    assert page.said() == {"answer": {"shape": [3]}}


@pytest.mark.parametrize("path", ["/", "/work", "/page.mjs", "/input", f"/{'0' * 32}/", "//"])
def test_nothing_is_said_to_who_lacks_the_token(page, path):
    assert page.request("GET", path)[0] == 404
    assert page.request("POST", path, b"{}")[0] == 404
    assert page.request("GET", "")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1"])
def test_a_name_that_was_bound_to_this_machine_is_another_host(page, host):
    assert page.request("GET", "", Host=host)[0] == 421
    assert page.request("GET", "work", Host=host)[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "", None])
def test_other_pages_cannot_answer(page, tmp_path, origin):
    page.ask({"op": "run"}, output=str(tmp_path / "output"))
    assert page.request("GET", "work")[0] == 200
    for path in ("answer", "output"):
        assert page.request("POST", path, b"{}", Origin=origin)[0] == 403
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("body", [b"", b"{", b"7", b"null", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_none_is_refused_and_the_next_one_counts(page, body):
    page.ask({"op": "run"})
    assert page.request("GET", "work")[0] == 200
    assert page.request("POST", "answer", body)[0] == 400
    assert page.request("POST", "answer", b'{"shape":[1]}')[0] == 200
    assert page.said() == {"answer": {"shape": [1]}}


def test_an_answer_is_no_larger_than_an_answer(page):
    page.ask({"op": "run"})
    assert page.request("GET", "work")[0] == 200
    # It may be refused before all of it is sent.
    with suppress(BrokenPipeError, ConnectionResetError):
        assert page.request("POST", "answer", b" " * (2 << 20))[0] == 413
    assert page.request("POST", "answer", b"{}")[0] == 200


@pytest.mark.parametrize(
    "path", ["ort/../../../package.json", "ort/..%2f..%2fpackage.json", "../page-server.mjs", "model", "ort/x.json"]
)
def test_no_other_file_of_the_disk_is_served(page, path):
    assert page.request("GET", path)[0] == 404


def test_other_methods_are_refused(page):
    assert page.request("PUT", "answer", b"{}")[0] == 405
    assert page.request("DELETE", "")[0] == 405


def test_it_listens_on_the_loopback_interface_alone(page):
    addresses = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in addresses - {"127.0.0.1"}:
        with pytest.raises(OSError, match=r"refused|unreachable"):
            socket.create_connection((address, page.url.port), timeout=5)
    assert page.url.hostname == "127.0.0.1"
