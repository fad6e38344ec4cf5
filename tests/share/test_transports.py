"""Every transport that git has: runs go out, come in, and their code comes when it is wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_exp import share
from git_exp.share import archive
from tests.conftest import Exp
from tests.families import few
from tests.share import serving
from tests.share.test_servers import held, noted
from tests.share.world import Clone, git

pytestmark = pytest.mark.usefixtures("plain_rules")

HELPER = '!f() {{ test "$1" = get && printf "username=ada\\npassword={}\\n"; }}; f'


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sealed world forbids, and nobody asked at a terminal."""
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file:git:ssh:ext:http")
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("http_proxy", raising=False)


def by_daemon(there: Path, top: Path) -> Iterator[str]:
    with serving.daemon(there.parent) as url:
        yield f"{url}/{there.name}"


def by_http(there: Path, top: Path) -> Iterator[str]:
    git(there, "config", "http.receivepack", "true")
    with serving.http(there.parent) as url:
        yield f"{url}/{there.name}"


def by_ext(there: Path, top: Path) -> Iterator[str]:
    yield f"ext::{shell(top)} %S {there}"


def by_ssh(there: Path, top: Path) -> Iterator[str]:
    told = {"GIT_SSH_COMMAND": str(shell(top, host=True)), "GIT_SSH_VARIANT": "ssh"}
    os.environ.update(told)
    try:
        yield f"ssh://ada@example.org{there}"
    finally:
        for name in told:
            del os.environ[name]


def by_path(there: Path, top: Path) -> Iterator[str]:
    yield str(there)


def shell(top: Path, *, host: bool = False) -> Path:
    """What stands for ssh: it runs what it is told to, here."""
    path = top / "connect"
    words = 'for last; do :; done; exec sh -c "$last"' if host else 'exec "$@"'
    path.write_text(f"#!/bin/sh\n{words}\n")
    path.chmod(0o755)
    return path


WAYS = (by_path, by_daemon, by_http, by_ext, by_ssh)


@pytest.fixture(params=WAYS, ids=[one.__name__ for one in WAYS])
def url(
    request: pytest.FixtureRequest, there: Path, here: Clone, mate: Clone, tmp_path: Path
) -> Iterator[str]:
    """Where both clones reach the server from now on."""
    way = request.param(there, tmp_path)
    found = next(way)
    for one in (here, mate):
        one.git("remote", "set-url", "origin", found)
    yield found
    for _ in way:
        pass


def test_runs_go_out_and_come_in(url: str, here: Clone, mate: Clone, there: Path, exp: Exp) -> None:
    run, old = here.run("a run"), here.run("an old run")

    sent = exp("push", cwd=here.path)
    came = exp("pull", cwd=mate.path)

    assert sent.stderr == came.stderr == ""
    assert noted(there) == {run.commit, old.commit}
    assert len(held(there, "refs/runs", "refs/exp/data")) == 4
    assert not mate.refs("refs/runs")

    shown = exp("show", run.id, "-p", cwd=mate.path)

    assert f"+# {run.id}" in shown.stdout
    assert shown.stderr.startswith(f"fetching run {run.id[:8]}")
    assert set(mate.refs("refs/runs", "refs/exp/data")) == {
        f"refs/runs/{run.id}", f"refs/exp/data/{run.id}",
    }  # fmt: skip

    mate.note(run, "seen")
    exp("push", cwd=mate.path)
    exp("pull", cwd=here.path)

    assert here.tree() == mate.tree()


@pytest.mark.slow
@pytest.mark.parametrize("version", few(1, ["0", "2"]))
def test_code_comes_out_of_an_archive(
    url: str, here: Clone, mate: Clone, there: Path, exp: Exp, version: str
) -> None:
    runs = [here.run(f"run {at}") for at in range(3)]
    archive.fold(here.store, runs)
    exp("push", cwd=here.path)
    exp("pull", cwd=mate.path)
    mate.git("config", "protocol.version", version)
    assert not held(there, "refs/runs")

    shown = exp("show", runs[1].id, "-p", cwd=mate.path)

    assert f"+# {runs[1].id}" in shown.stdout
    found = mate.store.get(runs[1].id)
    assert found
    assert [point.value for point in found.series()] == [0.5]
    (held_by,) = {name.split("/")[1] for name in mate.refs("refs/runs", "refs/exp/archive")}
    # By its commit's id; a server that gives nothing by an id has to give the archive.
    by_id = version == "2" and not url.startswith("ext::")
    assert held_by == ("runs" if by_id else "exp")


