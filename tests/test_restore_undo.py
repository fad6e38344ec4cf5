"""git_exp.restore.undo: whatever there is, it is exactly the run's afterwards, and comes back."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_exp import errors, origin, restore
from git_exp.git import refs
from git_exp.records import Skipped
from git_exp.restore import Answer
from git_exp.run import Run
from tests.test_restore_any import LONG, QUICK, Layers, build, there, tracked, worlds
from tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.commit({"a.py": "a1\n", "lib/b.py": "b1\n", ".gitignore": "*.log\n"})
    return made


def undone(world: World, run: Run, *paths: str) -> Answer:
    return restore.undo(world.repo(), run, paths)


def follow(world: World, answer: Answer) -> Answer:
    """Do what was printed as the way back."""
    words = shlex.split(answer.way_back or "")
    assert words[:3] == ["git", "exp", "restore"]
    if words[3] == "--commit":
        return restore.undo_all(world.repo(), words[4])
    what = restore.saved(world.repo(), words[3])
    assert what
    return restore.undo(world.repo(), what)


def asides(world: World) -> int:
    return len(restore.every_saved(world.repo()))


def ignored_by(world: World) -> set[bytes]:
    listing = world.git("ls-files", "-o", "-i", "--exclude-standard", "-z")
    return set(map(os.fsencode, listing.split("\0")))


def goes_and_comes_back(layers: Layers, clean: bool) -> None:
    base, run, index, files = layers
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "w")
        found = build(world, (base, run, base, base) if clean else (base, run, index, files))
        before, head = world.state(), world.git("rev-parse", "HEAD")
        ignored = ignored_by(world)

        gone = undone(world, found)

        after, target = world.state(), tracked(world, found.commit)
        more = there(after).keys() - target.keys()
        assert {path: there(after).get(path) for path in target} == target
        # The base may track again what the index had lost and the user ignores.
        assert more <= ignored | ignored_by(world)
        assert world.git("rev-parse", "HEAD") == head
        again = follow(world, gone)
        assert world.state() == before
        follow(world, again)
        assert world.state() == after
        world.git("fsck", "--strict")


@pytest.mark.slow
@settings(QUICK, max_examples=4)
@given(worlds(), st.booleans())
def test_the_printed_way_back_gives_the_former_worktree_byte_for_byte(
    layers: Layers, clean: bool
) -> None:
    goes_and_comes_back(layers, clean)


@pytest.mark.slow
@settings(LONG, max_examples=50)
@given(worlds(), st.booleans())
def test_every_printed_way_back_gives_the_former_worktree_byte_for_byte(
    layers: Layers, clean: bool
) -> None:
    goes_and_comes_back(layers, clean)


def test_nothing_is_put_aside_where_head_has_it_all_and_the_way_back_is_the_branch(
    world: World,
) -> None:
    run = world.dirty()
    world.write({"kept.log": "ignored\n"})
    before = world.state()

    answer = undone(world, run)

    assert (answer.saved, answer.way_back) == (None, "git exp restore --commit main")
    assert asides(world) == 0
    assert world.text("new/n.py") == "n\n"
    follow(world, answer)
    assert world.state() == before


def test_on_a_detached_head_the_way_back_is_its_commit(world: World) -> None:
    run = world.dirty()
    head = world.commit({"a.py": "later\n"})
    world.git("checkout", "-q", "--detach")
    before = world.state()

    answer = undone(world, run)

    assert answer.way_back == f"git exp restore --commit {head}"
    assert (answer.head, answer.branch) == (run.base, None)
    follow(world, answer)
    assert world.state() == before


def test_a_branch_of_any_name_is_quoted_for_a_shell(world: World) -> None:
    run = world.dirty()
    world.git("checkout", "-q", "-b", "it's$(x)")
    before = world.state()

    answer = undone(world, run)

    assert answer.way_back == """git exp restore --commit 'it'"'"'s$(x)'"""
    follow(world, answer)
    assert world.state() == before


def test_a_module_of_the_failed_attempt_goes_and_what_snapshots_leave_out_stays(
    world: World,
) -> None:
    run = world.dirty()
    assert run.git
    run.git.skipped.append(Skipped(path="told.bin", reason="larger than exp.maxFileSize"))
    world.git("config", "exp.maxFileSize", "1k")
    world.write({"failed/m.py": "1\n", ".env": "T=1\n", "big.bin": "x" * 2_000, "told.bin": "1"})

    answer = undone(world, run)

    assert answer.removed == ("failed/m.py",)
    assert answer.untracked == (".env", "big.bin", "told.bin")
    assert not (world.top / "failed").exists()
    assert (world.text(".env"), world.text("told.bin")) == ("T=1\n", "1")


def test_what_was_only_in_the_index_is_gone_afterwards_and_that_is_said(world: World) -> None:
    run = world.dirty()
    world.write({"added": "1\n", "meant": "1\n", "gone": "1\n", "both": "1\n", "more": "1\n"})
    world.git("add", "added", "gone", "both")
    world.git("add", "--intent-to-add", "meant")
    world.write({"both": "2\n"})
    (world.top / "gone").unlink()
    before = world.state()

    answer = undone(world, run)

    assert answer.removed == ("added", "both", "meant", "more")
    assert not any((world.top / name).exists() for name in answer.removed)
    assert follow(world, answer).removed == ("new/n.py",)
    assert world.state() == before


def test_a_file_of_the_run_that_is_ignored_here_goes_on_the_way_back(world: World) -> None:
    run = world.forced({"data.log": "of the run\n"})
    before = world.state()

    answer = undone(world, run)

    assert world.text("data.log") == "of the run\n"
    follow(world, answer)
    assert world.state() == before


def test_a_file_that_only_the_index_had_lost_goes_where_the_run_had_deleted_it(
    world: World,
) -> None:
    run = world.dirty()
    world.git("rm", "-q", "--cached", "lib/b.py")
    before = world.state()

    answer = undone(world, run)

    assert answer.removed == ("lib/b.py",)
    assert not (world.top / "lib").exists()
    follow(world, answer)
    assert world.state() == before


def test_what_no_tree_of_git_tells_is_put_aside_too(world: World) -> None:
    run = world.dirty()
    (world.top / "a.py").chmod(0o600)
    before = world.state()

    answer = undone(world, run)

    assert answer.saved
    follow(world, answer)
    assert world.state() == before


def test_files_that_are_gone_by_then_are_no_trouble_on_the_way_back(world: World) -> None:
    world.write({"new/m.py": "1\n", "new/n.py": "2\n"})
    run = world.run()
    world.git("add", "new")
    (world.top / "new/m.py").unlink()
    (world.top / "new/n.py").unlink()
    before = world.state()

    answer = undone(world, run)

    assert world.text("new/n.py") == "2\n"
    follow(world, answer)
    assert world.state() == before


def test_of_several_undone_each_is_listed_and_comes_back(world: World) -> None:
    run = world.dirty()
    states = []
    for text in ("one\n", "two\n", "three\n"):
        world.write({"a.py": text})
        states.append(world.state())
        undone(world, run)

    names = [name for _, name in restore.every_saved(world.repo())]

    assert names == ["@{saved}", "@{saved~1}", "@{saved~2}"]
    whole = [one.name for one, _ in restore.every_saved(world.repo())]
    short = [name[: len("refs/exp/saved/") + 8] for name in whole]
    for name, before in zip((short[2], short[1], "@{saved~2}"), states, strict=True):
        what = restore.saved(world.repo(), name)
        assert what
        restore.undo(world.repo(), what)
        assert world.state() == before


def test_a_name_of_saved_work_that_means_none_or_several_is_refused(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n"})
    saved = str(undone(world, run).saved)
    oid = world.git("rev-parse", saved)
    for last in "ab":
        name = f"refs/exp/saved/ffff0000-0000-4000-8000-00000000000{last}"
        refs.update(world.repo(), [refs.Change(name=name, new=oid, old=None)])

    for name in ("@{saved~9}", "refs/exp/saved/123", "refs/exp/saved/0123456789"):
        with pytest.raises(errors.NotFound):
            restore.saved(world.repo(), name)
    with pytest.raises(errors.Ambiguous):
        restore.saved(world.repo(), "refs/exp/saved/ffff")
    with pytest.raises(errors.NotFound, match="no commit 'nope'"):
        restore.undo_all(world.repo(), "nope")


def test_another_worktrees_saved_work_is_listed_without_a_short_name(
    world: World, tmp_path: Path
) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n"})
    undone(world, run)
    world.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")

    (found,) = restore.every_saved(World(tmp_path / "linked").repo())

    assert found[1] == ""


def test_in_the_midst_of_a_merge_nothing_is_touched(world: World) -> None:
    run = world.dirty()
    world.git("checkout", "-q", "-b", "side")
    world.commit({"a.py": "side\n"})
    world.git("checkout", "-q", "main")
    world.commit({"lib/b.py": "main\n"})
    world.git("merge", "-q", "--no-commit", "side")
    before = world.state(exact=True)

    with pytest.raises(errors.Refused, match="while merging"):
        undone(world, run)
    with pytest.raises(errors.Refused, match="while merging"):
        restore.undo_all(world.repo(), "HEAD")

    assert world.state(exact=True) == before
    assert asides(world) == 0


def test_a_path_alone_is_undone_and_the_rest_put_aside_with_it(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n", "lib/b.py": "mine too\n"})
    before = world.state()

    answer = undone(world, run, "a.py")

    assert (world.text("a.py"), world.text("lib/b.py")) == ("a2\n", "mine too\n")
    follow(world, answer)
    assert world.state() == before


def test_saved_work_takes_no_paths(world: World) -> None:
    run = world.dirty()
    world.write({"a.py": "mine\n"})
    undone(world, run)
    what = restore.saved(world.repo(), "@{saved}")
    assert what

    with pytest.raises(errors.UsageError, match="comes back whole"):
        restore.undo(world.repo(), what, ["a.py"])


def test_a_branch_that_another_worktree_has_is_left_to_it(world: World, tmp_path: Path) -> None:
    world.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    head = world.git("rev-parse", "HEAD")

    answer = restore.undo_all(world.repo(), "other")

    assert (answer.branch, answer.head) == (None, head)


def test_the_worktree_knows_whose_code_it_has_until_it_is_set_to_another(world: World) -> None:
    run = world.dirty()

    undone(world, run)
    told = origin.read(world.repo())
    restore.undo_all(world.repo(), "main")

    assert told == origin.Origin("r", run.commit, run.base)
    assert origin.read(world.repo()) is None
