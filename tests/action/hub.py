"""A stand-in for the Hugging Face Hub: what its client asks, answered on the loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_" + "a" * 34
LFS = 64

_REPO = re.compile(r"/api/(model|dataset)s/([^/]+/[^/]+?)(?:/(preupload|commit)/main)?")
_BATCH = re.compile(r"/(?:datasets/)?(.+)\.git/info/lfs/objects/batch")


@dataclass
class Repository:
    """One repository: its files and the messages of its commits."""

    kind: str
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


@dataclass
class Hub:
    """What is there, what was asked, and what is answered instead."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    broken: dict[str, tuple[int, Any]] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        for start, said in self.broken.items():
            if f"{method} {path}".startswith(start):
                return said
        if method == "PUT":
            self.large[path.removeprefix("/large/")] = body
            return 200, {}
        if found := _BATCH.fullmatch(path):
            return 200, self._batch(json.loads(body))
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/whoami-v2":
            return 200, {"name": "ada"}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        found = _REPO.fullmatch(path)
        return self._of(found[2], found[1], found[3], body) if found else (404, {})

    def _of(self, name: str, kind: str, act: str | None, body: bytes) -> tuple[int, Any]:
        repository = self.repositories.get(name)
        if repository is None or repository.kind != kind:
            return 404, {"error": "Repository not found", "code": "RepoNotFound"}
        if act == "preupload":
            return 200, {"files": [_mode(one) for one in json.loads(body)["files"]]}
        if act == "commit":
            return self._commit(name, repository, list(map(json.loads, body.splitlines())))
        siblings = [{"rfilename": path} for path in repository.files]
        return 200, {"id": name, "private": repository.private, "siblings": siblings}

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        name = f"{asked['organization'] or 'ada'}/{asked['name']}"
        if name in self.repositories:
            return 409, {"error": "You already created this repo"}
        private = asked["visibility"] == "private" if "visibility" in asked else asked["private"]
        self.repositories[name] = Repository(asked.get("type", "model"), private)
        return 200, {"url": f"{self.url}/{name}", "name": name}

    def _batch(self, asked: dict[str, Any]) -> Any:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.url}/large/{one['oid']}"}}}
            for one in asked["objects"]
        ]
        return {"transfer": "basic", "objects": objects}

    def _commit(
        self, name: str, repository: Repository, lines: list[dict[str, Any]]
    ) -> tuple[int, Any]:
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                repository.said.append(value["summary"])
            elif line["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            else:
                data = self.large[value["oid"]]
                assert hashlib.sha256(data).hexdigest() == value["oid"]
                repository.files[value["path"]] = data
        oid = f"{len(repository.said):040x}"
        return 200, {
            "success": True, "commitOid": oid, "commitUrl": f"{self.url}/{name}/commit/{oid}",
        }  # fmt: skip


@contextmanager
def serving() -> Iterator[Hub]:
    """A Hub that listens meanwhile."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            body = self._body()
            sent = self.headers.get("Authorization")
            hub.tokens.add(sent)
            known = sent == f"Bearer {TOKEN}" or self.command == "PUT"
            path = self.path.partition("?")[0]
            status, said = hub.answer(self.command, path, body) if known else (401, _UNKNOWN)
            text = json.dumps(said).encode()
            self.send_response(status)
            for key, value in (("Content-Type", "application/json"), *_named(said)):
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PUT = do_GET  # noqa: N815

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_UNKNOWN = {"error": "Invalid username or password."}


def _named(said: Any) -> list[tuple[str, str]]:
    """What the Hub says of an error in headers too."""
    words = {"X-Error-Code": said.get("code"), "X-Error-Message": said.get("error")}
    return [(key, value) for key, value in words.items() if value]


def _mode(file: dict[str, Any]) -> dict[str, Any]:
    mode = "lfs" if file["size"] > LFS and not file["path"].endswith(".md") else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