@pytest.mark.slow
def test_a_server_that_asks_who_we_are_is_told_by_the_users_helper(
    there: Path, here: Clone, mate: Clone, exp: Exp
) -> None:
    git(there, "config", "http.receivepack", "true")
    run = here.run()
    with serving.http(there.parent, user="ada:s3cret-word") as url:
        for one in (here, mate):
            one.git("remote", "set-url", "origin", f"{url}/{there.name}")
            one.git("config", "credential.helper", HELPER.format("s3cret-word"))
        exp("push", cwd=here.path)
        exp("pull", "--all", cwd=mate.path)
        assert f"+# {run.id}" in exp("show", run.id, "-p", cwd=mate.path).stdout

        mate.git("config", "credential.helper", HELPER.format("wrong"))
        wrong = exp("pull", cwd=mate.path, code=5)
        mate.git("config", "credential.helper", "")
        nobody = exp("push", cwd=mate.path, code=5)

    for done in (wrong, nobody):
        fatal, hint = done.stderr.splitlines()
        assert fatal.startswith("fatal: remote 'origin': ")
        assert hint.startswith("hint: ")
    assert "Authentication failed" in wrong.stderr
    assert "could not read Username" in nobody.stderr
    assert mate.runs() == [run.id]


@pytest.mark.slow
def test_no_password_in_a_url_is_shown_or_kept(there: Path, here: Clone, exp: Exp) -> None:
    git(there, "config", "http.receivepack", "true")
    run = here.run()
    with serving.http(there.parent, user="ada:s3cret-word") as url:
        named = f"{url.replace('//', '//ada:s3cret-word@')}/{there.name}"
        pushed = exp("push", named, cwd=here.path)
        pulled = exp("pull", named, run.id, cwd=here.path)
    away = exp("pull", named, cwd=here.path, code=5)

    assert noted(there) == {run.commit}
    for done in (pushed, pulled, away):
        assert "s3cret-word" not in done.stdout + done.stderr
    assert not [
        path for path in (here.path / ".git").rglob("*")
        if path.is_file() and b"s3cret-word" in path.read_bytes()
    ]  # fmt: skip


@pytest.mark.slow
def test_a_server_that_went_away_is_one_clear_line(there: Path, here: Clone, exp: Exp) -> None:
    here.run()
    with serving.http(there.parent) as http, serving.daemon(there.parent) as daemon:
        urls = [f"{http}/{there.name}", f"{daemon}/{there.name}"]

    for url in urls:
        for word in ("push", "pull"):
            done = exp(word, url, cwd=here.path, code=5)
            fatal, hint = done.stderr.splitlines()
            assert fatal.startswith(f"fatal: remote '{url}': ")
            assert hint.startswith("hint: ")


@pytest.mark.slow
def test_a_server_that_lets_nobody_push_is_one_clear_line(
    there: Path, here: Clone, mate: Clone, exp: Exp
) -> None:
    run = here.run()
    share.push(here.store)
    mate.run()
    git(there, "config", "http.receivepack", "false")
    with serving.http(there.parent) as url:
        mate.git("remote", "set-url", "origin", f"{url}/{there.name}")
        exp("pull", cwd=mate.path)
        done = exp("push", cwd=mate.path, code=5)

    assert "403" in done.stderr.splitlines()[0]
    assert run.id in mate.runs()
    assert noted(there) == {run.commit}


@pytest.mark.slow
def test_a_push_larger_than_one_request_goes_through(there: Path, here: Clone, exp: Exp) -> None:
    git(there, "config", "http.receivepack", "true")
    here.git("config", "http.postBuffer", "65536")
    runs = [here.run(f"run {at} " + "x" * 500) for at in range(30)]
    with serving.http(there.parent) as url:
        here.git("remote", "set-url", "origin", f"{url}/{there.name}")
        exp("push", cwd=here.path)

    assert noted(there) == {run.commit for run in runs}
