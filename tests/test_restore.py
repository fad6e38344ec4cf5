"""git_exp.restore: HEAD at a run's commit, and no local change overwritten."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from git_exp import errors, records
from git_exp.left_out import LeftOut
from git_exp.restore.answer import Kept
from git_exp.run import Run
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.commit({"a.py": "a1\n", "lib/b.py": "b1\n", ".gitignore": "*.log\n"})
    return made


def test_a_checkout_detaches_head_at_the_run_and_gives_its_files(world: World) -> None:
    run = world.dirty()

    answer = world.checkout(run)

    assert world.contents() == world.tree(run.commit)
    assert world.git("rev-parse", "HEAD") == run.commit
    assert (answer.head, answer.branch, answer.was_branch) == (run.commit, None, "refs/heads/main")
    assert (answer.kept, answer.untracked, answer.saved, answer.said) == ((), (), None, "")
    assert world.state().status == b""
    world.git("checkout", "-q", "-")
    assert world.git("symbolic-ref", "HEAD") == "refs/heads/main"


def test_a_branch_is_made_at_the_run_and_no_other_moves(world: World) -> None:
    run = world.dirty()
    main = world.git("rev-parse", "main")

    answer = world.checkout(run, branch="try/one")

    assert answer.branch == world.git("symbolic-ref", "HEAD") == "refs/heads/try/one"
    assert world.git("rev-parse", "try/one", "main").split() == [run.commit, main]
    assert world.contents() == world.tree(run.commit)


@pytest.mark.parametrize("name", ["-f", "a..b", "HEAD", "", "a b", "@{-1}"])
def test_a_branch_that_git_would_not_make_is_refused_before_anything_is_done(
    world: World, name: str
) -> None:
    run = world.dirty()
    before = world.state(exact=True)

    with pytest.raises(errors.BadName):
        world.checkout(run, branch=name)

    assert world.state(exact=True) == before


def test_an_existing_branch_is_never_moved(world: World) -> None:
    run = world.dirty()

    said = world.refused(run, branch="main")

    assert said.startswith("a branch named 'main' already exists")


@pytest.mark.parametrize("name", ["a.py", "lib/b.py"])
def test_an_edit_that_would_be_overwritten_is_refused(world: World, name: str) -> None:
    run = world.dirty()
    world.write({name: "mine\n"})

    said = world.refused(run)

    assert said == (
        f"local changes would be overwritten: '{name}' (put everything aside first: add --save)"
    )


def test_what_is_staged_and_would_be_overwritten_is_refused(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "staged\n", "new": "a file\n"})
    world.git("add", "-A")
    world.write({"a.py": "a2\n"})

    assert "'a.py', 'new' (" in world.refused(run)


def test_a_staged_deletion_whose_file_is_still_there_is_refused(world: World) -> None:
    world.git("rm", "-q", "a.py")
    run = world.run()
    world.git("reset", "-q", "--hard")
    world.git("rm", "-q", "--cached", "a.py")
    world.write({"a.py": "mine\n"})

    assert world.refused(run).startswith("local changes would be overwritten: 'a.py'")


def test_a_change_that_the_checkout_does_not_touch_stays_and_is_named(world: World) -> None:
    world.commit({"kept": "1\n", "staged": "1\n", "gone": "1\n"})
    run = world.dirty()
    world.write({"kept": "mine\n", "staged": "mine\n", "other": "mine\n"})
    (world.top / "gone").unlink()
    world.git("add", "staged")

    answer = world.checkout(run)

    assert answer.kept == (Kept("D", "gone"), Kept("M", "kept"), Kept("M", "staged"))
    assert answer.untracked == ("other",)
    assert world.text("kept") == world.text("staged") == world.text("other") == "mine\n"
    assert world.git("diff", "--cached", "--name-only") == "staged"


@pytest.mark.parametrize("name", ["new/n.py", "new"])
def test_an_untracked_file_in_the_way_is_refused(world: World, name: str) -> None:
    run = world.dirty()
    world.write({name: "mine\n"})

    assert f"'{name}'" in world.refused(run)


def test_an_ignored_file_in_the_way_is_refused_though_git_would_overwrite_it(world: World) -> None:
    run = world.forced({"data.log": "of the run\n"})
    world.write({"data.log": "precious\n"})

    assert "'data.log'" in world.refused(run)


def test_an_untracked_folder_in_place_of_a_file_is_refused(world: World) -> None:
    world.write({"thing": "a file\n"})
    run = world.run()
    (world.top / "thing").unlink()
    world.write({"thing/mine": "1\n", "thing/x.log": "ignored\n"})

    assert "'thing/mine', 'thing/x.log'" in world.refused(run)


def test_a_symlink_in_place_of_a_folder_is_refused_and_never_followed(
    world: World, tmp_path: Path
) -> None:
    run = world.dirty()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "n.py").write_text("mine\n")
    (world.top / "new").symlink_to(elsewhere)

    assert "'new'" in world.refused(run)
    assert (elsewhere / "n.py").read_text() == "mine\n"


@pytest.mark.parametrize("save", [False, True])
def test_an_embedded_repository_in_the_way_is_never_overwritten(world: World, save: bool) -> None:
    run = world.dirty()
    inner = World(world.top / "new")
    inner.write({"mine": "1\n"})

    said = world.refused(run, save=save)

    assert said == "'new/' is in the way (no commit can hold it: move it away)"


def test_a_repository_begun_in_a_tracked_folder_is_in_nobodys_way(world: World) -> None:
    run = world.dirty()
    world.git("init", "-q", "lib")

    world.checkout(run)

    assert not (world.top / "lib/b.py").exists()
    assert (world.top / "lib/.git").is_dir()


@pytest.mark.parametrize("save", [False, True])
def test_files_of_an_embedded_repository_are_never_overwritten(world: World, save: bool) -> None:
    run = world.dirty()
    World(world.top / "new").commit({"n.py": "mine\n"})

    assert "'new/' is in the way" in world.refused(run, save=save)


def test_a_file_in_place_of_a_folder_that_goes_is_refused_as_git_does(world: World) -> None:
    run = world.dirty()
    shutil.rmtree(world.top / "lib")
    world.write({"lib": "mine\n"})

    assert world.refused(run).startswith("local changes would be overwritten: 'lib/b.py'")
    world.checkout(run, keep_base=True)
    assert world.text("lib") == "mine\n"


@pytest.mark.parametrize("save", [False, True])
def test_a_fifo_in_the_way_is_refused(world: World, save: bool) -> None:
    run = world.dirty()
    (world.top / "new").mkdir()
    os.mkfifo(world.top / "new/n.py")

    with pytest.raises(errors.Refused, match="is in the way"):
        world.checkout(run, save=save)

    assert (world.top / "new/n.py").is_fifo()
    assert world.git("symbolic-ref", "HEAD") == "refs/heads/main"


def test_a_fifo_in_place_of_a_folder_that_goes_stays(world: World) -> None:
    run = world.dirty()
    shutil.rmtree(world.top / "lib")
    os.mkfifo(world.top / "lib")

    world.checkout(run, save=True)

    assert (world.top / "lib").is_fifo()
    assert world.git("rev-parse", "HEAD") == run.commit


@pytest.mark.parametrize("save", [False, True])
def test_a_repository_in_place_of_a_file_is_never_overwritten(world: World, save: bool) -> None:
    world.write({"thing": "a file\n"})
    run = world.run()
    (world.top / "thing").unlink()
    World(world.top / "thing").commit({"deep/mine": "1\n"})

    assert "'thing/' is in the way" in world.refused(run, save=save)


def test_files_that_are_as_the_run_has_them_are_in_nobodys_way(world: World) -> None:
    world.write({"a.py": "a2\n", "new/n.py": "n\n"})
    (world.top / "lib/b.py").unlink()
    run = world.run()

    answer = world.checkout(run)

    assert world.contents() == world.tree(run.commit)
    assert (answer.kept, answer.untracked) == ((), ())
    assert world.state().status == b""


def test_a_folder_that_became_a_file_needs_to_be_put_aside(world: World) -> None:
    shutil.rmtree(world.top / "lib")
    world.write({"lib": "a file now\n"})
    (world.top / "a.py").unlink()
    world.write({"a.py/inner": "a folder now\n"})
    run = world.run()

    assert "'a.py/inner', 'lib'" in world.refused(run)
    world.checkout(run, save=True)
    assert world.contents() == world.tree(run.commit)
    assert world.state().status == b""


def test_a_wrong_mode_is_a_change_too(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "a2\n"})
    (world.top / "a.py").chmod(0o755)

    assert "'a.py'" in world.refused(run)


def test_a_checkout_in_an_unborn_repository_works_and_overwrites_nothing(tmp_path: Path) -> None:
    world = World(tmp_path / "unborn")
    world.write({"a.py": "1\n", "b.py": "1\n"})
    run = world.run()
    world.write({"b.py": "mine\n"})

    assert "'b.py'" in world.refused(run)
    (world.top / "b.py").unlink()
    world.checkout(run)
    assert world.contents() == world.tree(run.commit)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "doing"),
    [
        ("merge -q other", "merging"),
        ("rebase -q other", "rebasing"),
        ("rebase -q --apply other", "rebasing"),
        ("cherry-pick other", "cherry-picking"),
        ("revert --no-edit HEAD~1", "reverting"),
    ],
)
@pytest.mark.parametrize("save", [False, True])
def test_in_the_middle_of_a_merge_and_the_like_nothing_is_touched(
    world: World, begin: str, doing: str, save: bool
) -> None:
    run = world.dirty()
    world.git("checkout", "-q", "-b", "other")
    world.commit({"a.py": "theirs\n"})
    world.git("checkout", "-q", "main")
    world.commit({"a.py": "ours\n"})
    world.commit({"a.py": "ours again\n"})
    with pytest.raises(AssertionError):
        world.git(*begin.split())

    said = world.refused(run, save=save)

    assert said.startswith(f"cannot check out another state while {doing}")
    assert "--worktree DIR" in said


def test_unmerged_files_without_a_merge_are_not_touched(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "stashed\n"})
    world.git("stash", "-q")
    world.commit({"a.py": "committed\n"})
    with pytest.raises(AssertionError):
        world.git("stash", "pop")

    assert "while files are unmerged" in world.refused(run, save=True)


def test_a_bisection_goes_on(world: World) -> None:
    run = world.dirty()
    world.commit({"more": "1\n"})
    world.git("bisect", "start")

    world.checkout(run)

    assert "bisect" in world.git("status")


def test_the_users_hook_runs_as_for_git_checkout_and_what_it_says_is_told(world: World) -> None:
    run = world.dirty()
    hook = world.hook("post-checkout", 'echo "from $1 to $2"; exit 3')
    main = world.git("rev-parse", "HEAD")

    answer = world.checkout(run)

    assert hook.exists()
    assert answer.said == f"from {main} to {run.commit}\n"
    assert world.contents() == world.tree(run.commit)


def test_a_checkout_that_git_cannot_do_leaves_the_index_as_it_was(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "a2\n"})
    (world.top / ".git/HEAD.lock").write_text("")
    before = world.state(exact=True)

    with pytest.raises(errors.GitFailed):
        world.checkout(run)

    after = world.state(exact=True)
    assert (after.head, after.index) == (before.head, before.index)
    assert world.contents() == world.tree(run.commit)


def test_a_locked_index_is_an_error_and_nothing_is_touched(world: World) -> None:
    run = world.dirty()
    world.checkout(run)
    (world.top / ".git/index.lock").write_text("")
    before = world.state(exact=True)

    with pytest.raises(errors.GitFailed, match="checkout failed"):
        world.checkout(run)

    assert world.state(exact=True) == before


def test_a_checkout_that_fails_halfway_says_how_to_return(world: World) -> None:
    world.git("config", "filter.broken.smudge", "false")
    world.git("config", "filter.broken.clean", "cat")
    world.git("config", "filter.broken.required", "true")
    world.write({".gitattributes": "*.bin filter=broken\n", "x.bin": "1\n"})
    run = world.run()
    world.git("clean", "-q", "-fd")
    world.write({"a.py": "mine\n"})
    before = world.state()

    with pytest.raises(errors.GitFailed) as failure:
        world.checkout(run, save=True)

    hint = failure.value.hint or ""
    assert hint.startswith("nothing is lost; to return: git exp checkout --save refs/exp/saved/")
    world.back(hint.split()[-1], save=True)
    assert world.state() == before


@pytest.mark.parametrize("save", [False, True])
def test_files_that_git_could_not_write_are_an_error_and_head_stays(
    world: World, save: bool
) -> None:
    run = world.dirty()
    head = world.git("rev-parse", "HEAD")
    index = {**world.env, "GIT_INDEX_FILE": str(world.top / ".git/long")}
    world.git("read-tree", run.commit, env=index)
    blob = world.git("rev-parse", f"{run.commit}:a.py")
    world.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{'n' * 300}", env=index)
    tree = world.git("write-tree", env=index)
    long = Run(id="r", commit=world.git("commit-tree", tree, "-p", "HEAD", "-m", "run: r"))

    with pytest.raises(errors.GitFailed, match="File name too long"):
        world.checkout(long, save=save)

    assert world.git("rev-parse", "HEAD") == head


def test_a_run_whose_code_is_not_here_is_not_found(world: World) -> None:
    for commit in ("0" * 40, "", "--help", "main"):
        with pytest.raises(errors.NotFound, match="is not here"):
            world.checkout(Run(id="r", commit=commit))


def test_a_bare_repository_has_no_worktree_to_check_out_into(world: World, tmp_path: Path) -> None:
    run = world.dirty()
    world.git("clone", "-q", "--mirror", ".", str(tmp_path / "bare"))
    bare = World(tmp_path / "bare")

    with pytest.raises(errors.RepositoryError, match="must be run in a work tree") as failure:
        bare.checkout(run)

    assert "--worktree" in (failure.value.hint or "")


@pytest.mark.parametrize(
    "form",
    [
        {"branch": "b", "keep_base": True},
        {"branch": "b", "worktree": Path("w")},
        {"keep_base": True, "paths": ("a.py",)},
        {"exact": True, "paths": ("a.py",)},
        {"worktree": Path("w"), "save": True},
        {"worktree": Path("w"), "exact": True},
    ],
)
def test_options_that_contradict_each_other_are_wrong_usage(
    world: World, form: dict[str, Any]
) -> None:
    run = world.dirty()

    with pytest.raises(errors.UsageError, match="cannot be used together"):
        world.checkout(run, **form)


def test_many_names_are_cut_in_a_message(world: World) -> None:
    names = {f"f{at:02}": "1\n" for at in range(12)}
    world.write(names)
    run = world.run()
    world.write(dict.fromkeys(names, "mine\n"))

    assert "'f09' and 2 more" in world.refused(run)


def test_what_the_snapshot_had_left_out_is_named(world: World) -> None:
    run = world.dirty()
    assert run.git
    skipped = [records.Skipped(path="big.bin", reason="larger than exp.maxFileSize", size=3)]
    told = Run(
        id="r",
        commit=run.commit,
        git=records.Git(commit=run.commit, capture="full", skipped=skipped, skipped_count=4),
    )

    answer = world.checkout(told)

    assert answer.left_out == (LeftOut("big.bin", "larger than exp.maxFileSize", "absent"),)
    assert answer.left_out_unlisted == 3


def test_a_run_whose_code_was_not_captured_is_no_place_to_go_back_to(world: World) -> None:
    world.write({"a.py": "mine\n"})
    run = world.run(capture="none")
    before = world.state(exact=True)

    with pytest.raises(errors.NotFound, match="was not captured") as refused:
        world.checkout(run, save=True)

    assert refused.value.hint == f"the commit it started at: git switch --detach {run.base}"
    assert world.state(exact=True) == before
