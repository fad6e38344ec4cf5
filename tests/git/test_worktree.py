"""git_exp.git.worktree: git's own guards stand behind ours, and a failure leaves no half index."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from git_exp import errors
from git_exp.git import saved, worktree
from git_exp.git.overwrite import Aim, Peril
from git_exp.git.survey import survey
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.commit({"a.py": "a1\n", "lib/b.py": "b1\n", ".gitignore": "*.log\n"})
    return made


@pytest.mark.parametrize("name", ["a.py", "new/n.py"])
def test_a_file_that_comes_up_after_we_looked_is_not_overwritten(world: World, name: str) -> None:
    run = world.dirty()

    with survey(world.repo()) as found:
        world.write({name: "mine\n"})
        before = world.state(exact=True)
        with pytest.raises(errors.Refused) as refusal:
            worktree.switch(found, run.commit, branch=None, saved=False, peril=Peril())

    assert str(refusal.value) == f"'{name}' would be overwritten"
    assert world.state(exact=True) == before


def test_an_ignored_file_that_comes_up_after_we_looked_is_not_overwritten(world: World) -> None:
    run = world.forced({"x.log": "of the run\n"})

    with survey(world.repo()) as found:
        world.write({"x.log": "mine\n"})
        with pytest.raises(errors.Refused, match=r"'x\.log'"):
            worktree.switch(found, run.commit, branch=None, saved=False, peril=Peril())

    assert world.text("x.log") == "mine\n"


def test_laid_over_its_base_a_run_overwrites_no_file_that_comes_up_either(world: World) -> None:
    run = world.dirty()

    with survey(world.repo()) as found:
        world.write({"a.py": "mine\n", "new/n.py": "mine\n"})
        aim = Aim(tree=run.commit, index=run.base)
        with pytest.raises(errors.Refused, match=r"'a\.py' changed meanwhile"):
            worktree.lay(found, aim, saved=False, peril=Peril())

    assert (world.text("a.py"), world.text("new/n.py")) == ("mine\n", "mine\n")
    assert world.git("diff", "--cached", "--name-only") == ""


def test_an_index_that_was_not_there_is_not_there_after_a_failure(tmp_path: Path) -> None:
    world = World(tmp_path / "unborn")
    world.write({"a.py": "1\n"})
    run = world.run()
    world.hook("reference-transaction", "exit 1")

    with pytest.raises(errors.GitFailed):
        world.checkout(run)

    assert not (world.top / ".git/index").exists()
    assert world.text("a.py") == "1\n"


def test_a_lock_that_somebody_holds_is_left_to_him_even_after_a_failure(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "a2\n"})

    with survey(world.repo()) as found:
        (world.top / ".git/index.lock").write_text("")
        with pytest.raises(errors.GitFailed):
            worktree.switch(
                found, run.commit, branch=None, saved=False, peril=Peril(same={b"a.py"})
            )

    assert (world.top / ".git/index.lock").exists()


def test_an_index_that_somebody_locks_meanwhile_is_said_to_be_locked(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "a2\n"})
    world.hook("post-index-change", "touch .git/index.lock")
    (world.top / ".git/HEAD.lock").write_text("")

    with pytest.raises(errors.IndexLocked, match=r"index\.lock"):
        world.checkout(run)

    assert world.git("symbolic-ref", "HEAD") == "refs/heads/main"


def test_paths_that_git_cannot_write_are_its_error(world: World) -> None:
    with pytest.raises(errors.GitFailed, match="restore"):
        worktree.write_paths(world.repo(), "0" * 40, written=[b"a.py"], removed=[])


def test_a_full_disk_is_an_error_before_anything_is_overwritten(world: World) -> None:
    world.git("config", "filter.strip.clean", "true")
    (world.top / ".git/info/attributes").write_text("*.nb filter=strip\n")
    run = world.dirty()
    world.write({"big.nb": os.urandom(100_000), "a.py": "mine\n"})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    with survey(world.repo()) as found:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, before[1]))
        try:
            with pytest.raises(errors.GitExpError):
                saved.put(found, Peril(lost={b"a.py"}), known=run.commit, now=0.0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert world.text("a.py") == "mine\n"
    assert world.git("for-each-ref", "refs/exp") == ""
