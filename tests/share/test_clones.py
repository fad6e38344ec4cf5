"""Clones of every kind and configurations of every sort: runs go and come all the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_exp import data, share
from git_exp.git.repo import discover
from git_exp.index.search import Indexed
from tests.conftest import Exp
from tests.families import few
from tests.share.test_servers import calls, held, hook, noted
from tests.share.world import Clone, clone, git, server

pytestmark = pytest.mark.usefixtures("plain_rules")


@pytest.fixture
def theirs(here: Clone, there: Path) -> str:
    """The id of a run on the server whose code stands on a file that it did not change."""
    run = here.run("theirs")
    share.push(here.store)
    return run.id


def look(where: Path, run: str, exp: Exp, *before: str) -> None:
    """Every way to see what is in somebody's run."""
    exp("pull", cwd=where)
    assert "theirs" in exp("log", cwd=where).stdout
    assert f"-# {run}" in exp("diff", run, "HEAD", cwd=where).stdout
    assert f"+# {run}" in exp("show", run, "-p", cwd=where).stdout
    store = Clone(where).store
    found = store.get(run)
    assert found
    assert [point.value for point in found.series()] == [0.5]
    exp("checkout", run, cwd=where)
    assert (where / "train.py").read_text() == f"# {run}\n"


def recorded(where: Path, exp: Exp) -> str:
    """A run of this clone's own, made as users make them."""
    done = exp("run", "-n", "mine", "--", "true", cwd=where)
    assert done.returncode == 0
    (run,) = (one for one in Indexed(discover(where, os.environ)).runs() if one.name == "mine")
    return run.id


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    few(
        2,
        [
            pytest.param((), id="whole"),
            pytest.param(("--filter=blob:none",), id="without-blobs"),
            pytest.param(("--filter=tree:0",), id="without-trees"),
            pytest.param(("--depth=1",), id="shallow"),
            pytest.param(("--single-branch", "--no-tags"), id="one-branch"),
        ],
    ),
)
def test_a_clone_that_lacks_something_shows_and_sends_runs(
    there: Path, here: Clone, theirs: str, tmp_path: Path, exp: Exp, options: tuple[str, ...]
) -> None:
    git(there, "config", "uploadpack.allowFilter", "true")
    git(there, "config", "uploadpack.allowAnySHA1InWant", "true")
    (here.path / "large.txt").write_text("x\n")
    here.git("add", ".")
    here.git("commit", "-q", "-m", "second")
    here.git("push", "-q", "origin", "HEAD:main")
    where = tmp_path / "part"
    git(tmp_path, "clone", "-q", "--no-local", *options, f"file://{there}", where)

    look(where, theirs, exp)
    git(where, "checkout", "-q", "main")
    mine = recorded(where, exp)
    exp("push", cwd=where)
    share.pull(here.store)

    assert here.runs() == sorted([theirs, mine])
    assert held(there, "refs/runs") == {f"refs/runs/{theirs}", f"refs/runs/{mine}"}
    assert not git(there, "fsck", "--connectivity-only", "--no-dangling")


@pytest.mark.slow
def test_a_mirror_clone_has_every_run_and_sends_its_own(
    there: Path, here: Clone, theirs: str, tmp_path: Path, exp: Exp
) -> None:
    where = tmp_path / "mirror.git"
    git(tmp_path, "clone", "-q", "--mirror", there, where)

    pulled = exp("pull", cwd=where)
    assert "theirs" in exp("log", cwd=where).stdout
    assert f"+# {theirs}" in exp("show", theirs, "-p", cwd=where).stdout
    assert "no new records" in pulled.stdout
    more = Clone(where).run("of the mirror")
    exp("push", cwd=where)

    assert f"refs/runs/{more.id}" in held(there)
    assert more.commit in noted(there)
    assert "refs/heads/main" in held(there), "a mirror's push deletes what it lacks"


def test_a_push_to_a_mirror_remote_touches_nothing_but_runs(
    here: Clone, tmp_path: Path, exp: Exp
) -> None:
    backup = server(tmp_path / "backup.git")
    here.git("push", "-q", backup, "main:refs/heads/theirs")
    here.git("remote", "add", "--mirror=push", "backup", backup)
    here.git("branch", "private")
    here.git("tag", "v1")
    run = here.run()

    exp("push", "backup", cwd=here.path)

    assert held(backup) == {
        "refs/heads/theirs", "refs/notes/exp", f"refs/runs/{run.id}", data.name(run.id),
    }  # fmt: skip


