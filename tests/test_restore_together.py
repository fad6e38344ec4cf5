"""git_exp.restore by two at once in one worktree: the second finds what the first has finished."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import errors, locks, restore
from git_exp.run import Run
from tests.test_restore_undo import asides, undone
from tests.world import World

RESTORING = """
import sys
from pathlib import Path
from git_exp import records, restore
from git_exp.run import Run
from tests.world import World
top, commit, base = sys.argv[1:]
git = records.Git(commit=commit, base=base, capture="full")
run = Run(id="r", commit=commit, git=git)
print(restore.undo(World(Path(top)).repo(), run).way_back)
"""
HOLDING = """
import sys, time
from pathlib import Path
from git_exp import locks
from tests.world import World
with locks.alone(World(Path(sys.argv[1])).repo()):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world")
    made.commit({"a.py": "a1\n", "b.py": "b1\n", "c.py": "c1\n"})
    return made


def python(script: str, *args: str) -> subprocess.Popen[str]:
    words = (sys.executable, "-c", script, *args)
    return subprocess.Popen(
        words,
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def restoring(world: World, run: Run) -> subprocess.Popen[str]:
    return python(RESTORING, str(world.top), run.commit, run.base or "")


def way_back(child: subprocess.Popen[str]) -> str:
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    return out.removeprefix("git exp restore ").strip()


@pytest.mark.slow
def test_of_two_the_second_finds_what_the_first_has_finished(world: World) -> None:
    one = world.dirty_with({"a.py": "a2\n", "new/one": "1\n"})
    two = world.dirty_with({"b.py": "b2\n", "new/two": "2\n"})
    world.git("checkout", "-q", "--detach")
    # The first does not go on before the second has said that it waits, so that they meet.
    meet = "until test -s .git/exp/worktree.lock; do sleep 0.01; done"
    world.git("config", "filter.slow.smudge", f"mkdir .git/slow && {{ {meet}; }}; cat")
    (world.top / ".git/info/attributes").write_text("new/* filter=slow\n")
    world.write({"c.py": "mine\n", "untracked": "mine\n"})
    before = world.state()

    first = restoring(world, one)
    while not (world.top / ".git/slow").exists() and first.poll() is None:
        time.sleep(0.01)
    second = restoring(world, two)
    way, last = way_back(first), way_back(second)

    assert world.contents() == world.tree(two.commit)
    assert last == "@{saved}"
    # The first knows that it will not be the latest.
    assert way.startswith("refs/exp/saved/")
    world.back(last, save=True)
    assert world.contents() == world.tree(one.commit)
    world.back(way, save=True)
    assert world.state() == before


def test_whoever_waits_in_vain_has_touched_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.dirty_with({"a.py": "a2\n"})
    world.write({"c.py": "mine\n"})
    before = world.state(exact=True)
    monkeypatch.setattr(locks, "WORKTREE_PATIENCE", 0.2)

    acts: list[Callable[[], object]] = [
        lambda: undone(world, run),
        lambda: undone(world, run, "a.py"),
        lambda: world.checkout(run, save=True),
        lambda: restore.undo_all(world.repo(), "main"),
    ]

    with locks.alone(world.repo()):
        for act in acts:
            with pytest.raises(errors.WorktreeBusy, match="another git exp command") as failure:
                act()
            assert failure.value.exit_code == 5
            assert failure.value.hint

    assert world.state(exact=True) == before
    assert asides(world) == 0
    assert undone(world, run).way_back == "git exp restore @{saved}"


def test_a_linked_worktree_waits_for_nobody(world: World, tmp_path: Path) -> None:
    run = world.dirty_with({"a.py": "a2\n"})
    world.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    linked = World(tmp_path / "linked")

    with locks.alone(world.repo()), locks.alone(linked.repo(), wait=0.0):
        pass

    with locks.alone(world.repo()):
        undone(linked, run)
    assert linked.text("a.py") == "a2\n"


def test_a_new_worktree_waits_for_nobody_either(world: World, tmp_path: Path) -> None:
    run = world.dirty_with({"a.py": "a2\n"})

    with locks.alone(world.repo()):
        world.checkout(run, worktree=tmp_path / "beside")

    assert (tmp_path / "beside/a.py").read_text() == "a2\n"


def test_the_death_of_the_holder_frees_the_worktree(world: World) -> None:
    run = world.dirty_with({"a.py": "a2\n"})
    child = python(HOLDING, str(world.top))
    assert child.stdout
    assert child.stdout.readline() == "held\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()

    undone(world, run)

    assert world.text("a.py") == "a2\n"


def test_a_holder_is_told_of_those_who_wait_and_forgets_them(world: World) -> None:
    with locks.alone(world.repo()) as others:
        assert not others()
        with pytest.raises(errors.WorktreeBusy), locks.alone(world.repo(), wait=0.0):
            pass
        assert others()
    with locks.alone(world.repo()) as others:
        assert not others()
