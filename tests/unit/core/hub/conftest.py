"""A hub on this machine: an HTTP server with the few addresses of the real one that are asked for.

Made after what huggingface_hub calls: information of a repository, its tree, files, the four steps of a commit.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from inkport.core.artifact import bundled_artifacts


LFS = (".onnx", ".safetensors", ".parquet", ".png", ".bin", ".pt")
API = re.compile(r"/api/(models|datasets)/([\w.-]+/[\w.-]+)(?:/(revision|tree|preupload|commit)/([^/?]+))?")
FILE = re.compile(r"/(datasets/)?([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)")


class Hub:
    """Repositories by address (``models/user/name``), and what was asked for."""

    def __init__(self):
        self.repositories, self.asked, self.stored = {}, [], {}
        self.damage = {}
        self.status = None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.hub = self
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def put(self, address, files, *, licence=None, gated=False, private=False):
        """Make a repository of a folder, or of bytes by name."""
        if not isinstance(files, dict):
            files = {p.relative_to(files).as_posix(): p.read_bytes() for p in files.rglob("*") if p.is_file()}
        self.repositories[address] = Repository(dict(files), licence, gated=gated, private=private)
        return self.repositories[address]

    def fetched(self):
        """Names of the files whose content was sent, sorted."""
        found = [FILE.fullmatch(path) for method, path in self.asked if method == "GET"]
        return sorted(match[4] for match in found if match)


class Repository:
    def __init__(self, files, licence, *, gated, private):
        self.files, self.licence, self.gated, self.private = files, licence, gated, private
        self.branches = {"main"}

    @property
    def sha(self):
        return oid(json.dumps({k: oid(v) for k, v in sorted(self.files.items())}).encode())

    def info(self, address):
        name = address.partition("/")[2]
        card = {} if self.licence is None else {"license": self.licence}
        files = [
            {"rfilename": k, "size": len(v), "blobId": "0" * 40, **({"lfs": lfs(v, "sha256")} if is_lfs(k) else {})}
            for k, v in self.files.items()
        ]
        told = {"id": name, "modelId": name, "sha": self.sha, "private": self.private, "gated": self.gated, "tags": []}
        return told | {"siblings": files, "cardData": card, "downloads": 0, "likes": 0, "disabled": False}

    def tree(self):
        return [
            {"type": "file", "path": k, "size": len(v), "oid": oid(v), **({"lfs": lfs(v, "oid")} if is_lfs(k) else {})}
            for k, v in self.files.items()
        ]


def is_lfs(name):
    return name.endswith(LFS)


def oid(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def lfs(data, key):
    return {key: hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}


class Handler(BaseHTTPRequestHandler):
    # Of 1.0, so that no connection outlives the server.
    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        """Say nothing."""

    def answer(self, status, body=b"", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            with suppress(BrokenPipeError):
                self.wfile.write(data)

    def begin(self):
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        self.body = self.chunks() if chunked else self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.server.hub.asked.append((self.command, path))
        return path

    def chunks(self):
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def repository(self, address, revision):
        """Find a repository, or refuse as the hub does."""
        found = self.server.hub.repositories.get(address)
        if self.server.hub.status:
            self.answer(self.server.hub.status)
        elif found is None:
            self.answer(401, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        elif found.gated and self.command != "POST":
            self.answer(403, X_Error_Code="GatedRepo", X_Error_Message="Access to it is restricted")
        elif revision not in (None, found.sha, *found.branches):
            self.answer(404, X_Error_Code="RevisionNotFound", X_Error_Message="Invalid rev id")
        else:
            return found
        return None

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.begin()
        if match := FILE.fullmatch(path):
            address = f"{'datasets' if match[1] else 'models'}/{match[2]}"
            if found := self.repository(address, match[3]):
                self.send_file(found, match[4])
        elif match := API.fullmatch(path):
            address = f"{match[1]}/{match[2]}"
            # What is gated tells about itself, and hands out nothing.
            found = self.server.hub.repositories.get(address)
            if found and found.gated and match[3] != "tree":
                self.answer(200, found.info(address))
            elif found := self.repository(address, match[4]):
                self.answer(200, found.tree() if match[3] == "tree" else found.info(address))
        else:
            self.answer(404)

    def send_file(self, found, name):
        if name not in found.files:
            self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=found.sha)
            return
        data = found.files[name]
        tag = hashlib.sha256(data).hexdigest() if is_lfs(name) else oid(data)
        self.answer(200, self.server.hub.damage.get(name, data), ETag=f'"{tag}"', X_Repo_Commit=found.sha)

    def do_PUT(self):
        path = self.begin()
        self.server.hub.stored[path.rpartition("/")[2]] = self.body
        self.answer(200)

    def do_POST(self):
        path = self.begin()
        if path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            asked = json.loads(self.body)
            name = f"{asked['organization']}/{asked['name']}"
            private = asked.get("private") or asked.get("visibility") == "private"
            self.server.hub.put(f"models/{name}", {}, private=private)
            self.answer(200, {"url": f"{self.server.hub.url}/{name}"})
        elif path.endswith(".git/info/lfs/objects/batch"):
            objects = json.loads(self.body)["objects"]
            put = [{**o, "actions": {"upload": {"href": f"{self.server.hub.url}/lfs/{o['oid']}"}}} for o in objects]
            self.answer(200, {"transfer": "basic", "objects": put}, Content_Type="application/vnd.git-lfs+json")
        elif (match := API.fullmatch(path)) and (found := self.repository(f"{match[1]}/{match[2]}", match[4])):
            answer = (
                preupload(self.body) if match[3] == "preupload" else commit(self.server.hub, match[2], found, self.body)
            )
            self.answer(200, answer)


def preupload(body):
    return {
        "files": [
            {"path": f["path"], "uploadMode": "lfs" if is_lfs(f["path"]) else "regular", "shouldIgnore": False}
            for f in json.loads(body)["files"]
        ]
    }


def commit(hub, name, found, body):
    for row in map(json.loads, body.splitlines()):
        value = row["value"]
        if row["key"] == "file":
            found.files[value["path"]] = base64.b64decode(value["content"])
        elif row["key"] == "lfsFile":
            found.files[value["path"]] = hub.stored[value["oid"]]
    return {"commitUrl": f"{hub.url}/{name}/commit/{found.sha}", "commitOid": found.sha, "success": True}


@pytest.fixture(scope="session")
def shipped():
    """A real artifact: int8 of the shipped model."""
    return bundled_artifacts()[0]


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The hub that huggingface_hub asks, and an empty cache."""
    pytest.importorskip("huggingface_hub", reason="the client of the hub is not installed")
    from huggingface_hub import constants

    from inkport.lines.hub import fetch_lines

    started = Hub()
    template = started.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", started.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    # The protocol of large files that is documented, and that a test can mimic.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    fetch_lines.cache_clear()
    yield started
    started.close()
    fetch_lines.cache_clear()
