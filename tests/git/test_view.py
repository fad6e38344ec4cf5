"""A view of a repository: few refs for a push, and nothing of the user's runs in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_exp.git import view
from git_exp.git.hooks import script
from git_exp.git.remote import Remote, Update, push
from git_exp.git.repo import Repo, discover
from tests.share.world import git as git_in

MANY = 25


def git(*args: str, cwd: Path | None = None) -> str:
    return git_in(cwd or Path.cwd(), *args)


def found(where: Path) -> Repo:
    return discover(where, os.environ)


def updates(where: Path) -> list[Update]:
    head = git("rev-parse", "HEAD", cwd=where)
    return [Update(name=f"refs/runs/{at:02}", new=head) for at in range(MANY)]


@pytest.fixture
def origin(repo: Path, tmp_path: Path) -> Path:
    path = tmp_path / "origin.git"
    git("init", "-q", "--bare", str(path))
    git("remote", "add", "origin", str(path))
    return path


def test_it_shows_what_is_named_and_the_users_own_refs_and_is_gone_after(repo: Path) -> None:
    head = git("rev-parse", "HEAD")
    git("tag", "one")
    git("update-ref", "refs/runs/hidden", head)
    at = found(repo)

    with view.showing(at, {"refs/runs/shown": head}) as seen:
        listed = seen.git("for-each-ref", "--format=%(refname)").decode().split()
        assert seen.git("cat-file", "-t", head) == b"commit\n"

    assert listed == ["refs/heads/main", "refs/runs/shown", "refs/tags/one"]
    assert not list((repo / ".git/exp/tmp").iterdir())


def test_a_pre_push_hook_sees_the_users_repository_however_many_refs_go(
    repo: Path, origin: Path
) -> None:
    hook = repo / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ngit rev-parse --absolute-git-dir >> where; git stash -q\nexit 1\n")
    hook.chmod(0o755)
    (repo / "train.py").write_text("# mine\n")

    with pytest.raises(Exception, match="remote 'origin'"):
        push(found(repo), Remote(name="origin"), updates(repo))

    assert (repo / "where").read_text() == f"{repo / '.git'}\n"
    assert git("stash", "list")
    git("stash", "pop", "-q")
    assert (repo / "train.py").read_text() == "# mine\n"


@pytest.mark.parametrize("place", ["worktree", "bare", "include", "home"])
def test_where_a_view_could_differ_there_is_none(
    repo: Path, origin: Path, tmp_path: Path, place: str
) -> None:
    where = repo
    if place == "worktree":
        where = tmp_path / "linked"
        git("worktree", "add", "-q", str(where))
    elif place == "bare":
        where = tmp_path / "copy.git"
        git("clone", "-q", "--bare", str(repo), str(where))
        git("remote", "add", "near", "../origin.git", cwd=where)
    elif place == "include":
        git("config", f"includeIf.gitdir:{repo}/.git.path", "/nowhere")
    else:
        git("config", "core.hooksPath", "~/hooks")

    assert not view.serves(found(where))
    name = "near" if place == "bare" else "origin"
    assert push(found(where), Remote(name=name), updates(where)) == []
    assert len(git("for-each-ref", "refs/runs", cwd=origin).splitlines()) == MANY


def test_what_git_starts_in_it_collects_no_garbage(
    repo: Path, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext")
    transport = tmp_path / "transport"
    transport.write_text(f"#!/bin/sh\ngit gc --auto -q >&2\nexec git-receive-pack '{origin}'\n")
    transport.chmod(0o755)
    git("config", "gc.auto", "1")
    git("config", "gc.pruneExpire", "now")
    (repo / "train.py").write_text("# mine\n")
    git("stash", "-q")
    kept, at = git("rev-parse", "refs/stash"), found(repo)
    # git counts the objects in one folder of 256, and begins when there are two.
    for number in range(2_000):
        at.pg.create_blob(b"%d" % number)

    assert view.serves(at)
    assert push(at, Remote(name=f"ext::{transport}"), updates(repo)) == []

    assert git("cat-file", "-t", kept) == "commit"
    assert git("fsck", "--no-dangling") == ""


@pytest.mark.parametrize(("text", "serves"), [("", True), ("exec true\n", False)])
def test_our_own_pre_push_hook_alone_is_in_no_views_way(
    repo: Path, text: str, *, serves: bool
) -> None:
    hook = repo / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(script("pre-push") + text)
    hook.chmod(0o755)

    assert view.serves(found(repo)) is serves
