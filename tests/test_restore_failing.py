"""git_exp.restore that fails, or beside which somebody works: nothing is touched or lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_exp import errors, restore
from git_exp.git import ready, saved, worktree
from git_exp.git.overwrite import Aim, forced, gentle
from git_exp.git.survey import survey
from git_exp.restore import Form
from tests.test_restore_undo import asides, undone
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.commit({"a.py": "a1\n", "b.py": "b1\n", "lib/b.py": "b1\n"})
    return made


@pytest.mark.parametrize("paths", [(), ("a.py",)])
def test_a_locked_index_is_named_and_nothing_stays_put_aside(
    world: World, paths: tuple[str, ...]
) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n", "other": "1\n"})
    before = world.state(exact=True)
    lock = world.top / ".git/index.lock"
    lock.touch()

    with pytest.raises(errors.GitExpError) as failure:
        undone(world, run, *paths)

    assert f"'{lock}' exists" in str(failure.value)
    assert failure.value.hint == f"if no git process is running in this repository: rm '{lock}'"
    assert failure.value.exit_code == 5
    assert asides(world) == 0
    lock.unlink()
    assert world.state(exact=True) == before


@pytest.mark.parametrize("save", [False, True])
def test_a_checkout_where_the_index_is_locked_names_it_too(world: World, save: bool) -> None:
    run = world.dirty()
    lock = world.top / ".git/index.lock"
    lock.touch()

    with pytest.raises(errors.GitExpError, match=r"index\.lock' exists"):
        world.checkout(run, save=save)

    assert asides(world) == 0
    assert world.git("symbolic-ref", "HEAD") == "refs/heads/main"


def test_what_fails_before_any_file_is_written_leaves_nothing_put_aside(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n"})
    blob = world.git("rev-parse", f"{run.commit}:a.py")
    (world.top / ".git/objects" / blob[:2] / blob[2:]).unlink()
    (world.top / ".git/objects" / run.commit[:2] / run.commit[2:]).chmod(0o644)
    tree = world.git("rev-parse", f"{run.commit}:new")
    (world.top / ".git/objects" / tree[:2] / tree[2:]).unlink()
    before = world.state(exact=True)

    with pytest.raises(errors.GitFailed) as failure:
        undone(world, run)

    assert "to return" not in (failure.value.hint or "")
    assert asides(world) == 0
    assert world.state(exact=True) == before


def test_a_restore_that_fails_halfway_says_how_to_return(world: World) -> None:
    run = world.dirty()
    world.commit({"a.py": "a3\n"})
    world.write({"a.py": "mine\n"})
    before = world.state()
    lock = world.top / ".git/HEAD.lock"
    lock.touch()

    with pytest.raises(errors.GitFailed) as failure:
        undone(world, run)

    name = restore.every_saved(world.repo())[0][0].name
    assert (failure.value.hint or "").splitlines() == [
        "the files are written, but HEAD has not moved: run the command again",
        f"nothing is lost; to return: git exp restore {name}",
    ]
    lock.unlink()
    what = restore.saved(world.repo(), name)
    assert what
    restore.undo(world.repo(), what)
    assert world.state() == before


@pytest.mark.parametrize("name", ["a.py", "b.py", "other", "lib/b.py", "new/n.py"])
def test_a_file_that_changes_once_all_is_put_aside_is_not_overwritten(
    world: World, name: str
) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n", "other": "1\n"})
    aim = Aim(tree=run.commit, index=run.base)

    with survey(world.repo()) as found:
        peril = forced(found, aim)
        kept, _ = saved.put(found, peril, known=run.commit, now=0.0)
        world.write({name: "of the last millisecond\n"})
        before = world.state(exact=True)
        if name in ("b.py", "other"):
            # Nothing is to be written there: it stays.
            worktree.lay(found, aim, saved=True, peril=peril)
        else:
            with pytest.raises(errors.ChangedMeanwhile, match=f"'{name}' changed meanwhile"):
                worktree.lay(found, aim, saved=True, peril=peril)
            assert world.state(exact=True) == before
        assert kept
        assert not ready.is_untouched(found, kept, run.commit)

    assert world.text(name) == "of the last millisecond\n"


@pytest.mark.parametrize("paths", [(), ("a.py",)])
@pytest.mark.parametrize("undo", [False, True])
def test_a_file_that_changes_while_it_is_put_aside_ends_it_with_nothing_touched(
    world: World, paths: tuple[str, ...], undo: bool
) -> None:
    run = world.dirty()
    edit = f"test -e '{world.top}/.git/once' || echo later >>'{world.top}/a.py'"
    world.git("config", "filter.slow.clean", f"cat; {edit}; touch '{world.top}/.git/once'")
    (world.top / ".git/info/attributes").write_text("*.slow filter=slow\n")
    world.write({"a.py": "mine\n", "b.slow": "1\n"})

    form = Form(save=True, paths=paths, undo=undo, keep_base=undo and not paths)
    with pytest.raises(errors.ChangedMeanwhile, match=r"'a\.py' changed meanwhile") as refusal:
        restore.checkout(world.repo(), run, form)

    assert refusal.value.hint == "nothing was touched: run it again"
    assert world.text("a.py") == "mine\nlater\n"
    assert world.git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert world.git("diff", "--cached", "--name-only") == ""
    assert asides(world) == 0


def test_an_index_that_somebody_changes_meanwhile_is_not_exchanged(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n", "other": "1\n"})
    aim = Aim(tree=run.commit, index=run.base)

    with survey(world.repo()) as found:
        peril = forced(found, aim)
        saved.put(found, peril, known=run.commit, now=0.0)
        world.git("add", "other")
        before = world.state(exact=True)
        with pytest.raises(errors.ChangedMeanwhile, match="the index changed meanwhile"):
            worktree.lay(found, aim, saved=True, peril=peril)

    assert world.state(exact=True) == before


def test_a_file_that_is_as_the_run_has_it_and_then_is_not_any_more_stays(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "a2\n"})
    aim = Aim(tree=run.commit, index=run.base)

    with survey(world.repo()) as found:
        peril = gentle(found, aim)
        world.write({"a.py": "a3\n"})
        with pytest.raises(errors.ChangedMeanwhile, match=r"'a\.py' changed meanwhile"):
            worktree.lay(found, aim, saved=False, peril=peril)

    assert world.text("a.py") == "a3\n"
    assert world.git("diff", "--cached", "--name-only") == ""
