"""Many writers at once, and any order of what can happen: every record is there exactly once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from git_exp import fsck, merge, records, seal, spool
from git_exp.git import notes
from git_exp.recorder import Recorder
from git_exp.store import Store
from tests.spooled import Spooled, found, get, opened, values, waiting, whole

Git = Callable[..., str]
TRACKS = 20
ENDING = """
import sys
import time
from git_exp import Experiment

runs = [Experiment(f"run {number}", tags=["ours"]) for number in range(int(sys.argv[1]))]
for exp in runs:
    for step in range(int(sys.argv[2])):
        exp.track({"loss": step}, step=step)
print("ready", flush=True)
sys.stdin.read()
# Nobody gives up here, however slow the disk is: this is about what gets lost.
from git_exp import locks
locks.PATIENCE = 300
for exp in runs:
    exp.note("before the end")
    exp.checkpoint()
    exp.finish()
"""


def end_at_once(repo: Path, places: list[Path], each: int, meanwhile: Callable[[], Any]) -> None:
    """Let a process in each of these places begin its runs, and all of them end at one moment."""
    gate, release = os.pipe()
    pipe = subprocess.PIPE
    words = (sys.executable, "-c", ENDING, str(each), str(TRACKS))
    children = [
        subprocess.Popen(words, cwd=place, stdin=gate, stdout=pipe, stderr=pipe, text=True)
        for place in places
    ]
    os.close(gate)
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    os.close(release)
    while any(child.poll() is None for child in children) and meanwhile():
        continue
    ended = [(*child.communicate(), child.returncode) for child in children]
    assert ended == [("", "", 0)] * len(places)


def prove(repo: Path, count: int) -> None:
    """All runs are sealed, each with its end, its words and all that it tracked."""
    assert waiting(found(repo)) == []
    store = opened(repo)
    runs = store.runs()
    assert len(runs) == count
    for run in runs:
        assert (run.status, run.tags, [one.text for one in run.notes]) == (
            "finished", ["ours"], ["before the end"],
        )  # fmt: skip
        tracked = [records.parse(line) for line in store.series(run)]
        steps = sorted(event.step for event in tracked if isinstance(event, records.Track))
        assert steps == list(range(TRACKS))
        assert run.metrics["loss"].count == TRACKS
    tip = notes.tip(found(repo))
    assert tip.count == count
    assert fsck.check(store).findings == []
    assert whole(repo) == ""


def worktrees(repo: Path, git: Git, count: int) -> list[Path]:
    linked = [repo.parent / f"linked{number}" for number in range(count)]
    for path in linked:
        git("worktree", "add", "-q", "--detach", path)
    return linked


def test_runs_that_end_at_once_in_several_worktrees_are_all_sealed(repo: Path, git: Git) -> None:
    linked = worktrees(repo, git, 4)

    end_at_once(repo, linked * 3, 3, meanwhile=lambda: False)

    prove(repo, 36)


@pytest.mark.slow
def test_320_runs_that_end_at_once_are_all_sealed(repo: Path, git: Git) -> None:
    linked = worktrees(repo, git, 4)

    end_at_once(repo, linked * 16, 5, meanwhile=lambda: False)

    prove(repo, 320)


def test_git_s_own_tidying_and_other_writers_come_between_and_nothing_is_lost(
    repo: Path, git: Git
) -> None:
    head = git("rev-parse", "HEAD")
    turns = iter(range(10_000))

    def tidy() -> bool:
        turn = next(turns)
        git(*[
            ("pack-refs", "--all", "--prune"),
            ("repack", "-q", "-a", "-d"),
            ("gc", "-q"),
            ("prune-packed", "-q"),
        ][turn % 4])  # fmt: skip
        opened(repo).runs()
        return True

    end_at_once(repo, [repo] * 4, 2, meanwhile=tidy)

    prove(repo, 8)
    assert next(turns) > 0
    assert git("rev-parse", "HEAD") == head


WHICH = st.integers(0, 5)


class Life:
    """A run and what a plain model knows of it."""

    def __init__(self, spooled: Spooled) -> None:
        self.spooled = spooled
        self.run_id = spooled.run_id
        self.writers = [self._writer(owner=True, number=0)]
        self.tracked: list[str] = []
        self.notes: set[str] = set()
        self.status = "running"
        self.deleted = False
        self.sealed = False

    def join(self) -> None:
        number = self.spooled.join(rank=len(self.writers))
        self.writers.append(self._writer(owner=False, number=number))

    def living(self) -> list[Recorder]:
        return [one for one in self.writers if not one.ended]

    def kill(self) -> None:
        """The process of the owner is gone without a word; those who joined go with it."""
        for writer in self.living():
            writer.close()
        self.status = "crashed" if self.status == "running" else self.status

    def _writer(self, *, owner: bool, number: int) -> Recorder:
        here = spool.here()
        writer = records.Writer(
            t=self.spooled.t(), run_id=self.run_id, commit=self.spooled.commit, owner=owner,
            rank=number, pid=os.getpid(), host=here.host, boot=here.boot, machine=here.machine,
        )  # fmt: skip
        opened = self.spooled.opened[number]
        return Recorder(self.spooled.repo, writer, opened, start=writer.t)


class Runs(RuleBasedStateMachine):
    """What can happen to the runs of a repository, each time in a new one below `place`."""

    place: ClassVar[Path]
    git: ClassVar[Git]

    @initialize()
    def begin(self) -> None:
        self.top = self.place / uuid.uuid4().hex
        self.git("init", "-q", self.top)
        self.git("commit", "-q", "--allow-empty", "-m", "first", cwd=self.top)
        self.git("clone", "-q", self.top, f"{self.top}.other", stdin="")
        self.all: list[Life] = []
        self.said = 0
        for _ in range(2):
            self.start()

    @property
    def store(self) -> Store:
        return opened(self.top)

    def word(self) -> str:
        self.said += 1
        return f"word {self.said}"

    @rule()
    def start(self) -> None:
        self.all.append(Life(Spooled(found(self.top), at=_now())))

    @rule(which=WHICH, count=st.integers(1, 4), who=st.integers(0, 2))
    def track(self, which: int, count: int, who: int) -> None:
        life = self.all[which % len(self.all)]
        for writer in life.living()[who : who + 1]:
            for _ in range(count):
                word = self.word()
                writer.track({"word": word})
                life.tracked.append(word)

    @rule(which=WHICH)
    def note(self, which: int) -> None:
        life = self.all[which % len(self.all)]
        for writer in life.living()[:1]:
            life.notes.add(word := self.word())
            writer.record(_saying(word))

    @rule(which=WHICH)
    def note_from_outside(self, which: int) -> None:
        life = self.all[which % len(self.all)]
        run = self.store.get(life.run_id)
        if run:
            word = self.word()
            self.store.add(run, _saying(word))
            life.notes.add(word)

    @rule(which=WHICH)
    def join(self, which: int) -> None:
        life = self.all[which % len(self.all)]
        if life.status == "running" and not life.deleted:
            life.join()

    @rule(which=WHICH)
    def checkpoint(self, which: int) -> None:
        life = self.all[which % len(self.all)]
        for writer in life.living()[:1]:
            assert writer.checkpoint().aside == {}

    @rule(which=WHICH)
    def finish(self, which: int) -> None:
        life = self.all[which % len(self.all)]
        owner = life.writers[0]
        if not owner.ended:
            assert owner.finish("finished").aside == {}
            life.status = "finished"

    @rule(which=WHICH)
    def kill(self, which: int) -> None:
        life = self.all[which % len(self.all)]
        life.kill()

    @rule()
    def seal(self) -> None:
        assert seal.complete(found(self.top)).aside == {}

    @rule(tidying=st.sampled_from([
        ("pack-refs", "--all", "--prune"), ("gc", "-q", "--prune=now"),
        ("repack", "-q", "-a", "-d"),
    ]))  # fmt: skip
    def tidy(self, tidying: tuple[str, ...]) -> None:
        self.git(*tidying, cwd=self.top)

    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        life = self.all[which % len(self.all)]
        run = self.store.get(life.run_id)
        if run and not run.live:
            self.store.remove([run])
            life.deleted = True

    @rule(which=WHICH, how=st.sampled_from(["ours", "git's"]))
    def merge_another_clone_s_notes(self, which: int, how: str) -> None:
        """A stock git merges what another clone has written, with git exp or without."""
        life = self.all[which % len(self.all)]
        other = f"{self.top}.other"
        if not self.git("for-each-ref", "refs/notes/exp", cwd=self.top):
            return
        self.git("fetch", "-q", "origin", "+refs/notes/exp:refs/notes/exp", cwd=other)
        run = opened(Path(other)).at(life.spooled.commit)
        word = self.word()
        if run and how == "ours":
            opened(Path(other)).add(run, _saying(word))
            life.notes.add(word)
        elif run:
            line = records.line(records.Note(t=records.stamp(_now()), text=word)).decode()
            self.git("fetch", "-q", "origin", life.spooled.commit, cwd=other)
            self.git("notes", "--ref=exp", "append", "-m", line, life.spooled.commit, cwd=other)
            life.notes.add(word)
        self.git("fetch", "-q", other, "+refs/notes/exp:refs/exp/remotes/other/notes", cwd=self.top)
        self.git("notes", "--ref=exp", "merge", "-q", "-s", "cat_sort_uniq",
            "refs/exp/remotes/other/notes", cwd=self.top)  # fmt: skip

    @rule(which=WHICH)
    def lose_a_note_and_repair(self, which: int) -> None:
        life = self.all[which % len(self.all)]
        self.git("notes", "--ref=exp", "remove", "--ignore-missing", life.spooled.commit,
            cwd=self.top)  # fmt: skip
        verdict = fsck.check(self.store, repair=True)
        assert verdict.sound, verdict.findings

    def teardown(self) -> None:
        for life in getattr(self, "all", []):
            life.kill()
        if hasattr(self, "all"):
            self.look_at_all_before_and_after_a_seal()

    def look_at_all_before_and_after_a_seal(self) -> None:
        self.look_at_all()
        assert seal.complete(found(self.top)).aside == {}
        assert waiting(found(self.top)) == []
        self.look_at_all()
        assert fsck.check(self.store).findings == []
        assert whole(self.top) == ""

    def look_at_all(self) -> None:
        store = self.store
        there = [life for life in self.all if not life.deleted]
        assert {run.id for run in store.runs()} == {life.run_id for life in there}
        for life in there:
            run = get(store, life.spooled)
            assert run.status == life.status
            assert sorted(one.text for one in run.notes) == sorted(life.notes)
            tracked = [value["word"] for value in values(store, life.spooled)]
            assert sorted(tracked) == sorted(life.tracked)
            lines = store.lines(run)
            assert lines == merge.lines(merge.union(lines))


def _saying(word: str) -> Callable[[str], records.Note]:
    return lambda t: records.Note(t=t, text=word)


def _now() -> int:
    return time.time_ns() // 1000


def explore(top: Path, git: Git, *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        type("RunsHere", (Runs,), {"place": top, "git": staticmethod(git)}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_order_of_what_can_happen_keeps_every_record_once(tmp_path: Path, git: Git) -> None:
    explore(tmp_path, git, examples=12, steps=15)


@pytest.mark.slow
def test_many_orders_of_what_can_happen_keep_every_record_once(tmp_path: Path, git: Git) -> None:
    explore(tmp_path, git, examples=60, steps=40)