def test_a_push_goes_where_the_configuration_sends_it(
    here: Clone, there: Path, tmp_path: Path, exp: Exp
) -> None:
    other = server(tmp_path / "other.git")
    here.git("config", "remote.origin.pushurl", str(other))
    run = here.run()

    exp("push", cwd=here.path)

    assert held(other, "refs/runs") == {f"refs/runs/{run.id}"}
    assert not held(there, "refs/runs")


@pytest.mark.slow
def test_short_names_of_urls_are_taken_for_what_they_stand_for(
    here: Clone, there: Path, tmp_path: Path, exp: Exp
) -> None:
    other = server(tmp_path / "other.git")
    here.git("config", f"url.{tmp_path}/.insteadOf", "short:")
    here.git("remote", "add", "long", "short:there.git")
    first = here.run()

    exp("push", "long", cwd=here.path)
    exp("pull", "short:there.git", cwd=here.path)

    assert noted(there) == {first.commit}

    here.git("config", f"url.{other}.pushInsteadOf", "short:there.git")
    second = here.run()
    exp("push", "long", cwd=here.path)

    assert f"refs/runs/{second.id}" in held(other)


@pytest.mark.slow
def test_settings_of_push_and_fetch_neither_send_nor_remove_more(
    here: Clone, mate: Clone, there: Path, exp: Exp
) -> None:
    settings = {
        "fetch.prune": "true", "fetch.pruneTags": "true", "remote.origin.prune": "true",
        "push.followTags": "true", "push.recurseSubmodules": "on-demand",
        "push.default": "matching",
        "fetch.recurseSubmodules": "true", "remote.origin.push": "refs/heads/*:refs/heads/*",
        "remote.pushDefault": "nowhere", "push.gpgSign": "if-asked", "submodule.recurse": "true",
        "remote.origin.tagOpt": "--tags", "fetch.writeCommitGraph": "true",
        "fetch.output": "compact",
        "push.autoSetupRemote": "true", "fetch.all": "true", "transfer.fsckObjects": "true",
        "log.showSignature": "true", "push.useForceIfIncludes": "true", "fetch.parallel": "4",
        "core.logAllRefUpdates": "always",
    }  # fmt: skip
    for one in (here, mate):
        for key, value in settings.items():
            one.git("config", key, value)
        one.git("config", "--add", "remote.origin.fetch", "+refs/heads/*:refs/mirrored/*")
    here.git("tag", "-a", "-m", "one", "v1")
    here.git("branch", "private")
    mine, theirs = here.run(), mate.run()

    for _ in range(2):
        for one in (here, mate):
            exp("pull", "--all", cwd=one.path)
            exp("push", cwd=one.path)
    exp("pull", "--all", cwd=here.path)

    assert held(there) == {
        "refs/heads/main", "refs/notes/exp",
        *(f"refs/runs/{one.id}" for one in (mine, theirs)),
        *(data.name(one.id) for one in (mine, theirs)),
    }  # fmt: skip
    for one in (here, mate):
        assert one.runs() == sorted([mine.id, theirs.id])
        assert not one.refs("refs/mirrored", "refs/remotes/nowhere")
        assert len(one.refs("refs/runs")) == 2
        assert not list((one.path / ".git/logs/refs").glob("runs/*"))


def test_a_mirroring_fetch_with_prune_loses_no_run_that_was_pushed(
    here: Clone, there: Path, exp: Exp
) -> None:
    run = here.run()
    share.push(here.store)
    fresh = here.run()
    here.git("config", "--add", "remote.origin.fetch", "+refs/runs/*:refs/runs/*")
    here.git("fetch", "-q", "--prune", "origin")
    assert not here.refs(f"refs/runs/{fresh.id}")

    exp("fsck", "--repair", cwd=here.path)
    share.push(here.store)

    assert noted(there) == {run.commit, fresh.commit}
    assert len(held(there, "refs/runs")) == 2


