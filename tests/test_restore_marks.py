"""git_exp.restore where git passes over files: sparse checkouts, and marks in the index."""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_exp import restore
from git_exp.git import snapshot
from git_exp.git.untracked import Rules
from git_exp.restore.answer import Kept
from git_exp.run import Run
from tests.test_restore_any import LONG, NAMES, Layers, build, there, tracked, worlds
from tests.test_restore_undo import follow, ignored_by, undone
from tests.world import World

MARKS = ("--skip-worktree", "--assume-unchanged")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.commit({"a.py": "a1\n", "cfg": "1\n", "in/x": "1\n", "out/y": "1\n", "out/z": "1\n"})
    return made


@pytest.mark.parametrize("cone", ["--cone", "--no-cone"])
def test_files_outside_of_a_sparse_checkout_are_taken_away_and_come_back(
    world: World, cone: str
) -> None:
    run = world.dirty_with({"a.py": "a2\n"})
    world.git("sparse-checkout", "set", cone, "in", *(["/a.py"] if cone == "--no-cone" else []))
    world.write({"out/y": "precious\n", "out/new": "untracked\n", "out/z": "1\n"})
    before = world.state()

    answer = undone(world, run)

    assert not (world.top / "out").exists()
    assert answer.removed == ("out/new", "out/y", "out/z")
    follow(world, answer)
    assert world.state() == before


def test_outside_of_a_sparse_checkout_nothing_that_is_not_there_is_put_aside_or_comes_back(
    world: World,
) -> None:
    run = world.dirty_with({"a.py": "a2\n"})
    world.git("sparse-checkout", "set", "in")
    before = world.state()

    answer = undone(world, run)

    assert (answer.saved, answer.removed) == (None, ())
    follow(world, answer)
    assert world.state() == before


@pytest.fixture
def changed(world: World) -> Run:
    """A run with a change, a new file and a deletion where a sparse checkout will not reach."""
    (world.top / "out/z").unlink()
    run = world.dirty_with({"a.py": "a2\n", "out/y": "2\n", "out/new/n": "1\n", "in/x": "2\n"})
    assert b"out/z" not in world.tree(run.commit)
    return run


@pytest.mark.parametrize("how", ["--cone", "--no-cone", "--sparse-index"])
def test_what_a_run_changed_outside_of_a_sparse_checkout_is_written_and_goes_again(
    world: World, changed: Run, how: str
) -> None:
    also = ["/a.py", "/cfg"] if how == "--no-cone" else []
    world.git("sparse-checkout", "set", how, "in", *also)
    before = world.state()

    answer = undone(world, changed)

    assert world.contents() == world.tree(changed.commit)
    shown = " M a.py\n M in/x\n M out/y\n D out/z\n?? out/new/"
    assert world.git("status", "--short") == shown
    taken = snapshot.take(world.repo(), Rules())
    assert taken.tree == world.git("rev-parse", f"{changed.commit}^{{tree}}")
    after = world.state()
    again = follow(world, answer)
    assert world.state() == before
    follow(world, again)
    assert world.state() == after


def test_what_lies_where_a_run_has_files_outside_of_a_sparse_checkout_comes_back(
    world: World, changed: Run
) -> None:
    world.git("sparse-checkout", "set", "in")
    world.write({"out/y": "mine\n", "out/new": "a file\n", "out/z": "1\n", "out/more": "1\n"})
    before = world.state()

    answer = undone(world, changed)

    assert world.contents() == world.tree(changed.commit)
    follow(world, answer)
    assert world.state() == before


def test_a_checkout_over_the_base_writes_outside_of_a_sparse_checkout_too(
    world: World, changed: Run
) -> None:
    world.git("sparse-checkout", "set", "in")

    world.checkout(changed, keep_base=True)

    assert world.contents() == world.tree(changed.commit)


