"""Servers on loopback, as the git program meets them: its own daemon, and smart HTTP."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

Answer = Callable[..., Any]


@contextmanager
def daemon(root: Path) -> Iterator[str]:
    """`git daemon` for the repositories in a folder, to which anybody may push; its URL.

    It is one for each who connects, as inetd starts it: no port is named before it is ours.
    """
    words = ("git", "daemon", "--inetd", f"--base-path={root}", "--export-all",
             "--enable=receive-pack")  # fmt: skip

    class Started(BaseRequestHandler):
        def handle(self) -> None:
            one = self.request
            subprocess.run(words, stdin=one, stdout=one, stderr=subprocess.DEVNULL)

    with ThreadingTCPServer(("127.0.0.1", 0), Started) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"git://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextmanager
def http(root: Path, *, user: str | None = None) -> Iterator[str]:
    """Smart HTTP for the repositories in a folder by `git http-backend`; its URL.

    With a `user`, `name:password`, nobody else gets anything.
    """
    server = make_server("127.0.0.1", 0, _backend(root, user), handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def _backend(root: Path, user: str | None) -> Callable[[dict[str, Any], Answer], list[bytes]]:
    wanted = f"Basic {base64.b64encode((user or '').encode()).decode()}"

    def answer(request: dict[str, Any], start: Answer) -> list[bytes]:
        if user and request.get("HTTP_AUTHORIZATION") != wanted:
            start("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="runs"')])
            return []
        body = _body(request)
        told = {key: value for key, value in request.items() if isinstance(value, str)}
        env = {
            **os.environ, **told, "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1",
            "CONTENT_LENGTH": str(len(body)), "REMOTE_USER": "somebody",
            "GIT_PROTOCOL": told.get("HTTP_GIT_PROTOCOL", ""),
        }  # fmt: skip
        done = subprocess.run(("git", "http-backend"), input=body, env=env, capture_output=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        pairs = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((value for name, value in pairs if name == "Status"), "200 OK")
        start(status, [(name, value) for name, value in pairs if name != "Status"])
        return [rest]

    return answer


def _body(request: dict[str, Any]) -> bytes:
    """What was sent, of a known length or in chunks: wsgiref knows nothing of these."""
    stream = request["wsgi.input"]
    if request.get("HTTP_TRANSFER_ENCODING") != "chunked":
        return bytes(stream.read(int(request.get("CONTENT_LENGTH") or 0)))
    chunks = []
    while size := int(stream.readline(), 16):
        chunks.append(stream.read(size))
        stream.readline()
    stream.readline()
    return b"".join(chunks)