def test_the_users_hook_before_a_push_runs_once_for_each_and_is_told(
    here: Clone, there: Path, tmp_path: Path, exp: Exp
) -> None:
    hooks, told = tmp_path / "hooks", tmp_path / "told"
    hooks.mkdir()
    here.git("config", "core.hooksPath", hooks)
    hook(tmp_path, "pre-push", f"cat >/dev/null; echo $GIT_EXP_PUSHING $1 >>'{told}'")
    run = here.run()

    exp("push", cwd=here.path)

    # Code and data in one, records in another.
    assert told.read_text() == "1 origin\n1 origin\n"
    assert noted(there) == {run.commit}

    exp("push", cwd=here.path)

    assert calls(told) == 2


def test_the_users_hook_sees_the_repository_whatever_is_sent(
    here: Clone, there: Path, tmp_path: Path, exp: Exp
) -> None:
    told = tmp_path / "told"
    hook(here.path / ".git", "pre-push", f"""
while read ref new rest; do
    git cat-file -e "$new^{{commit}}" || exit 1
    echo "$ref" >>'{told}'
done
test "$(git rev-parse --show-toplevel)" = '{here.path}' || exit 1
test "$(git symbolic-ref HEAD)" = refs/heads/main || exit 1
git rev-parse -q --verify origin/main >/dev/null || exit 1
git config exp.mark || exit 1""")  # fmt: skip
    here.git("config", "exp.mark", "yes")
    runs = [here.run(f"run {at}") for at in range(15)]

    exp("push", cwd=here.path)

    assert noted(there) == {run.commit for run in runs}
    assert calls(told) == 31
    assert here.path.joinpath("train.py").exists()
    assert not list((here.path / ".git/exp/tmp").glob("*"))


def test_a_users_hook_that_fails_is_a_clear_error(
    here: Clone, there: Path, tmp_path: Path, exp: Exp
) -> None:
    hook(here.path / ".git", "pre-push", "echo too late in the day >&2; exit 1")
    before = held(there)
    here.run()

    done = exp("push", cwd=here.path, code=5)

    assert done.stdout == ""
    fatal, hint = done.stderr.splitlines()
    assert fatal.startswith("fatal: remote 'origin': ")
    assert "too late in the day" in fatal or "failed to push" in fatal
    assert hint.startswith("hint: ")
    assert held(there) == before


@pytest.mark.slow
def test_a_push_is_the_same_from_a_linked_worktree(
    here: Clone, there: Path, tmp_path: Path, exp: Exp
) -> None:
    linked = tmp_path / "linked"
    here.git("worktree", "add", "-q", linked, "-b", "side")
    mine = recorded(linked, exp)

    exp("push", cwd=linked)
    exp("pull", "--all", cwd=linked)

    assert held(there, "refs/runs") == {f"refs/runs/{mine}"}
    assert "mine" in exp("log", cwd=here.path).stdout


@pytest.mark.slow
def test_a_bare_repository_pushes_and_pulls(
    here: Clone, there: Path, theirs: str, tmp_path: Path, exp: Exp
) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "-q", "--bare", there, bare)

    exp("pull", cwd=bare)
    assert "theirs" in exp("log", cwd=bare).stdout
    assert f"+# {theirs}" in exp("show", theirs, "-p", cwd=bare).stdout
    more = Clone(bare).run("of the bare one")
    exp("push", cwd=bare)

    assert more.commit in noted(there)


@pytest.mark.slow
@pytest.mark.parametrize("state", ["detached", "unborn"])
def test_no_branch_is_needed(
    here: Clone, there: Path, theirs: str, tmp_path: Path, exp: Exp, state: str
) -> None:
    if state == "detached":
        where = clone(there, tmp_path / "other").path
        git(where, "checkout", "-q", "--detach")
    else:
        where = tmp_path / "unborn"
        git(tmp_path, "init", "-q", where)
        git(where, "remote", "add", "upstream", there)
        (where / "train.py").write_text("# new\n")
    mine = recorded(where, exp)

    exp("push", cwd=where)
    exp("pull", cwd=where)

    assert held(there, "refs/runs") == {f"refs/runs/{mine}", f"refs/runs/{theirs}"}
    assert "theirs" in exp("log", cwd=where).stdout
    assert f"+# {theirs}" in exp("show", theirs, "-p", cwd=where).stdout