def test_changes_put_aside_before_a_checkout_became_sparse_come_back(world: World) -> None:
    run = world.dirty_with({"a.py": "a2\n"})
    world.write({"out/y": "mine\n", "out/new": "mine\n"})
    (world.top / "out/z").unlink()
    status = world.git("status", "--short")
    files = world.contents()
    answer = undone(world, run)
    world.git("reset", "-q", "--hard")
    world.git("sparse-checkout", "set", "in")

    follow(world, answer)

    assert world.git("status", "--short") == status
    assert world.contents() == files


def test_a_run_without_changes_outside_leaves_a_sparse_checkout_sparse(world: World) -> None:
    run = world.dirty_with({"a.py": "a2\n", "in/x": "2\n"})
    world.git("sparse-checkout", "set", "in")

    undone(world, run)

    assert not (world.top / "out").exists()
    assert world.git("ls-files", "-v", "out") == "S out/y\nS out/z"


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("now", ["local\n", "1\n", "2\n", None])
@pytest.mark.parametrize("paths", [(), ("cfg",)])
def test_a_marked_file_that_the_run_has_otherwise_goes_and_comes_back(
    world: World, mark: str, now: str | None, paths: tuple[str, ...]
) -> None:
    run = world.dirty_with({"cfg": "2\n", "a.py": "a2\n"})
    world.git("update-index", mark, "cfg")
    if now is None:
        (world.top / "cfg").unlink()
    else:
        world.write({"cfg": now})
    before = world.state()

    answer = undone(world, run, *paths)

    assert world.text("cfg") == "2\n"
    assert world.git("ls-files", "-v", "cfg") == ("S cfg" if "skip" in mark else "h cfg")
    follow(world, answer)
    assert world.state() == before


@pytest.mark.parametrize("now", ["local\n", None])
def test_a_skipped_file_that_the_run_has_as_the_index_has_it_is_left_alone(
    world: World, now: str | None
) -> None:
    run = world.dirty_with({"a.py": "a2\n"})
    world.git("update-index", "--skip-worktree", "cfg")
    (world.top / "cfg").unlink()
    if now:
        world.write({"cfg": now})
    before = world.state()

    answer = undone(world, run)

    assert answer.kept == ((Kept("M", "cfg"),) if now else ())
    assert world.contents().get(b"cfg") == (now.encode() if now else None)
    follow(world, answer)
    assert world.state() == before


def test_marks_of_every_kind_come_back_with_what_they_hid(world: World) -> None:
    names = [f"m{at}" for at in range(8)]
    world.commit(dict.fromkeys(names, "1\n"))
    run = world.dirty_with(dict.fromkeys(names[::2], "2\n") | {"a.py": "a2\n"})
    ways = itertools.product(MARKS, ("local\n", "1\n"))
    for at, (mark, text) in enumerate(ways):
        for name in names[2 * at : 2 * at + 2]:
            world.git("update-index", mark, name)
            world.write({name: text})
    before = world.state()

    answer = undone(world, run)
    world.git("update-index", "--no-skip-worktree", "--no-assume-unchanged", *names)
    world.git("update-index", "--skip-worktree", "a.py")
    world.write(dict.fromkeys(["a.py", *names], "later\n"))

    follow(world, answer)
    assert world.state() == before
    what = restore.saved(world.repo(), "@{saved}")
    assert what
    restore.undo(world.repo(), what)
    assert world.text("a.py") == world.text("m3") == "later\n"


def test_the_way_back_of_a_path_is_a_plain_checkout_too(world: World) -> None:
    run = world.dirty_with({"cfg": "2\n"})
    world.git("update-index", "--skip-worktree", "cfg")
    world.write({"cfg": "local\n"})
    before = world.state()

    for save in (False, True):
        world.checkout(run, save=True, paths=("cfg",))
        assert world.text("cfg") == "2\n"
        world.back(save=save)
        assert world.state() == before


