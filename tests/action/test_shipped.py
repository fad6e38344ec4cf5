"""The actions that come with git exp: files, a branch, and the Hub's own protocol."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from git_exp import Answers, Cancelled, Experiment, errors
from git_exp.action import offered
from git_exp.action.shipped import SHIPPED
from git_exp.git.repo import discover
from git_exp.index.search import Indexed
from tests.conftest import Exp
from tests.programs import only

Git = Callable[..., str]
TOKEN = "ghp_" + "a9Zk" * 9
STATUS = ("--no-optional-locks", "status", "--porcelain")


@pytest.fixture
def kept(repo: Path) -> Path:
    """A run with two artifacts, params and metrics, of code that is not committed."""
    (repo / "train.py").write_text("# changed\n")
    (repo / "model.bin").write_bytes(b"\0weights")
    (repo / "log.txt").write_text("log\n")
    with Experiment("my run é", params={"lr": 0.1, "odd": "a\nExp-Run: forged"}) as exp:
        exp.track({"acc": 0.93})
        exp.artifact("model.bin")
        exp.artifact("log.txt", "logs/log.txt")
    (repo / "model.bin").unlink()
    (repo / "log.txt").unlink()
    return repo


def done(name: str, **answers: Any) -> offered.Done:
    store = Indexed(discover(Path.cwd(), os.environ))
    found = offered.find(store, only(), name)
    return offered.perform(store, found, Answers(answers))


def test_every_run_offers_them_and_a_list_says_so(kept: Path, exp: Exp) -> None:
    listed = json.loads(exp("actions", "list", "--json").stdout)

    assert listed["actions"] == []
    assert [one["class"] for one in listed["shipped"]] == list(SHIPPED)


def test_all_artifacts_go_to_a_folder(kept: Path) -> None:
    told = done("ExportArtifact", artifact="all of them", form="folder", target="out")

    assert told.said == "2 files of my run é written to out"
    assert (kept / "out/model.bin").read_bytes() == b"\0weights"
    assert (kept / "out/logs/log.txt").read_text() == "log\n"
    assert stat.S_IMODE((kept / "out/model.bin").stat().st_mode) & 0o111 == 0


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_artifacts_go_to_an_archive(kept: Path, form: str) -> None:
    done("ExportArtifact", artifact="all of them", form=form, target=f"out.{form}")

    path = kept / f"out.{form}"
    if form == "zip":
        with zipfile.ZipFile(path) as packed:
            held = {name: packed.read(name) for name in packed.namelist()}
    else:
        with tarfile.open(path) as made:
            held = {
                one.name: file.read() for one in made if (file := made.extractfile(one)) is not None
            }
    assert held == {"model.bin": b"\0weights", "logs/log.txt": b"log\n"}


@pytest.mark.parametrize("form", ["folder", "zip", "tar.gz"])
def test_a_file_of_the_users_is_replaced_only_where_that_is_said(kept: Path, form: str) -> None:
    target = "out" if form == "folder" else f"out.{form}"
    mine = kept / ("out/model.bin" if form == "folder" else target)
    mine.parent.mkdir(exist_ok=True)
    mine.write_bytes(b"mine")
    asked = {"artifact": "model.bin", "form": form, "target": target}

    kept_back = done("ExportArtifact", **asked, overwrite=False)

    assert (kept_back.outcome, mine.read_bytes()) == ("failed", b"mine")
    assert kept_back.error
    assert kept_back.error.endswith("is there already")
    assert done("ExportArtifact", **asked, overwrite="yes").outcome == "done"
    assert mine.read_bytes() != b"mine"
    if form == "folder":
        # The same bytes are nobody's loss.
        assert done("ExportArtifact", **asked).outcome == "done"


def test_a_link_in_the_folder_leads_nothing_out_of_it(kept: Path, tmp_path: Path) -> None:
    (kept / "out").mkdir()
    (kept / "out/logs").symlink_to(tmp_path)

    told = done("ExportArtifact", artifact="all of them", form="folder", target="out")

    assert told.error == "'out/logs/log.txt' leads out of 'out'"
    assert not (tmp_path / "log.txt").exists()
    assert not (kept / "out/model.bin").exists()


def test_a_run_without_artifacts_says_so(repo: Path) -> None:
    with Experiment("plain"):
        pass

    told = done("ExportArtifact", form="folder", target="out")

    assert told.error == f"run {only().id[:8]} keeps no artifact"
    assert not (repo / "out").exists()


def test_one_that_is_too_large_to_be_kept_is_named_with_where_it_is(repo: Path, git: Git) -> None:
    git("config", "exp.maxArtifact", "3")
    (repo / "big.bin").write_bytes(b"1234")
    with Experiment("plain") as exp:
        exp.artifact("big.bin")
    from git_exp.action.shipped import kept as keeping

    with pytest.raises(errors.AnswerIsNo) as refused:
        keeping.names(only())

    assert refused.value.hint == f"'big.bin' is where it was: {(repo / 'big.bin').as_uri()}"


@pytest.mark.parametrize("key", ["artifact", "form", "target"])
def test_cancelling_a_question_writes_nothing(kept: Path, key: str) -> None:
    class Stops(Answers):
        def text(self, key_: str, label: str, *, default: str = "") -> str:
            if key_ == key:
                raise Cancelled
            return super().text(key_, label, default=default)

        def choice(self, key_: str, label: str, choices: Any) -> str:
            if key_ == key:
                raise Cancelled
            return super().choice(key_, label, choices)

    store = Indexed(discover(kept, os.environ))
    asked = Stops({"artifact": "all of them", "form": "folder", "target": "out"})

    told = offered.perform(store, offered.find(store, only(), "ExportArtifact"), asked)

    assert told.outcome == "cancelled"
    assert not (kept / "out").exists()
    assert only().results[0].outcome == {"status": "cancelled"}


def test_a_branch_has_the_runs_code_on_its_base_and_its_numbers_in_the_message(
    kept: Path, git: Git
) -> None:
    before = (git(*STATUS), git("rev-parse", "HEAD"), (kept / ".git/index").stat())
    run = only()

    told = done("PublishBranch", branch="exp/best", subject="Try\nlarger steps")

    assert told.said
    assert told.said.startswith("branch exp/best is at ")
    assert git("rev-parse", "exp/best^{tree}") == git("rev-parse", f"{run.commit}^{{tree}}")
    assert git("rev-parse", "exp/best^") == git("rev-parse", "HEAD")
    assert git("log", "-1", "--format=%B", "exp/best").splitlines() == [
        "Try larger steps",
        "",
        "  lr: 0.1",
        "  odd: a Exp-Run: forged",
        "",
        f"Exp-Run: {run.id} acc=0.93",
    ]
    assert git("log", "-1", "--format=%(trailers:key=Exp-Run,valueonly)", "exp/best") == (
        f"{run.id} acc=0.93\n"
    )
    after = (git(*STATUS), git("rev-parse", "HEAD"), (kept / ".git/index").stat())
    assert before == after
    assert git("log", "-1", "--format=%an", "exp/best") == "Ada"


@pytest.mark.parametrize("name", ["main", "-x", "a..b", "HEAD", "refs/heads/"])
def test_a_branch_that_is_there_or_cannot_be_is_refused(kept: Path, git: Git, name: str) -> None:
    before = git("for-each-ref", "refs/heads")

    told = done("PublishBranch", branch=name, subject="x")

    assert told.outcome == "failed"
    assert git("for-each-ref", "refs/heads") == before


def test_the_default_branch_is_named_after_the_run(kept: Path, git: Git) -> None:
    class Defaults(Answers):
        def text(self, key: str, label: str, *, default: str = "") -> str:
            return default

    store = Indexed(discover(kept, os.environ))

    offered.perform(store, offered.find(store, only(), "PublishBranch"), Defaults())

    assert git("branch", "--list", "exp/*") == "  exp/my-run"
    assert git("log", "-1", "--format=%s", "exp/my-run") == "my run é"


class Hub(BaseHTTPRequestHandler):
    """What of the Hub's HTTP API an upload needs."""

    def do_GET(self) -> None:
        self._answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen: list[Any] = self.server.seen  # type: ignore[attr-defined]
        seen.append((self.path, self.headers.get("Authorization"), body))
        if self.headers.get("Authorization") != "Bearer hf_good":
            return self._answer(401, {"error": "Invalid credentials"})
        if self.path == "/api/repos/create":
            url = f"http://{self.headers['Host']}/ada/models"
            return self._answer(200, {"url": url, "name": "ada/models"})
        if "/preupload/" in self.path:
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            return self._answer(200, {"files": files})
        url = f"http://{self.headers['Host']}/ada/models/commit/abc"
        return self._answer(
            200, {"success": True, "commitOid": "a" * 40, "commitUrl": url, "hookOutput": ""}
        )

    def log_message(self, *_: object) -> None:
        return

    def _answer(self, code: int, told: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(told).encode()
        self.send_response(code)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A stand-in for the Hub on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


PUSH = ("actions", "run", "@", "PushToHub", "--set", "repo=ada/models", "--set", "type=model",
        "--set", "private=yes")  # fmt: skip


def test_artifacts_and_a_card_go_to_the_hub(kept: Path, exp: Exp, hub: ThreadingHTTPServer) -> None:
    done = exp(*PUSH)

    assert done.stdout == f"3 files are at {os.environ['HF_ENDPOINT']}/ada/models/commit/abc\n"
    seen: list[Any] = hub.seen  # type: ignore[attr-defined]
    created = json.loads(next(body for path, _, body in seen if path == "/api/repos/create"))
    # Whether it is private has two spellings.
    assert (created["name"], created["organization"]) == ("models", "ada")
    assert created.get("visibility") == "private" or created["private"]
    commit = next(body for path, _, body in seen if "/commit/" in path)
    lines = [json.loads(one) for one in commit.splitlines()]
    assert sorted(one["value"]["path"] for one in lines if one["key"] == "file") == [
        "README.md", "logs/log.txt", "model.bin",
    ]  # fmt: skip
    assert lines[0]["value"]["summary"] == f"run {only().id[:8]} my run é"
    results = only().results
    assert results[0].answers == {"repo": "ada/models", "type": "model", "private": True}
    assert b"hf_good" not in b"".join(Indexed(discover(kept, os.environ)).lines(only()))


def test_what_the_hub_refuses_is_one_line(
    kept: Path, exp: Exp, hub: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_bad")

    done = exp(*PUSH, code=5)

    assert done.stderr.startswith("fatal: PushToHub failed: the Hub did not take it: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_hub_that_nobody_reaches_is_one_line(
    kept: Path, exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", "hf_good")

    done = exp(*PUSH, code=5)

    assert done.stderr.startswith("fatal: PushToHub failed: the Hub did not take it: ")


def test_an_artifact_with_a_secret_is_not_sent(
    repo: Path, exp: Exp, hub: ThreadingHTTPServer
) -> None:
    (repo / "conf.txt").write_text(f"token = {TOKEN}\n")
    with Experiment("leaky") as run:
        run.artifact("conf.txt")

    done = exp(*PUSH, code=5)

    assert "artifact 'conf.txt' holds a secret: nothing was sent" in done.stderr
    assert hub.seen == []  # type: ignore[attr-defined]


def test_without_the_extra_it_says_what_to_install(kept: Path) -> None:
    code = """
import sys
sys.modules["huggingface_hub"] = None
from git_exp.__main__ import main
sys.argv = ["git-exp", "actions", "run", "@", "PushToHub"]
sys.exit(main())
"""
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)

    assert done.returncode == 5
    assert "the Hub needs huggingface_hub" in done.stderr
