"""Three clones with one session: whatever happens in whatever order, all end with every event."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from git_exp import errors, scan, share
from git_exp.session import exchange, history
from git_exp.session.cargo import Sessions
from tests.session.test_exchange import claim
from tests.share.test_sessions import REF, begun, result, tip
from tests.share.world import Clone, clone, git, server

CLONES = st.integers(0, 2)


class Sharing(RuleBasedStateMachine):
    """Events are added, claimed, pushed, pulled, and merged without the server, at random."""

    top: Path

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=self.top)
        top = Path(self.folder.name)
        self.server = server(top / "server.git")
        self.clones = [clone(self.server, top / str(at), first=at == 0) for at in range(3)]
        self.ever: set[bytes] = set()
        self.claimed: set[str] = set()
        begun(self.clones[0])
        share.push(self.clones[0].store, cargo=Sessions())
        for here in self.clones[1:]:
            share.pull(here.store, cargo=Sessions())

    def lines(self, here: Clone) -> list[bytes]:
        return list(history.read(here.store.repo, "kernels").lines)

    @rule(at=CLONES)
    def add(self, at: int) -> None:
        here = self.clones[at]
        history.add(here.store.repo, "kernels", result(f"{len(self.ever)} of {at}"))
        self.ever |= set(self.lines(here))

    @rule(at=CLONES, idea=st.sampled_from(["a", "b"]))
    def claim(self, at: int, idea: str) -> None:
        here = self.clones[at]
        try:
            exchange.settled(here.store.repo, "kernels", claim(f"agent {at}", idea))
        except errors.Refused:
            assert idea in self.claimed
        else:
            assert idea not in self.claimed, "two have it"
        self.claimed.add(idea)
        self.ever |= set(self.lines(here))

    @rule(at=CLONES)
    def push(self, at: int) -> None:
        share.push(self.clones[at].store, cargo=Sessions())

    @rule(at=CLONES)
    def pull(self, at: int) -> None:
        share.pull(self.clones[at].store, cargo=Sessions())

    @rule(at=CLONES, other=CLONES)
    def meet(self, at: int, other: int) -> None:
        here, there = self.clones[at], self.clones[other]
        here.git("fetch", "-q", there.path, f"+{REF}:refs/met")
        history.merge(here.store.repo, "kernels", tip(here.path, "refs/met"))

    @rule(at=CLONES)
    def gc(self, at: int) -> None:
        self.clones[at].git("gc", "-q", "--prune=now")

    def teardown(self) -> None:
        if hasattr(self, "clones"):
            self.settle()
            self.folder.cleanup()

    def settle(self) -> None:
        for here in self.clones * 2:
            share.push(here.store, cargo=Sessions())
        for here in self.clones:
            done = share.pull(here.store, cargo=Sessions())
            assert not done.sessions.passed_over
            lines = self.lines(here)
            assert lines == sorted(lines)
            assert self.ever <= set(lines)
            assert tip(here.path) == tip(self.server)
            assert share.push(here.store, cargo=Sessions()).sessions == share.Carried()
        assert not git(self.server, "fsck", "--strict", "--no-dangling")


@pytest.fixture(autouse=True)
def plain_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra's scanner takes seconds to be made in each new repository."""
    monkeypatch.setattr(scan, "installed", lambda repo: None)


def _examples(tmp_path: Path, count: int, steps: int) -> None:
    machine = type("Here", (Sharing,), {"top": tmp_path})
    how = settings(
        max_examples=count, stateful_step_count=steps, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=how)


@pytest.mark.slow
def test_clones_that_share_a_session_agree_in_the_end(tmp_path: Path) -> None:
    _examples(tmp_path, 3, 12)


@pytest.mark.slow
def test_clones_agree_on_a_session_after_long_histories(tmp_path: Path) -> None:
    _examples(tmp_path, 12, 30)