def test_a_marked_file_written_within_the_second_of_the_index_is_looked_at(world: World) -> None:
    run = world.dirty_with({"cfg": "2\n"})
    for name, value in (("trustctime", "false"), ("checkStat", "minimal")):
        world.git("config", f"core.{name}", value)
    known = (world.top / "cfg").stat()
    world.git("update-index", "--skip-worktree", "cfg")
    world.write({"cfg": "local\n"})
    before = world.state()
    world.checkout(run, save=True, paths=("cfg",))
    for path in (world.top / "cfg", world.top / ".git/index"):
        os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))

    world.back()

    assert world.state() == before


def test_a_skipped_path_that_the_run_has_as_the_index_has_it_is_written_if_asked_for(
    world: World,
) -> None:
    run = world.dirty_with({"a.py": "a2\n"})
    world.git("update-index", "--skip-worktree", "cfg")
    world.write({"cfg": "local\n"})
    before = world.state()

    answer = undone(world, run, "cfg")

    assert world.text("cfg") == "1\n"
    follow(world, answer)
    assert world.state() == before


marks = st.lists(st.sampled_from((None, *MARKS)), min_size=len(NAMES), max_size=len(NAMES))


def goes_and_comes_back(layers: Layers, how: list[str | None], whole: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "w")
        run = build(world, layers)
        held = sorted(world.git("ls-files", "-z").split("\0")[:-1])
        for name, mark in zip(held, how, strict=False):
            if mark:
                world.git("update-index", mark, "--", name)
        tops = sorted({path.partition(b"/")[0] for path in world.tree(run.commit)})
        paths = [] if whole or not tops else [f":(literal){os.fsdecode(tops[0])}"]
        before = world.state()

        gone = undone(world, run, *paths)

        after = world.state()
        again = follow(world, gone)
        assert world.state() == before
        follow(world, again)
        assert world.state() == after
        world.git("fsck", "--strict")


@pytest.mark.slow
@settings(LONG, max_examples=60)
@given(worlds(), marks, st.booleans())
def test_whatever_is_marked_the_printed_way_back_gives_the_former_worktree(
    layers: Layers, how: list[str | None], whole: bool
) -> None:
    goes_and_comes_back(layers, how, whole)


outside = st.sets(st.sampled_from(("a", "a/x", "d", "d/e/f", "ig", "z.log")), max_size=3)


def goes_and_comes_back_sparsely(layers: Layers, out: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "w")
        run = build(world, layers)
        patterns = ["/*", *(f"!/{name}" for name in sorted(out))]
        world.git("sparse-checkout", "set", "--no-cone", *patterns)
        before, ignored = world.state(), ignored_by(world)

        gone = undone(world, run)

        after = world.state()
        ignored |= ignored_by(world)
        differing = world.git("diff", "--name-only", "-z", "HEAD", run.commit).split("\0")[:-1]
        target = tracked(world, run.commit)
        for path in map(os.fsencode, differing):
            stays = path in ignored and path not in target
            assert stays or there(after).get(path) == target.get(path)
        again = follow(world, gone)
        assert world.state() == before
        follow(world, again)
        assert world.state() == after
        world.git("fsck", "--strict")


@pytest.mark.slow
@settings(LONG, max_examples=60)
@given(worlds(), outside)
def test_whatever_is_outside_of_a_sparse_checkout_the_runs_changes_are_there_and_the_way_back(
    layers: Layers, out: set[str]
) -> None:
    goes_and_comes_back_sparsely(layers, out)


def test_what_is_staged_outside_of_a_sparse_checkout_below_a_file_stays_hidden(
    world: World,
) -> None:
    run = world.dirty_with({"a.py": "a2\n"})
    world.write({"far/x": "1\n"})
    world.git("add", "far/x")
    (world.top / "far/x").unlink()
    (world.top / "far").rmdir()
    (world.top / "far").symlink_to("nowhere")
    world.git("sparse-checkout", "set", "--no-cone", "/*", "!/far")
    before = world.state()
    assert world.git("ls-files", "-v", "far/x") == "S far/x"

    answer = undone(world, run)

    follow(world, answer)
    assert world.state() == before
