"""PublishBranch: a run's code on a branch of one commit, and nothing else of the user's touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_exp import Answers, BadName, Cancelled, Experiment, PublishBranch, errors, records
from git_exp.action.shipped import branch, told
from git_exp.git import objects
from git_exp.run import NoteText, Run
from tests import keys
from tests.action.acting import Asked, act, made
from tests.action.acting import told as forged
from tests.spooled import found, opened

Git = Callable[..., str]
KEY = keys.token()


@pytest.fixture
def run(repo: Path, git: Git) -> Run:
    """A run of an edit and a new file; then all is as it was committed."""
    (repo / "train.py").write_text("lr = 0.1\n")
    (repo / "new.py").write_text("new\n")
    run = made(repo, params={"lr": 0.1, "optimizer": "sgd"})
    git("checkout", "-q", "train.py")
    (repo / "new.py").unlink()
    return run


@pytest.fixture
def origin(repo: Path, git: Git, tmp_path: Path) -> Path:
    """A bare repository that is the remote `origin`."""
    git("init", "-q", "--bare", tmp_path / "origin.git")
    git("remote", "add", "origin", tmp_path / "origin.git")
    return tmp_path / "origin.git"


def state(repo: Path, git: Git) -> tuple[Any, ...]:
    """HEAD, index, worktree and all refs."""
    files = {path: path.read_bytes() for path in repo.iterdir() if path.is_file()}
    index = (repo / ".git/index").read_bytes()
    return files, index, (repo / ".git/HEAD").read_text(), git("for-each-ref")


def again(repo: Path, run: Run) -> Run:
    """The run, read with the configuration as it is now."""
    found = opened(repo).get(run.id)
    assert found
    return found


def refused(repo: Path, git: Git, run: Run, /, **given: Any) -> errors.GitExpError:
    """Why nothing is made, after proof of that."""
    before = state(repo, git)
    with pytest.raises(errors.GitExpError) as error:
        act(run, PublishBranch(), **{"push": False, "branch": "b", **given})
    assert state(repo, git) == before
    return error.value


def test_the_branch_is_one_commit_of_the_runs_tree_on_its_base(
    repo: Path, git: Git, run: Run
) -> None:
    files, index, head, refs = state(repo, git)
    asked = Asked(branch="", push=False)

    act(run, PublishBranch(), asked)

    assert asked.labels == ["Branch: exp/slow", "Push it? False"]
    assert git("rev-parse", "exp/slow^{tree}") == git("rev-parse", f"{run.commit}^{{tree}}")
    assert git("rev-parse", "exp/slow~1") == run.base == git("rev-parse", "HEAD")
    assert state(repo, git)[:3] == (files, index, head)
    tip = git("rev-parse", "exp/slow")
    assert git("for-each-ref").splitlines() == sorted(
        [*refs.splitlines(), f"{tip} commit\trefs/heads/exp/slow"], key=lambda line: line[48:]
    )
    assert git("fsck", "--strict", "--no-dangling") == ""


def test_its_message_has_params_and_metrics_and_names_the_run(git: Git, run: Run) -> None:
    act(run, PublishBranch(branch="slow"), push="no")

    assert (
        git("log", "-1", "--format=%B", "slow")
        == f"""\
slow

Params:
  lr = 0.1
  optimizer = sgd

Metrics:
  acc = 0.9375
  loss = 0.25

No commit held this code when it ran.

Exp-Run: {run.id} acc=0.9375 loss=0.25
"""
    )
    trailers = git("log", "-1", "--format=%(trailers:only,unfold)", "slow")
    assert trailers == f"Exp-Run: {run.id} acc=0.9375 loss=0.25\n"


def test_its_author_and_dates_are_those_that_git_would_give_it(git: Git, run: Run) -> None:
    act(run, PublishBranch(branch="slow"), push=False)

    said = "%an <%ae> %cn <%ce> %aI %cI"
    assert git("log", "-1", f"--format={said}", "slow") == git("log", "-1", f"--format={said}")


def test_who_has_no_name_is_told_so(
    repo: Path, git: Git, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git("config", "user.useConfigOnly", "true")

    assert "no name for who commits" in str(refused(repo, git, again(repo, run)))


def test_code_that_a_commit_held_is_published_too(repo: Path, git: Git) -> None:
    run = made(repo)

    act(run, PublishBranch(branch="b"), push=False)

    assert git("rev-parse", "b^{tree}") == git("rev-parse", "HEAD^{tree}")
    assert "No commit held" not in git("log", "-1", "--format=%B", "b")


def test_without_a_commit_before_it_is_a_root(tmp_path: Path, git: Git) -> None:
    git("init", "-q", tmp_path / "unborn")
    (tmp_path / "unborn/a.py").write_text("a\n")
    run = made(tmp_path / "unborn")

    act(run, PublishBranch(branch="b"), push=False)

    assert git("rev-list", "--count", "b", cwd=tmp_path / "unborn") == "1"
    assert git("ls-tree", "--name-only", "b", cwd=tmp_path / "unborn") == "a.py"


def test_what_the_run_says_of_itself_is_never_a_line_of_the_message(repo: Path, git: Git) -> None:
    run = made(repo, params={"a\nSigned-off-by: Eve": "x\n\nExp-Run: 1"})
    run.name = "evil\n\nExp-Run: 00000000\n#\x1b[2J" + "x" * 99
    run.metrics = {"m\nCo-authored-by: Eve": records.Summary(last="1\nExp-Run: 2")}

    act(run, PublishBranch(branch="b"), push=False)

    assert (
        git("log", "-1", "--format=%B", "b")
        == f"""\
