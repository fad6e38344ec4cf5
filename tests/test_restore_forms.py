"""git_exp.restore: a run's changes over its base, some of its paths, and a worktree beside."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from git_exp import errors, records
from git_exp.restore.answer import Kept
from git_exp.run import Run
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.commit({"a.py": "a1\n", "lib/b.py": "b1\n", ".gitignore": "*.log\n"})
    return made


def test_on_its_base_a_run_is_uncommitted_as_it_was(world: World) -> None:
    world.write({"a.py": "a2\n", "new/n.py": "n\n"})
    (world.top / "lib/b.py").unlink()
    before = world.state()
    run = world.run()
    world.git("stash", "-q", "-u")

    answer = world.checkout(run, keep_base=True)

    assert world.state() == before
    assert answer.branch == "refs/heads/main"
    assert (answer.head, answer.commit) == (run.base, run.commit)


def test_from_elsewhere_head_is_detached_at_the_base_and_no_branch_moves(world: World) -> None:
    run = world.dirty()
    tip = world.commit({"a.py": "a3\n", "later": "1\n"})

    answer = world.checkout(run, keep_base=True)

    assert world.contents() == world.tree(run.commit)
    assert world.git("rev-parse", "HEAD", "main").split() == [run.base, tip]
    assert world.git("status", "--porcelain").splitlines() == [" M a.py", " D lib/b.py", "?? new/"]
    assert (answer.head, answer.branch, answer.was_head) == (run.base, None, tip)
    world.git("checkout", "-q", "-f", "-")
    assert world.git("symbolic-ref", "HEAD") == "refs/heads/main"


def test_on_its_base_a_local_change_elsewhere_stays(world: World) -> None:
    world.commit({"other": "1\n"})
    run = world.dirty()
    world.write({"other": "mine\n", "untracked": "1\n"})

    answer = world.checkout(run, keep_base=True)

    assert (answer.kept, answer.untracked) == ((Kept("M", "other"),), ("untracked",))
    assert (world.text("other"), world.text("a.py")) == ("mine\n", "a2\n")


def test_what_is_staged_is_not_unstaged_unless_it_is_safe(world: World) -> None:
    world.commit({"other": "1\n"})
    run = world.dirty()
    world.write({"other": "mine\n"})
    world.git("add", "other")

    assert "'other'" in world.refused(run, keep_base=True)
    world.git("reset", "-q", "--hard")
    world.write({"a.py": "a2\n"})
    world.git("add", "a.py")
    world.checkout(run, keep_base=True)
    assert world.contents() == world.tree(run.commit)
    assert world.git("diff", "--cached", "--name-only") == ""


def test_the_way_back_from_a_base_leaves_nothing_of_the_run(world: World) -> None:
    run = world.dirty()
    world.commit({"a.py": "a3\n", "new/other": "1\n"})
    world.write({"a.py": "mine\n", "mine": "1\n"})
    before = world.state()

    world.checkout(run, keep_base=True, save=True)

    answer = world.back()
    assert world.state() == before
    assert answer.removed == ("new/n.py",)


def test_the_way_back_from_a_base_keeps_an_ignored_file_that_the_base_tracks(
    world: World,
) -> None:
    world.write({"z.log": "1\n"})
    world.git("add", "-f", "z.log")
    world.git("commit", "-q", "-m", "tracked though ignored")
    world.git("rm", "-q", "z.log")
    run = world.run()
    world.write({"z.log": "1\n"})
    before = world.state()

    world.checkout(run, keep_base=True, save=True)

    assert world.text("z.log") == "1\n"
    world.back()
    assert world.state() == before


def test_the_way_back_takes_a_symlink_to_a_folder_away_too(world: World) -> None:
    (world.top / "link").symlink_to("lib")
    run = world.run()
    (world.top / "link").unlink()
    before = world.state()

    world.checkout(run, keep_base=True, save=True)

    world.back()
    assert world.state() == before


def test_the_way_back_keeps_a_file_of_the_run_that_was_changed_since(world: World) -> None:
    run = world.dirty()
    world.checkout(run, keep_base=True, save=True)
    world.write({"new/n.py": "edited\n"})

    answer = world.back()

    assert (answer.untracked, world.text("new/n.py")) == (("new/n.py",), "edited\n")


def test_a_run_without_a_base_goes_into_an_unborn_repository_alone(tmp_path: Path) -> None:
    world = World(tmp_path / "unborn")
    world.write({"a.py": "1\n"})
    run = world.run()
    (world.top / "a.py").unlink()

    answer = world.checkout(run, keep_base=True)

    assert (answer.head, answer.branch) == (None, "refs/heads/main")
    assert world.git("status", "--porcelain") == "?? a.py"
    world.commit()
    with pytest.raises(errors.NotFound, match="has no base commit"):
        world.checkout(run, keep_base=True)


def test_a_base_that_is_not_here_is_not_found(world: World) -> None:
    run = world.dirty()
    lost = Run(
        id="r",
        commit=run.commit,
        git=records.Git(commit=run.commit, base="1" * 40, capture="full"),
    )

    with pytest.raises(errors.NotFound, match="base commit"):
        world.checkout(lost, keep_base=True)


def test_where_head_cannot_move_the_next_try_finishes_it(world: World) -> None:
    run = world.dirty()
    world.commit({"a.py": "a3\n"})
    lock = world.top / ".git/HEAD.lock"
    lock.write_text("")

    with pytest.raises(errors.GitFailed) as failure:
        world.checkout(run, keep_base=True)

    assert "run the command again" in (failure.value.hint or "")
    lock.unlink()
    world.checkout(run, keep_base=True)
    assert world.git("rev-parse", "HEAD") == run.base
    assert world.contents() == world.tree(run.commit)


def test_a_path_is_restored_in_place_and_the_index_stays(world: World) -> None:
    run = world.dirty()
    world.write({"staged": "1\n", "lib/c.py": "mine\n"})
    world.git("add", "staged")
    before = world.state(exact=True)

    answer = world.checkout(run, paths=("a.py", "new"))

    assert answer.restored == ("a.py", "new/n.py")
    assert (world.text("a.py"), world.text("new/n.py")) == ("a2\n", "n\n")
    assert (world.text("lib/b.py"), world.text("lib/c.py")) == ("b1\n", "mine\n")
    assert (world.state(True).index, world.state(True).head) == (before.index, before.head)


def test_a_path_is_relative_to_the_users_folder_and_never_an_option(world: World) -> None:
    world.write({"lib/-b": "1\n", "lib/[x]": "1\n", "lib/x": "1\n", "-b": "no\n"})
    run = world.run()
    world.git("clean", "-q", "-fd")

    answer = world.checkout(run, "lib", paths=("-b", ":(literal)[x]", "../a.py"))

    assert answer.restored == ("a.py", "lib/-b", "lib/[x]")
    assert not (world.top / "-b").exists()
    assert not (world.top / "lib/x").exists()


def test_a_folder_is_as_the_run_has_it_but_for_what_is_untracked(world: World) -> None:
    run = world.dirty()
    world.write({"lib/mine": "1\n"})

    answer = world.checkout(run, "lib", paths=("..",))

    assert answer.removed == ("lib/b.py",)
    assert world.contents() == world.tree(run.commit) | {b"lib/mine": b"1\n"}


@pytest.mark.parametrize(
    "files",
    [{"a.py": "mine\n"}, {"new/n.py": "mine\n"}, {"new": "mine\n"}, {"lib/b.py": "mine\n"}],
)
def test_a_local_change_in_a_path_is_refused(world: World, files: dict[str, str]) -> None:
    run = world.dirty()
    world.write(files)

    assert f"'{next(iter(files))}'" in world.refused(run, paths=(".",))


def test_a_path_with_a_change_is_put_aside_and_comes_back(world: World) -> None:
    run = world.forced({"data.log": "of the run\n", "a.py": "a2\n", "new/n.py": "n\n"})
    world.write({"a.py": "staged\n"})
    world.git("add", "a.py")
    world.write({"a.py": "mine\n", "data.log": "precious\n", "other": "1\n"})
    before = world.state()

    answer = world.checkout(run, paths=("a.py", "data.log", "new"), save=True)

    assert answer.restored == ("a.py", "data.log", "new/n.py")
    assert [world.text(name) for name in answer.restored] == ["a2\n", "of the run\n", "n\n"]
    assert world.state().index == before.index
    world.back()
    assert world.state() == before


def test_the_way_back_of_a_path_takes_an_ignored_file_away_but_none_of_the_users(
    world: World,
) -> None:
    run = world.forced({"in/data.log": "of the run\n", "out.log": "the same\n"})
    world.write({"out.log": "the same\n"})
    before = world.state()

    world.checkout(run, paths=("in",), save=True)

    assert world.text("in/data.log") == "of the run\n"
    assert world.back().removed == ("in/data.log",)
    assert world.state() == before


@pytest.mark.parametrize(("here", "there"), [("d/x", "d"), ("d", "d/x")])
def test_a_path_that_is_a_file_here_and_a_folder_there_is_restored(
    world: World, here: str, there: str
) -> None:
    world.commit({here: "1\n"})
    (world.top / here).unlink()
    shutil.rmtree(world.top / "d", ignore_errors=True)
    world.write({there: "2\n"})
    run = world.run()
    world.git("clean", "-q", "-ffd")
    world.git("checkout", "-q", "-f", "HEAD")
    before = world.state()

    answer = world.checkout(run, save=True, paths=("d",))

    assert answer.restored == (there,)
    assert world.text(there) == "2\n"
    world.back()
    assert world.state() == before


def test_a_path_that_the_run_does_not_have_is_not_found(world: World) -> None:
    run = world.dirty()
    assert run.git
    skipped = [records.Skipped(path="big.bin", reason="larger than exp.maxFileSize")]
    told = records.Git(commit=run.commit, capture="full", skipped=skipped)

    with pytest.raises(errors.NotFound, match="run r has no 'zz'") as failure:
        world.checkout(run, paths=("a.py", "zz"))
    with pytest.raises(errors.NotFound) as left_out:
        world.checkout(Run(id="r", commit=run.commit, git=told), paths=("big.bin",))

    listing = f"git ls-tree -r --name-only --full-tree {run.commit[:8]}"
    assert failure.value.hint == f"list its files: {listing}"
    assert left_out.value.hint == "the snapshot had left it out: larger than exp.maxFileSize"
    assert world.text("a.py") == "a1\n"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("/etc/passwd", "'/etc/passwd' is outside repository"),
        ("../../x", "'../../x' is outside repository"),
        ("", "empty string is not a valid pathspec."),
        (":(nonsense)a", "Invalid pathspec magic 'nonsense' in ':(nonsense)a'"),
        (":(glob,literal)a", ":(glob,literal)a: 'literal' and 'glob' are incompatible"),
    ],
)
@pytest.mark.parametrize("folder", ["", "lib"])
def test_a_path_that_is_none_is_said_to_be_wrong_and_nothing_is_touched(
    world: World, folder: str, spec: str, said: str
) -> None:
    run = world.dirty()
    before = world.state(exact=True)

    with pytest.raises(errors.UsageError) as failure:
        world.checkout(run, folder, paths=("a.py" if not folder else "../a.py", spec), save=True)

    assert str(failure.value).startswith(said)
    assert failure.value.hint == "give paths of this repository, as git takes them; all of them: ."
    assert world.state(exact=True) == before


def test_what_is_excluded_leaves_all_the_rest_as_with_git_and_never_nothing(world: World) -> None:
    run = world.dirty()

    with pytest.raises(errors.NotFound, match=r"run r has no ':\(exclude\)\*'"):
        world.checkout(run, paths=(":(exclude)*",))

    assert world.checkout(run, paths=(":(exclude)a.py",)).restored == (".gitignore", "new/n.py")
    assert world.text("a.py") == "a1\n"


def test_in_the_middle_of_a_merge_a_path_comes_back_but_none_that_is_unmerged(
    world: World,
) -> None:
    run = world.dirty()
    world.git("checkout", "-q", "-b", "other")
    world.commit({"a.py": "theirs\n"})
    world.git("checkout", "-q", "main")
    world.commit({"a.py": "ours\n"})
    with pytest.raises(AssertionError):
        world.git("merge", "-q", "other")

    assert "'a.py'" in world.refused(run, paths=("a.py",))
    assert "while merging" in world.refused(run, paths=("new",), save=True)
    assert world.checkout(run, paths=("new",)).restored == ("new/n.py",)


def test_a_worktree_beside_has_the_runs_code_and_this_one_is_left_alone(
    world: World, tmp_path: Path
) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n"})
    world.hook("post-checkout", "exit 1")
    before = world.state(exact=True)

    answer = world.checkout(run, "lib", worktree=Path("../../beside"))

    beside = World(tmp_path / "beside")
    assert Path(answer.worktree or "").samefile(beside.top)
    assert world.state(exact=True) == before
    assert {p: d for p, d in beside.contents().items() if p != b".git"} == world.tree(run.commit)
    assert beside.git("rev-parse", "HEAD") == run.commit
    assert answer.branch == "refs/heads/main"


def test_a_worktree_is_made_of_a_bare_repository(world: World, tmp_path: Path) -> None:
    run = world.dirty()
    world.git("clone", "-q", "--mirror", ".", str(tmp_path / "bare"))
    bare = World(tmp_path / "bare")

    bare.checkout(run, worktree=tmp_path / "-x")

    assert World(tmp_path / "-x").git("rev-parse", "HEAD") == run.commit


def test_a_worktree_inside_a_hook_is_not_made_of_the_hooks_index(
    world: World, tmp_path: Path
) -> None:
    run = world.dirty()
    index = world.top / ".git/hook.index"
    index.write_bytes((world.top / ".git/index").read_bytes())
    world.env["GIT_INDEX_FILE"] = str(index)
    before = index.read_bytes()

    world.checkout(run, worktree=tmp_path / "beside")

    assert index.read_bytes() == before
    del world.env["GIT_INDEX_FILE"]
    assert World(tmp_path / "beside").git("status", "--porcelain") == ""


def test_a_folder_that_is_not_empty_is_no_place_for_a_worktree(
    world: World, tmp_path: Path
) -> None:
    run = world.dirty()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("mine\n")
    (tmp_path / "file").write_text("mine\n")
    (tmp_path / "empty").mkdir()

    assert "already exists" in world.refused(run, worktree=tmp_path / "full")
    assert "already exists" in world.refused(run, worktree=tmp_path / "file")
    world.checkout(run, worktree=tmp_path / "empty")
    with pytest.raises(errors.GitFailed):
        world.checkout(run, worktree=tmp_path / "file/below")


def test_the_folder_that_the_user_is_in_may_be_gone_afterwards(world: World) -> None:
    run = world.dirty()

    answer = world.checkout(run, "lib")

    assert answer.folder_gone
    assert not os.path.lexists(world.top / "lib")
