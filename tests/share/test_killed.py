"""kill -9 of a push and of a pull at every git call: the next one completes it."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import fsck, share
from git_exp.git import refs
from git_exp.session import ConversationEntry, ExperimentConfig, events, history
from git_exp.session.cargo import Sessions
from git_exp.share import archive
from tests.share.test_servers import held, noted
from tests.share.world import Clone, clone, git, server

pytestmark = pytest.mark.usefixtures("plain_rules")

CONFIG = ExperimentConfig(goal="a faster kernel")
# Each call is a line of its own process id, so that two at once do not count as one.
WRAPPER = """#!/bin/sh
echo $$ >>"$CALLS"
at=$(grep -n "^$$\\$" "$CALLS" | tail -n 1 | cut -d: -f1)
[ "$at" = "$KILL_AT" ] || exec {git} "$@"
case $HOW in
before) kill -9 $PPID; kill -9 $$;;
during) kill -9 $PPID; exec {git} "$@";;
after) {git} "$@" >/dev/null; kill -9 $PPID;;
esac
"""


def pushed(one: Clone) -> None:
    share.push(one.store, cargo=Sessions())


def pulled(one: Clone) -> None:
    share.pull(one.store, everything=True, cargo=Sessions())


class World:
    """Two clones and a server, in which there is more to send and to bring at each round."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.there = server(top / "there.git")
        self.here = clone(self.there, top / "here", first=True)
        self.mate = clone(self.there, top / "mate")
        self.bin = top / "bin"
        self.bin.mkdir()
        wrapper = self.bin / "git"
        wrapper.write_text(WRAPPER.format(git=shutil.which("git")))
        wrapper.chmod(0o755)
        self.deleted: set[str] = set()
        self.made: dict[str, str] = {}
        self.calls = top / "calls"
        self.events = 0
        history.start(self.here.store.repo, CONFIG, session_id="kernels")
        for one in (self.here, self.mate):
            self.run(one)
            pushed(one)

    def run(self, one: Clone) -> None:
        run = one.run(f"run {len(self.made)}")
        self.made[run.id] = run.commit

    def happen(self, one: Clone) -> None:
        self.events += 1
        entry = ConversationEntry(role="user", content=f"event {self.events}")
        history.add(
            one.store.repo, "kernels", lambda state, now: events.Message(t=now, entry=entry)
        )

    def change(self, one: Clone, other: Clone) -> None:
        """What a push of `one` has to do: merge, send, archive, delete, publish."""
        self.run(other)
        pushed(other)
        for _ in range(3):
            self.run(one)
        mine = [run for run in one.store.runs() if run.own and not run.archived]
        archive.fold(one.store, [mine[1]])
        share_all = share.pull(one.store, cargo=Sessions())
        assert share_all.remote == "origin"
        one.note(mine[0], f"note {len(self.made)}")
        one.store.remove([mine[-1]])
        self.deleted.add(mine[-1].id)
        self.run(other)
        pulled(other)
        self.happen(other)
        pushed(other)
        self.happen(one)

    def killed(self, act: Callable[[], object], at: int, how: str) -> int:
        """Do it in a fork that dies at its git call of that number; how many calls it made."""
        self.calls.unlink(missing_ok=True)
        failed = self.top / "failed"
        pid = os.fork()
        if pid == 0:
            os.environ.update(
                PATH=f"{self.bin}:{os.environ['PATH']}", CALLS=str(self.calls),
                KILL_AT=str(at), HOW=how,
            )  # fmt: skip
            try:
                act()
            except BaseException:
                failed.write_text(traceback.format_exc())
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        assert not failed.exists(), failed.read_text()
        made = len(self.calls.read_text().splitlines())
        assert os.WIFSIGNALED(status) == (0 < at <= made), f"{at} of {made}: {status}"
        return made

    def prove(self) -> None:
        """It is sound, the next push and pull complete, and nothing is lost or in the way."""
        for one in (self.here, self.mate):
            verdict = fsck.check(one.store, repair=True)
            assert verdict.sound, verdict.findings
        pushed(self.here)
        pushed(self.mate)
        for one in (self.here, self.mate):
            pulled(one)
            assert fsck.check(one.store).findings == []
            assert set(one.runs()) == self.made.keys() - self.deleted
            assert one.tree() == self.here.tree()
            lines = history.read(one.store.repo, "kernels").lines
            assert len(lines) == len(set(lines)) == self.events + 1
            assert one.refs("refs/sessions") == self.here.refs("refs/sessions")
            assert not [path for path in one.path.rglob(".git/**/*.lock") if path.stem != "seal"]
            names = one.refs("refs/exp", "refs/runs", "refs/notes")
            assert {name.split("/")[2] for name in names if name.startswith("refs/exp/")} <= {
                "data", "archive", "remotes",
            }  # fmt: skip
            assert not one.git("fsck", "--connectivity-only", "--no-dangling")
        assert git(self.there, "rev-parse", "refs/notes/exp^{tree}") == self.here.tree()
        named = " ".join(held(self.there))
        assert not [one for one in self.deleted if one in named]
        code = set(git(self.there, "rev-list", "--all").split())
        assert {self.made[one] for one in self.made.keys() - self.deleted} <= code
        assert set(self.made.values()) <= noted(self.there)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def push_killed(world: World, at: int, how: str) -> int:
    world.change(world.here, world.mate)
    return world.killed(lambda: pushed(world.here), at, how)