def test_a_repository_that_the_environment_names_is_the_one(
    here: Clone, there: Path, tmp_path: Path, exp: Exp, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = here.run()
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.setenv("GIT_DIR", str(here.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(here.path))

    exp("push", cwd=away)
    exp("pull", cwd=away)
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_WORK_TREE")

    assert noted(there) == {run.commit}


def test_the_remote_of_the_branch_is_the_usual_one(here: Clone, tmp_path: Path) -> None:
    other = server(tmp_path / "other.git")
    here.git("remote", "add", "upstream", other)
    here.git("config", "branch.main.remote", "upstream")
    run = here.run()

    done = share.push(here.store)

    assert done.remote == "upstream"
    assert noted(other) == {run.commit}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["absolute", "relative", "url", "dots"])
def test_a_path_or_a_url_is_a_remote_too(
    here: Clone, there: Path, mate: Clone, exp: Exp, form: str
) -> None:
    name = {
        "absolute": str(there), "relative": "../../there.git", "url": f"file://{there}",
        "dots": "../../here/../there.git",
    }[form]  # fmt: skip
    run = here.run("a run")
    inside = here.path / "deep"
    inside.mkdir()

    exp("push", name, cwd=inside)
    exp("pull", name, cwd=mate.path if form in ("absolute", "url") else inside)
    again = exp("push", name, cwd=inside)

    assert noted(there) == {run.commit}
    assert "everything is there" in again.stdout
    (tracked,) = (ref for ref in here.refs("refs/exp/remotes"))
    assert tracked.startswith("refs/exp/remotes/url-")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", few(3, ["a/b", "x.lock", "ünïcode", "a..b", "UPPER", "1", "a.b", "a.lock/b"])
)
def test_a_remote_may_have_an_odd_name(
    here: Clone, there: Path, mate: Clone, exp: Exp, name: str
) -> None:
    for one in (here, mate):
        one.git("config", f"remote.{name}.url", str(there))
    run = here.run()

    exp("push", name, cwd=here.path)
    exp("pull", name, cwd=mate.path)
    shown = exp("show", run.id, "-p", cwd=mate.path)

    assert f"+# {run.id}" in shown.stdout
    assert noted(there) == {run.commit}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["--upload-pack=touch pwned", "--receive-pack=touch pwned", "-x"])
@pytest.mark.parametrize("word", ["push", "pull"])
def test_what_looks_like_an_option_is_no_remote(
    here: Clone, tmp_path: Path, exp: Exp, name: str, word: str
) -> None:
    here.run()

    done = exp(word, "--", name, cwd=here.path, code=2)
    here.git("config", "exp.remote", name)
    asked = exp(word, cwd=here.path, code=2)

    for one in (done, asked):
        assert one.stderr.splitlines()[0] == f"error: bad remote '{name}'"
    assert not list(tmp_path.rglob("pwned"))


def test_a_name_that_is_no_remote_is_one_clear_line(here: Clone, exp: Exp) -> None:
    for word in ("push", "pull"):
        done = exp(word, "nowhere", cwd=here.path, code=3)
        assert done.stderr.splitlines()[0] == "fatal: no remote 'nowhere'"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["./nowhere", "/no/such/path", "ext::sh -c 'touch pwned'"])
def test_a_remote_that_is_none_is_one_clear_line(
    here: Clone, tmp_path: Path, exp: Exp, name: str
) -> None:
    run = here.run()
    before = here.refs()

    for word in ("push", "pull"):
        done = exp(word, name, cwd=here.path, code=5)
        fatal, hint = done.stderr.splitlines()
        assert fatal.startswith(f"fatal: remote '{name}': ")
        assert hint.startswith("hint: ")
    assert here.refs() == before
    assert here.runs() == [run.id]
    assert not list(tmp_path.rglob("pwned"))


def test_a_repository_without_remotes_says_how_to_add_one(here: Clone, exp: Exp) -> None:
    here.git("remote", "remove", "origin")

    done = exp("push", cwd=here.path, code=3)

    assert done.stderr.startswith("fatal: no remote to share runs with\nhint: ")
    assert "git remote add" in done.stderr