evil\\n\\nExp-Run: 00000000\\n#\\x1b[2Jxxxxxxxxxxxxxxxxxxxxxxxx…

Params:
  a\\nSigned-off-by: Eve = x\\n\\nExp-Run: 1

Metrics:
  m\\nCo-authored-by: Eve = 1\\nExp-Run: 2

Exp-Run: {run.id} m\\nCo-authored-by: Eve=1\\nExp-Run: 2
"""
    )
    assert len(git("log", "-1", "--format=%(trailers:only,unfold)", "b").splitlines()) == 1


def test_a_run_without_a_name_is_named_by_its_note_or_its_id(run: Run) -> None:
    run.name = ""

    assert branch.message(run).startswith(f"run {run.id[:8]}\n\n")
    run.notes = [NoteText(t="", text="  the one that works\nmore")]
    assert branch.message(run).startswith("the one that works\n\n")


def test_a_partial_snapshot_is_said_with_what_it_lacks(run: Run) -> None:
    missed = [records.Skipped(path=f"f{number}\n", reason="unreadable") for number in range(52)]
    submodule = records.Submodule(path="lib", dirty=True)
    run.git = records.Git(
        commit=run.commit, capture="partial", missed=missed, submodules=[submodule]
    )

    text = branch.message(run)

    said = text.partition("Not all of the code that ran is here: its snapshot is partial.\n")[2]
    lines = said.partition("\n\n")[0].splitlines()
    assert lines[:2] == ["  lib (submodule with changes)", "  f0\\n (unreadable)"]
    assert lines[-1] == "  and 3 more"
    run.git = None
    assert "partial" not in branch.message(run)
    assert told.missing(run) == []


@pytest.mark.parametrize("name", ["-f", "a..b", "HEAD", "a b", "@{-1}", "x.lock"])
def test_a_name_that_git_would_not_take_is_refused(
    repo: Path, git: Git, run: Run, name: str
) -> None:
    error = refused(repo, git, run, branch=name)

    assert isinstance(error, BadName)
    assert str(error) == f"'{name}' is not a valid branch name"


def test_a_branch_that_is_there_is_never_moved(repo: Path, git: Git, run: Run) -> None:
    git("branch", "exp")

    assert str(refused(repo, git, run, branch="main")) == "a branch named 'main' already exists"
    said = str(refused(repo, git, run, branch="exp/b"))
    assert said == "'exp/b' cannot be one where 'exp' is a branch"


def test_a_branch_that_comes_up_meanwhile_is_not_moved(
    repo: Path, git: Git, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = branch.message

    def slowly(run: Run) -> str:
        git("branch", "-f", "b", "HEAD")
        return real(run)

    monkeypatch.setattr(branch, "message", slowly)

    with pytest.raises(errors.RefMoved):
        act(run, PublishBranch(branch="b"), push=False)
    assert git("rev-parse", "b") == git("rev-parse", "HEAD")


def test_a_private_run_and_one_without_code_are_not_published(
    repo: Path, git: Git, run: Run
) -> None:
    run.private = True
    assert str(refused(repo, git, run)) == f"run {run.id[:8]} is private"
    run.private = False
    run.git = records.Git(commit=run.commit, capture="none")
    assert str(refused(repo, git, run)) == f"the code of run {run.id[:8]} was not captured"


def test_a_run_whose_code_or_base_is_away_is_not_published(repo: Path, git: Git, run: Run) -> None:
    base, known = run.base, run.git
    assert known
    run.git = records.Git(commit=run.commit, base="1" * 40, capture="full")
    error = refused(repo, git, run)
    run.git = records.Git(commit=run.commit, base="--evil", capture="full")
    other = refused(repo, git, run)
    run.commit = "2" * 40
    away = refused(repo, git, run)

    assert base
    assert str(error) == f"the base commit of run {run.id[:8]} is not here"
    assert error.hint == f"fetch it: git fetch REMOTE {'1' * 40}"
    assert (str(other), other.hint) == (str(error), None)
    assert isinstance(away, errors.CodeAway)


def test_a_live_run_whose_commit_is_gone_is_not_published(repo: Path, git: Git) -> None:
    with Experiment("live", repo=repo) as experiment:
        store = opened(repo)
        run = store.get(experiment.run_id or "")
        assert run
        run.commit = "2" * 40
        assert isinstance(refused(repo, git, run), errors.CodeAway)


@pytest.mark.slow
def test_it_is_pushed_if_that_is_answered(repo: Path, git: Git, origin: Path, run: Run) -> None:
    asked = Asked(push=True, remote="")

    act(run, PublishBranch(branch="b"), asked)

    assert asked.labels == ["Push it? False", "Remote: origin"]
    assert git("for-each-ref", "--format=%(refname)", cwd=origin) == "refs/heads/b"
    assert git("rev-parse", "b", cwd=origin) == git("rev-parse", "b")


def test_a_branch_over_there_is_not_moved_and_ours_stays(
    repo: Path, git: Git, origin: Path, run: Run
) -> None:
    git("push", "-q", "origin", "main:b")

    with pytest.raises(errors.RemoteFailed) as error:
        act(run, PublishBranch(branch="b"), push=True, remote="origin")

    assert str(error.value) == "remote 'origin': it took no 'b': it has such a branch"
    assert error.value.hint == ("the branch is here; when that is put right: git push origin b")
    assert git("rev-parse", "b", cwd=origin) == run.base
    assert git("rev-parse", "b~1") == run.base


def test_a_hook_over_there_that_refuses_is_told(
    repo: Path, git: Git, origin: Path, run: Run
) -> None:
    hook = origin / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)

    with pytest.raises(errors.RemoteFailed) as error:
        act(run, PublishBranch(branch="b"), push=True, remote="origin")

    assert str(error.value) == "remote 'origin': it took no 'b': pre-receive hook declined"


def test_a_remote_that_is_not_there_is_one_line(
    repo: Path, git: Git, run: Run, tmp_path: Path
) -> None:
    git("remote", "add", "one", tmp_path / "nowhere")
    run = again(repo, run)

    with pytest.raises(errors.RemoteFailed, match="remote 'one': ") as error:
        act(run, PublishBranch(branch="b"), push=True, remote="")

    assert "\n" not in str(error.value)
    assert git("rev-parse", "b~1") == run.base


def test_a_remote_that_nobody_knows_is_refused_before_anything_is_made(
    repo: Path, git: Git, run: Run
) -> None:
    assert str(refused(repo, git, run, push=True, remote="orign")) == "no remote 'orign'"
    assert str(refused(repo, git, run, push=True, remote="")) == "no remote to share runs with"
    assert str(refused(repo, git, run, push=True, remote="-x")) == "bad remote '-x'"


@pytest.mark.slow
def test_a_secret_in_the_code_stays_here(repo: Path, git: Git, origin: Path) -> None:
    (repo / "new.py").write_text(f'token = "{KEY}"\n')
    run = made(repo)

    error = refused(repo, git, run, push=True, remote="origin")

    assert str(error).startswith("a secret would be sent: new.py:1: ")
    assert KEY not in f"{error} {error.hint}"
    allowed = str(error.hint).rpartition(" ")[2]
    assert error.hint == (f"nothing was sent; if it is none: git config --add exp.allow {allowed}")
    git("config", "--add", "exp.allow", allowed)
    act(again(repo, run), PublishBranch(branch="b"), push=True, remote="origin")
    assert git("rev-parse", "b", cwd=origin) == git("rev-parse", "b")


def test_whoever_cancels_has_no_branch(repo: Path, git: Git, run: Run) -> None:
    class Gone(Answers):
        def checkbox(self, key: str, label: str, *, default: bool = False) -> bool:
            raise Cancelled

    before = state(repo, git)

    with pytest.raises(Cancelled):
        act(run, PublishBranch(), Gone({"branch": "b"}))

    assert state(repo, git) == before


def test_a_run_of_others_that_no_name_fits_has_a_branch_by_its_id(repo: Path, git: Git) -> None:
    run = forged(repo, name="…")
    asked = Asked(branch="", push=False)

    act(run, PublishBranch(), asked)

    assert git("rev-parse", f"exp/{run.id[:8]}^{{tree}}") == objects.tree_of(
        found(repo), run.commit
    )


def test_it_says_what_it_does() -> None:
    assert PublishBranch().describe() == "Publish a branch"
    assert PublishBranch(branch="b").describe() == "Publish the code as branch 'b'"