def pull_killed(world: World, at: int, how: str) -> int:
    world.change(world.mate, world.here)
    pushed(world.mate)
    return world.killed(lambda: pulled(world.here), at, how)


ACTS = [pytest.param(push_killed, id="push"), pytest.param(pull_killed, id="pull")]
Act = Callable[[World, int, str], int]


@pytest.mark.parametrize("how", [pytest.param("before", marks=pytest.mark.slow), "after"])
@pytest.mark.parametrize("act", ACTS)
def test_a_kill_at_some_git_calls_loses_nothing(world: World, act: Act, how: str) -> None:
    total = act(world, 0, "")

    for at in {"before": (2, total - 1), "after": (total // 2, total)}[how]:
        act(world, at, how)
        world.prove()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["before", "during", "after"])
@pytest.mark.parametrize("act", ACTS)
def test_a_kill_at_every_git_call_loses_nothing(world: World, act: Act, how: str) -> None:
    at, total = 0, act(world, 0, "")
    while at < total:
        at += 1
        try:
            total = max(total, act(world, at, how))
            world.prove()
        except AssertionError as error:
            raise AssertionError(f"killed {how} call {at} of {total}") from error


@pytest.mark.slow
@pytest.mark.parametrize("how", ["before", "after"])
def test_a_kill_of_a_large_push_leaves_nothing_that_counts(world: World, how: str) -> None:
    for at in (*range(1, 14, 2), 0):
        for _ in range(12):
            world.run(world.here)
        made = world.killed(lambda: share.push(world.here.store), at, how)
        world.prove()
    assert made > 12, "no call was left to be killed at"


def test_a_push_that_arrived_before_we_died_is_known_by_the_next(world: World) -> None:
    """The server has taken code and records, and nobody here was told."""
    (theirs,) = world.mate.runs()[:1]
    run = world.here.run("ours")
    world.made[run.id] = run.commit
    hook = world.there / "hooks/post-receive"
    hook.write_text(
        f"#!/bin/sh\ngrep -q refs/notes/exp && kill -9 $(cat {world.top}/pid)\nexit 0\n"
    )
    hook.chmod(0o755)
    pid = os.fork()
    if pid == 0:
        (world.top / "pid").write_text(str(os.getpid()))
        share.push(world.here.store)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    hook.unlink()
    assert os.WIFSIGNALED(status)
    assert theirs
    assert run.commit in noted(world.there)

    done = share.push(world.here.store)

    assert done.runs == done.records == []
    world.prove()


def test_a_fetch_that_died_leaves_no_lock_in_the_way(world: World) -> None:
    """What a git that was killed with us had locked is taken away by who comes next."""
    lock = refs.lock_of(world.here.store.repo, "refs/exp/remotes/origin/notes")
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    os.utime(lock, (1, 1))
    world.run(world.mate)
    share.push(world.mate.store)

    share.pull(world.here.store)

    world.prove()
