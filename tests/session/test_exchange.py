"""What is settled on a remote: of two who claim at once, one is first and the other is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from git_exp import BadField, Experiment, NotFound, errors, share
from git_exp.git import refs, remote
from git_exp.git.refs import Change
from git_exp.session import ExperimentState, events, exchange, history
from git_exp.session.cargo import Sessions
from git_exp.session.events import Event
from git_exp.session.history import Happening
from tests.share.conftest import here, mate, plain_rules, there
from tests.share.test_servers import held, hook
from tests.share.test_sessions import REF, THEIRS, begun, named, result, tip, trips
from tests.share.world import Clone, clone
from tests.spooled import leave_marker

__all__ = ["here", "mate", "plain_rules", "there"]
pytestmark = pytest.mark.usefixtures("plain_rules")


def claim(who: str, idea: str = "unroll the loop") -> Happening:
    def happens(state: ExperimentState, now: float) -> Event:
        if any(one.idea == idea for one in state.claims):
            raise errors.Refused(f"'{idea}' is somebody else's")
        return events.Claim(t=now, by=who, claim_id=f"{who}: {idea}", idea=idea, ttl=3600.0)

    return happens


def settled(here: Clone, happening: Happening) -> history.Session:
    return exchange.settled(here.store.repo, "kernels", happening)


def kinds(here: Clone) -> list[str]:
    lines = history.read(here.store.repo, "kernels").lines
    return [line.split(b'"event":"')[1].split(b'"')[0].decode() for line in lines]


@pytest.fixture
def shared(here: Clone, mate: Clone) -> None:
    """A session that both clones have."""
    begun(here)
    share.push(here.store, cargo=Sessions())
    share.pull(mate.store, cargo=Sessions())


@pytest.mark.usefixtures("shared")
def test_what_one_has_claimed_is_refused_to_the_other(
    here: Clone, mate: Clone, there: Path
) -> None:
    done = settled(here, claim("ada"))

    assert done.commit == tip(here.path) == tip(there)
    with pytest.raises(errors.Refused, match="somebody else's"):
        settled(mate, claim("bob"))
    assert tip(mate.path) == tip(there), "what the other has claimed has come"
    settled(mate, claim("bob", "another"))
    assert kinds(mate) == ["start", "claim", "claim"]
    assert tip(mate.path) == tip(there)


@pytest.mark.usefixtures("shared")
def test_who_comes_second_asks_again(
    here: Clone, mate: Clone, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, waiting = remote.push, [lambda: settled(mate, claim("bob"))]

    def late(*args: object) -> object:
        if waiting:
            waiting.pop()()
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(remote, "push", late)

    with pytest.raises(errors.Refused, match="somebody else's"):
        settled(here, claim("ada"))

    assert tip(here.path) == tip(there) == tip(mate.path)
    assert kinds(here) == ["start", "claim"]


@pytest.mark.slow
@pytest.mark.usefixtures("shared")
def test_what_is_here_alone_goes_along(here: Clone, mate: Clone, there: Path) -> None:
    history.add(here.store.repo, "kernels", result("ours"))
    history.add(mate.store.repo, "kernels", result("theirs"))

    settled(here, claim("ada"))
    settled(mate, claim("bob", "another"))

    assert sorted(kinds(mate)) == ["claim", "claim", "result", "result", "start"]
    assert tip(mate.path) == tip(there)


def test_a_session_that_the_remote_has_not_goes_whole(
    here: Clone, mate: Clone, there: Path
) -> None:
    begun(here)

    settled(here, claim("ada"))

    assert tip(there) == tip(here.path)
    with pytest.raises(errors.Refused):
        settled(mate, claim("bob"))
    assert kinds(mate) == ["start", "claim"], "one that is not here comes"
    with pytest.raises(NotFound, match="no session 'other'"):
        exchange.settled(here.store.repo, "other", claim("ada"))


@pytest.mark.usefixtures("shared")
def test_where_nothing_is_to_happen_nothing_does(
    here: Clone, mate: Clone, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(mate, claim("bob"))
    before = tip(there)

    with trips(tmp_path, monkeypatch) as gone:
        done = settled(here, lambda state, now: None)

    assert done.commit == before == tip(here.path) == tip(there)
    assert gone == ["fetch"]


@pytest.mark.usefixtures("shared")
def test_what_is_claimed_while_it_is_under_way_here_is_merged(
    here: Clone, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = remote.push

    def late(*args: object) -> object:
        history.add(here.store.repo, "kernels", result("meanwhile"))
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(remote, "push", late)

    done = settled(here, claim("ada"))

    assert sorted(kinds(here)) == ["claim", "result", "start"]
    assert done.commit == tip(here.path) != tip(there)


@pytest.mark.usefixtures("shared")
def test_a_gc_that_takes_it_while_it_is_under_way_takes_nothing(
    here: Clone, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = remote.push

    def late(*args: object) -> object:
        refused = real(*args)  # type: ignore[arg-type]
        here.git("gc", "-q", "--prune=now")
        return refused

    monkeypatch.setattr(remote, "push", late)

    assert settled(here, claim("ada")).commit == tip(here.path) == tip(there)
    here.git("fsck", "--strict", "--connectivity-only")


@pytest.mark.usefixtures("shared")
def test_what_must_not_leave_is_refused_and_happens_nowhere(
    here: Clone, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here.path)
    before = tip(there)
    with Experiment("hidden", private=True) as hidden:
        pass

    with pytest.raises(errors.SecretsFound):
        settled(here, claim("ada", "ghp_" + "a9Zk" * 9))
    with pytest.raises(errors.Refused, match="names the private run"):
        settled(here, result("hidden", run=str(hidden.run_id)))

    assert before == tip(there) == tip(here.path)


@pytest.mark.usefixtures("shared")
def test_a_server_that_refuses_is_said_and_nothing_happens(here: Clone, there: Path) -> None:
    hook(there, "update", "exit 1")
    before = tip(here.path)

    with pytest.raises(errors.RemoteFailed, match=f"it refuses {REF}: hook declined"):
        settled(here, claim("ada"))

    assert tip(here.path) == before == tip(there)


@pytest.mark.slow
@pytest.mark.usefixtures("shared")
def test_who_is_never_first_is_told_so(
    here: Clone, mate: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = remote.push

    def late(repo: object, *args: object) -> object:
        monkeypatch.setattr(remote, "push", real)
        settled(mate, result("theirs"))
        monkeypatch.setattr(remote, "push", late)
        return real(repo, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(remote, "push", late)
    monkeypatch.setattr(exchange, "PATIENCE", 0.2)

    with pytest.raises(errors.RemoteFailed, match="others add to session 'kernels' all the time"):
        settled(here, claim("ada"))

    assert "claim" not in kinds(here)


def test_one_that_began_twice_or_is_damaged_is_refused(
    here: Clone, mate: Clone, there: Path
) -> None:
    begun(here)
    settled(here, claim("ada"))
    begun(mate)
    before = tip(there)

    with pytest.raises(errors.Refused, match="began twice"):
        settled(mate, claim("bob"))
    assert tip(there) == before
    here.git("push", "-q", "-f", "origin", f"main:{REF}")
    with pytest.raises(BadField, match="none of a session"):
        settled(mate, claim("bob"))


@pytest.mark.slow
@pytest.mark.usefixtures("shared")
def test_the_lock_of_a_git_that_was_killed_is_not_in_the_way(
    here: Clone, mate: Clone, there: Path
) -> None:
    settled(mate, claim("bob"))
    for name in (REF, THEIRS):
        lock = refs.lock_of(here.store.repo, name)
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
        os.utime(lock, (1, 1))
    leave_marker(here.store.repo, REF)

    settled(here, claim("ada", "another"))

    assert tip(here.path) == tip(there)


@pytest.mark.usefixtures("shared")
def test_what_was_settled_before_we_died_is_known_by_the_next(here: Clone, there: Path) -> None:
    before = tip(here.path)
    settled(here, claim("ada"))
    refs.update(here.store.repo, [Change(name=REF, new=before, old=tip(here.path))])

    with pytest.raises(errors.Refused, match="somebody else's"):
        settled(here, claim("ada"))

    assert tip(here.path) == tip(there)


@pytest.mark.slow
@pytest.mark.usefixtures("shared")
def test_of_many_clones_that_claim_one_idea_exactly_one_has_it(
    here: Clone, there: Path, tmp_path: Path
) -> None:
    code = (
        "import os, sys, pathlib\n"
        "from git_exp import errors\n"
        "from git_exp.git.repo import discover\n"
        "from git_exp.session import exchange\n"
        "from tests.session.test_exchange import claim\n"
        "repo = discover(pathlib.Path.cwd(), os.environ)\n"
        "try:\n"
        "    exchange.settled(repo, 'kernels', claim(sys.argv[1]))\n"
        "except errors.Refused:\n"
        "    sys.exit(4)\n"
    )
    folders = [clone(there, tmp_path / f"clone{at}").path for at in range(3)] + [here.path]
    path = os.pathsep.join((str(Path(__file__).parents[2]), os.environ["PYTHONPATH"]))
    children = [
        subprocess.Popen(
            (sys.executable, "-c", code, f"agent-{at}"),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
        )
        for at, folder in enumerate(folders)
    ]

    assert sorted(one.wait() for one in children) == [0, 4, 4, 4]

    share.pull(here.store, cargo=Sessions())
    assert kinds(here) == ["start", "claim"]
    assert held(there, "refs/sessions") == {REF}
    assert named(here) == []
