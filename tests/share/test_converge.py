"""Three clones and a server: whatever happens in whatever order, all end with the same runs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from git_exp import errors, records, scan, share
from git_exp.run import Run
from git_exp.share import archive, scrub
from tests.share.world import Clone, clone, git, server

CLONES = st.integers(0, 2)
ANY = st.integers(0, 1_000)


class Sharing(RuleBasedStateMachine):
    """Runs are made, edited, deleted, archived, pushed and pulled at random."""

    top: Path
    short = True

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=self.top)
        top = Path(self.folder.name)
        self.server = server(top / "server.git")
        self.clones = [clone(self.server, top / str(at), first=at == 0) for at in range(3)]
        self.ever: dict[str, set[bytes]] = {}
        self.deleted: set[str] = set()
        self.scrubbed: set[str] = set()
        self.made: dict[str, Run] = {}

    def one(self, at: int, which: int) -> tuple[Clone, Run | None]:
        here = self.clones[at]
        runs = here.store.runs()
        return here, runs[which % len(runs)] if runs else None

    def keep(self, here: Clone) -> None:
        for commit, lines in here.notes().items():
            self.ever.setdefault(commit, set()).update(lines)

    @rule(at=CLONES, series=st.booleans())
    def run(self, at: int, series: bool) -> None:
        run = self.clones[at].run(series=series)
        self.made[run.id] = run
        self.keep(self.clones[at])

    @rule(at=CLONES, which=ANY, text=st.sampled_from(["good", "bad"]))
    def note(self, at: int, which: int, text: str) -> None:
        here, run = self.one(at, which)
        if run:
            here.note(run, text)
            self.keep(here)

    @rule(at=CLONES, which=ANY, tag=st.sampled_from(["a", "b"]), on=st.booleans())
    def tag(self, at: int, which: int, tag: str, on: bool) -> None:
        here, run = self.one(at, which)
        if run:
            kind = records.Tag if on else records.Untag
            here.store.add(run, lambda t: kind(t=t, tags=[tag]))
            self.keep(here)

    @rule(at=CLONES, which=ANY)
    def rename(self, at: int, which: int) -> None:
        here, run = self.one(at, which)
        if run:
            here.store.add(run, lambda t: records.Rename(t=t, name=f"name {which}"))
            self.keep(here)

    @rule(at=CLONES, which=ANY)
    def rm(self, at: int, which: int) -> None:
        here, run = self.one(at, which)
        if run:
            here.store.remove([run])
            self.deleted.add(run.id)
            self.keep(here)

    @rule(at=CLONES, which=ANY)
    def archive(self, at: int, which: int) -> None:
        here, run = self.one(at, which)
        if run and run.own:
            archive.fold(here.store, [run])
            self.keep(here)

    @rule(at=CLONES, which=ANY)
    def scrub(self, at: int, which: int) -> None:
        here, run = self.one(at, which)
        if run and run.own and "replaced" not in run.tags:
            done = scrub.scrub(here.store, run, scrub.What(paths=["train.py"]))
            made = here.store.get(done.new)
            assert made
            here.store.add(made, lambda t: records.Tag(t=t, tags=["replaced"]))
            self.made[made.id] = made
            self.deleted.add(run.id)
            self.scrubbed.add(run.commit)
            self.keep(here)

    @rule(at=CLONES)
    def push(self, at: int) -> None:
        share.push(self.clones[at].store)

    @rule(at=CLONES, which=ANY)
    def push_one(self, at: int, which: int) -> None:
        here, run = self.one(at, which)
        if run:
            share.push(here.store, "origin", [run])

    @rule(at=CLONES, everything=st.booleans())
    def pull(self, at: int, everything: bool) -> None:
        share.pull(self.clones[at].store, everything=everything)

    @rule(at=CLONES, which=ANY)
    def look(self, at: int, which: int) -> None:
        """Somebody looks at the code of a run, which comes if anybody has sent it."""
        here, run = self.one(at, which)
        if run and not here.store.has_code(run):
            try:
                share.hydrate(here.store, run)
            except errors.NotFound:
                assert run.id in self.deleted or not _holds(self.server, run.commit)

    @rule(at=CLONES)
    def stock_merge(self, at: int) -> None:
        """A stock git fetches the notes and merges them, as its manual says."""
        here = self.clones[at]
        if git(self.server, "for-each-ref", "refs/notes/exp"):
            here.git("fetch", "-q", "origin", "+refs/notes/exp:refs/notes/theirs")
            here.git("notes", "--ref=exp", "merge", "-q", "-s", "cat_sort_uniq", "theirs")
            here.git("update-ref", "-d", "refs/notes/theirs")

    @rule(at=CLONES)
    def gc(self, at: int) -> None:
        self.clones[at].git("gc", "-q", "--prune=now")

    def teardown(self) -> None:
        if hasattr(self, "clones"):
            self.settle()
            self.folder.cleanup()

    def settle(self) -> None:
        for _ in range(2):
            for here in self.clones:
                share.push(here.store)
        for here in self.clones:
            share.pull(here.store)
        trees = {here.tree() for here in self.clones}
        assert len(trees) == 1, "the notes differ"
        there = git(self.server, "rev-parse", "-q", "--verify", "refs/notes/exp^{tree}", code=None)
        assert trees in ({there}, {None})
        alive = sorted(self.made.keys() - self.deleted)
        for here in self.clones:
            assert here.runs() == alive
            noted = here.notes()
            for commit, lines in self.ever.items():
                if commit in self.scrubbed:
                    assert all(b'"event":"deleted"' in line for line in noted[commit])
                else:
                    assert lines <= noted[commit], "a record is lost"
        self.check_code(alive)

    def check_code(self, alive: list[str]) -> None:
        held = set(git(self.server, "rev-list", "--all").split())
        named = git(self.server, "for-each-ref", "--format=%(refname)")
        for run_id in alive:
            assert self.made[run_id].commit in held, "code is lost"
        for run_id in self.deleted:
            assert run_id not in named, "a deleted run has a ref"
        assert not git(self.server, "fsck", "--connectivity-only", "--no-dangling")


def _holds(where: Path, commit: str) -> bool:
    return commit in git(where, "rev-list", "--all").split()


@pytest.fixture(autouse=True)
def plain_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra's scanner takes seconds to be made in each new repository."""
    monkeypatch.setattr(scan, "installed", lambda repo: None)


def _examples(tmp_path: Path, count: int, steps: int, **more: Any) -> None:
    machine = type("Here", (Sharing,), {"top": tmp_path})
    how = settings(
        max_examples=count, stateful_step_count=steps, deadline=None,
        suppress_health_check=list(HealthCheck), **more,
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=how)


@pytest.mark.slow
def test_clones_that_share_a_server_agree_in_the_end(tmp_path: Path) -> None:
    _examples(tmp_path, 6, 12)


@pytest.mark.slow
def test_clones_agree_after_long_histories(tmp_path: Path) -> None:
    _examples(tmp_path, 12, 40)
