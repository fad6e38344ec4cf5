"""Sessions go along with runs: they meet as events, and what cannot go or come is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from git_exp import Experiment, share
from git_exp.git import refs
from git_exp.git.refs import Change
from git_exp.session import ExperimentConfig, ExperimentResult, cargo, events, history
from git_exp.session.cargo import Sessions
from git_exp.session.history import Happening, Session
from git_exp.share import Pulled, Pushed
from tests.share.hostile import Evil
from tests.share.test_servers import between, held, hook
from tests.share.world import Clone, clone, git, server
from tests.spooled import leave_marker

pytestmark = pytest.mark.usefixtures("plain_rules")
CONFIG = ExperimentConfig(goal="a faster kernel", primary_metric="ms", direction="minimize")
REF = "refs/sessions/kernels"
THEIRS = "refs/exp/remotes/origin/sessions/kernels"
SESSIONS = Sessions()


def result(name: str, value: float = 1.0, run: str | None = None) -> Happening:
    made = ExperimentResult(
        experiment_name=name, iteration=0, metrics={"ms": value}, run_id=run, hypothesis=""
    )
    return lambda state, now: events.Result(t=now, result=made)


def begun(here: Clone, session_id: str = "kernels") -> Session:
    return history.start(here.store.repo, CONFIG, session_id=session_id)


def added(here: Clone, name: str, session_id: str = "kernels") -> Session:
    return history.add(here.store.repo, session_id, result(name))


def pushed(here: Clone) -> Pushed:
    return share.push(here.store, cargo=SESSIONS)


def pulled(here: Clone) -> Pulled:
    return share.pull(here.store, cargo=SESSIONS)


def named(here: Clone) -> list[str]:
    """The names of the experiments in a session."""
    state = history.read(here.store.repo, "kernels").state
    return [one.experiment_name for one in state.experiments]


def tip(where: Path, ref: str = REF) -> str:
    return git(where, "rev-parse", "--verify", "-q", ref, code=None)


@contextmanager
def trips(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The commands of git that went to a remote meanwhile."""
    trace, found = folder / "trace", list[str]()
    trace.unlink(missing_ok=True)
    with patch.context() as traced:
        traced.setenv("GIT_TRACE", str(trace))
        yield found
    found += re.findall(r"built-in: git (fetch|ls-remote|push) ", trace.read_text())


def test_two_clones_have_the_same_events_and_the_same_tip_after_a_round(
    here: Clone, mate: Clone, there: Path
) -> None:
    begun(here)

    assert pushed(here).sessions.sent == ["kernels"]
    assert pulled(mate).sessions.new == ["kernels"]
    added(here, "ours")
    added(mate, "theirs")
    assert pushed(here).sessions.sent == ["kernels"]
    done = pushed(mate)
    assert (done.sessions.sent, done.sessions.updated) == (["kernels"], ["kernels"])
    assert pulled(here).sessions.updated == ["kernels"]
    assert sorted(named(here)) == ["ours", "theirs"]
    assert tip(here.path) == tip(mate.path) == tip(there)
    assert git(there, "log", "-1", "--format=%s", REF) == "merge 1 event"
    assert pulled(mate).sessions == share.Carried()
    assert pushed(here).sessions == pushed(mate).sessions == share.Carried()


def test_merges_of_the_same_on_both_sides_end(here: Clone, mate: Clone, there: Path) -> None:
    """Each has merged the other's by itself, and goes on from there: that too only goes forward."""
    begun(here)
    pushed(here)
    pulled(mate)
    ours, theirs = added(here, "ours").commit, added(mate, "theirs").commit
    here.git("fetch", "-q", mate.path, REF)
    mate.git("fetch", "-q", here.path, REF)
    history.merge(here.store.repo, "kernels", theirs)
    history.merge(mate.store.repo, "kernels", ours)
    assert tip(here.path) != tip(mate.path)
    pushed(here)

    assert pushed(mate).sessions.sent == []
    assert tip(mate.path) == tip(there)
    refs.update(mate.store.repo, [Change(name=REF, new=theirs, old=tip(mate.path))])
    history.merge(mate.store.repo, "kernels", ours)
    added(mate, "more")
    assert pushed(mate).sessions.sent == ["kernels"]
    pulled(here)
    assert tip(here.path) == tip(mate.path) == tip(there)
    assert sorted(named(here)) == ["more", "ours", "theirs"]


def test_a_remote_that_has_moved_meanwhile_gets_both(
    here: Clone, mate: Clone, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(here)
    pushed(here)
    pulled(mate)
    added(here, "ours")
    added(mate, "theirs")
    sends = between(monkeypatch, "_sent", lambda: pushed(mate))

    done = pushed(here)

    assert done.sessions.sent == ["kernels"]
    assert len(sends) == 3, "mate's, ours that came late, and ours again"
    assert sorted(named(here)) == ["ours", "theirs"]
    assert tip(here.path) == tip(there)


@pytest.mark.parametrize("rewritten", [True, False], ids=["rewritten", "removed"])
def test_what_is_taken_away_there_meanwhile_is_looked_at_again(
    here: Clone, mate: Clone, there: Path, monkeypatch: pytest.MonkeyPatch, rewritten: bool
) -> None:
    begun(here)
    pushed(here)
    pulled(mate)
    base = tip(mate.path)
    added(mate, "gone")
    pushed(mate)
    added(here, "ours")
    refs.update(mate.store.repo, [Change(name=REF, new=base, old=tip(mate.path))])
    added(mate, "instead")
    take = ["-f", "origin", REF] if rewritten else ["origin", f":{REF}"]
    between(monkeypatch, "_items", lambda: mate.git("push", "-q", *take))

    assert pushed(here).sessions.sent == ["kernels"]
    assert sorted(named(here)) == (["instead", "ours"] if rewritten else ["ours"])
    assert tip(here.path) == tip(there)


@pytest.mark.slow
@pytest.mark.parametrize("notes", [True, False], ids=["with-notes", "without-notes"])
@pytest.mark.parametrize("sessions", [True, False], ids=["with-sessions", "without-sessions"])
def test_a_remote_may_have_notes_sessions_both_or_neither(
    here: Clone, mate: Clone, notes: bool, sessions: bool
) -> None:
    ids = [here.run().id] if notes else []
    if sessions:
        begun(here)
    pushed(here)

    done = pulled(mate)

    assert mate.runs() == ids
    assert done.sessions.new == (["kernels"] if sessions else [])
    assert pulled(mate).sessions == share.Carried()


def test_no_trip_to_the_remote_is_added(
    here: Clone, mate: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.run()
    begun(here)
    with trips(tmp_path, monkeypatch) as sent:
        pushed(here)
    with trips(tmp_path, monkeypatch) as came:
        pulled(mate)
    with trips(tmp_path, monkeypatch) as again:
        pushed(here)
    with trips(tmp_path, monkeypatch) as plain:
        share.push(here.store)

    assert sent == ["ls-remote", "push", "push", "push"], "the code, the records, the session"
    assert came == ["fetch"]
    assert again == plain == ["ls-remote"]
    assert named(mate) == []


def test_where_there_are_no_sessions_what_reads_them_is_not_loaded(
    here: Clone, mate: Clone
) -> None:
    here.run()
    code = (
        "import os, sys, pathlib\n"
        "from git_exp import share\n"
        "from git_exp.index.search import Indexed\n"
        "from git_exp.session.cargo import Sessions\n"
        "store = Indexed.open(pathlib.Path.cwd(), os.environ)\n"
        "share.push(store, cargo=Sessions())\n"
        "share.pull(store, cargo=Sessions())\n"
        "print('git_exp.session.history' in sys.modules)\n"
    )

    def loads() -> str:
        words = (sys.executable, "-c", code)
        return subprocess.run(words, cwd=here.path, capture_output=True, text=True).stdout

    assert loads() == "False\n"
    begun(mate)
    pushed(mate)
    assert loads() == "True\n"
    assert loads() == "False\n", "what is the same on both sides is not read"


@pytest.mark.parametrize("notes", [True, False], ids=["with-notes", "without-notes"])
def test_what_is_gone_over_there_stays_here_and_is_followed_no_more(
    here: Clone, mate: Clone, there: Path, notes: bool
) -> None:
    if notes:
        here.run()
    begun(here)
    pushed(here)
    pulled(mate)
    git(there, "update-ref", "-d", REF)
    # Nobody's session, and in the way of the ref that follows what is gone.
    git(there, "update-ref", f"{REF}/deeper", tip(mate.path))
    lock = refs.lock_of(mate.store.repo, THEIRS)
    lock.touch()
    os.utime(lock, (1, 1))

    done = pulled(mate)

    assert done.sessions == share.Carried()
    assert named(mate) == []
    assert not tip(mate.path, THEIRS)
    git(there, "update-ref", "-d", f"{REF}/deeper")
    assert pushed(mate).sessions.sent == ["kernels"]


def test_one_that_began_twice_is_told_and_stops_nobody(
    here: Clone, mate: Clone, there: Path
) -> None:
    begun(here)
    pushed(here)
    begun(mate)
    begun(mate, "other")
    before = tip(there)

    done = pushed(mate)

    assert done.sessions.sent == ["other"]
    why = "session 'kernels' began twice, here and elsewhere"
    assert done.sessions.passed_over == {"kernels": why}
    assert pulled(mate).sessions.passed_over == {"kernels": why}
    assert pulled(here).sessions.new == ["other"]
    assert tip(there) == before != tip(mate.path)


def test_what_is_no_session_over_there_is_passed_over(
    here: Clone, mate: Clone, there: Path
) -> None:
    evil = Evil(there)
    blob = evil.blob(b"no session")
    begun(here)
    pushed(here)
    odd = {
        "a-branch": tip(there, "refs/heads/main"),
        "a-blob": blob,
        "no-beginning": evil.commit(
            evil.tree(("100644", b"events.jsonl", evil.blob(b'{"t":"x"}\n')))
        ),
        "a-folder": evil.commit(evil.tree(("40000", b"events.jsonl", evil.tree()))),
    }
    for name, oid in {**odd, "deep/er": tip(there), "a.dot": tip(there)}.items():
        git(there, "update-ref", f"refs/sessions/{name}", oid)

    done = pulled(mate)

    assert done.sessions.new == ["kernels"]
    assert sorted(done.sessions.passed_over) == sorted(odd)
    assert held(mate.path, "refs/sessions") == {REF}


def test_one_that_is_too_large_is_passed_over(
    here: Clone, mate: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(here)
    begun(here, "other")
    for at in range(8):
        added(here, f"{at}" * 100)
    pushed(here)
    monkeypatch.setattr(cargo, "LARGEST", 2048)

    done = pulled(mate)

    assert done.sessions.new == ["other"]
    assert list(done.sessions.passed_over) == ["kernels"]
    assert "is larger than" in done.sessions.passed_over["kernels"]
    added(here, "more")
    assert "is larger than" in pushed(here).sessions.passed_over["kernels"]


def test_an_object_that_git_finds_fault_with_holds_back_its_session_alone(
    here: Clone, mate: Clone, there: Path
) -> None:
    run = here.run()
    begun(here)
    pushed(here)
    evil = Evil(there)
    raw = b"tree %b\nauthor a <a@b> 1 +0000\ncommitter <> 1 +0000\n\nx\n"
    bad = evil.write("commit", raw % tip(there, f"{REF}^{{tree}}").encode())
    git(there, "update-ref", "refs/sessions/bad", bad)

    done = pulled(mate)

    assert mate.runs() == [run.id]
    assert done.sessions.new == ["kernels"]
    assert list(done.sessions.passed_over) == ["bad"]
    assert not tip(mate.path, "refs/exp/remotes/origin/sessions/bad")


def test_a_server_that_refuses_sessions_gets_all_else(here: Clone, there: Path) -> None:
    hook(there, "update", 'case "$1" in refs/sessions/kernels) echo no; exit 1;; esac')
    run = here.run()
    begun(here)
    begun(here, "other")

    done = pushed(here)

    assert done.refused == {REF: "hook declined"}
    assert done.sessions.sent == ["other"]
    assert done.runs == [run.id]
    assert len(done.records) == 1
    assert held(there, "refs/sessions") == {"refs/sessions/other"}


def test_a_hook_that_takes_all_or_nothing_gets_the_others(here: Clone, there: Path) -> None:
    hook(there, "pre-receive", "! grep -q refs/sessions/kernels")
    for name in ("alpha", "kernels", "zeta"):
        begun(here, name)

    done = pushed(here)

    assert list(done.refused) == [REF]
    assert done.sessions.sent == ["alpha", "zeta"]


@pytest.mark.parametrize("before", ["", "\udcff "], ids=["as it is", "after what is no text"])
def test_a_secret_in_an_event_stays_with_its_session_and_stops_nobody(
    before: str, here: Clone, there: Path
) -> None:
    run = here.run()
    begun(here)
    begun(here, "other")
    added(here, before + "ghp_" + "a9Zk" * 9)

    for report in (share.preview(here.store, cargo=SESSIONS), pushed(here), pushed(here)):
        line = report.sessions.withheld["kernels"]
        assert line.startswith("it may hold a secret: sessions/kernels: records:2: github-token")

    assert {"refs/sessions/other", f"refs/runs/{run.id}"} <= set(held(there))
    assert REF not in held(there)
    allow = [line.partition("(id ")[2].rstrip(")")]
    assert share.push(here.store, cargo=SESSIONS, allow=allow).sessions.sent == ["kernels"]
    added(here, "more")
    assert pushed(here).sessions.sent == ["kernels"], "what is there already is not looked at"


def test_a_session_that_names_a_private_run_stays(
    here: Clone, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here.path)
    begun(here)
    begun(here, "other")
    with Experiment("hidden", private=True) as hidden:
        run_id = str(hidden.run_id)
        history.add(here.store.repo, "kernels", result("hidden", run=run_id))
        assert list(share.preview(here.store, cargo=SESSIONS).sessions.withheld) == ["kernels"]

    done = pushed(here)

    why = f"it names the private run {run_id[:8]}"
    assert done.sessions.withheld == {"kernels": why}
    assert done.sessions.sent == ["other"]
    assert held(there, "refs/sessions") == {"refs/sessions/other"}
    run = here.store.get(run_id)
    assert run
    here.store.remove([run])
    assert pushed(here).sessions.withheld == {"kernels": why}, "though it was deleted"


def test_with_runs_no_session_goes(here: Clone, there: Path) -> None:
    run = here.run()
    begun(here)

    done = share.push(here.store, None, [run], cargo=SESSIONS)

    assert (done.runs, done.sessions.sent) == ([run.id], [])
    assert not held(there, "refs/sessions")


def test_a_dry_run_says_what_would_go_and_moves_nothing(
    here: Clone, mate: Clone, there: Path
) -> None:
    begun(here)
    pushed(here)
    pulled(mate)
    added(here, "ours")
    pushed(here)
    begun(mate, "other")
    before = held(there), tip(mate.path)

    assert share.preview(mate.store, cargo=SESSIONS).sessions.sent == ["other"]
    assert (held(there), tip(mate.path)) == before


def test_the_lock_of_a_git_that_was_killed_is_in_nobodys_way(here: Clone, mate: Clone) -> None:
    here.run()
    begun(here)
    pushed(here)
    pulled(mate)
    added(here, "ours")
    pushed(here)
    repo = mate.store.repo
    for name in (REF, THEIRS):
        lock = refs.lock_of(repo, name)
        lock.touch()
        os.utime(lock, (1, 1))
    leave_marker(repo, REF)

    assert pulled(mate).sessions.updated == ["kernels"]
    assert named(mate) == ["ours"]


def test_a_gc_takes_nothing_that_came(here: Clone, mate: Clone, there: Path) -> None:
    begun(here)
    pushed(here)
    begun(mate)
    pulled(mate)

    mate.git("gc", "-q", "--prune=now")

    assert mate.git("cat-file", "-t", tip(there)) == "commit", "though it could not be merged"


@pytest.mark.slow
def test_all_who_push_at_once_have_their_events_there(
    here: Clone, there: Path, tmp_path: Path
) -> None:
    begun(here)
    pushed(here)
    mates = [clone(there, tmp_path / f"mate{at}") for at in range(3)]
    for at, one in enumerate(mates):
        pulled(one)
        added(one, f"of {at}")
    words = (sys.executable, "-m", "git_exp", "push")
    children = [subprocess.Popen(words, cwd=one.path, stdout=-3, stderr=-3) for one in mates]

    assert [one.wait() for one in children] == [0, 0, 0]

    pulled(here)
    assert sorted(named(here)) == ["of 0", "of 1", "of 2"]
    for one in mates:
        pulled(one)
        assert tip(one.path) == tip(there)


@pytest.mark.slow
def test_many_go_at_once(here: Clone, mate: Clone, tmp_path: Path) -> None:
    made = [f"s{at:03}" for at in range(120)]
    first = begun(here, made[0]).commit
    for name in made[1:]:
        here.git("update-ref", f"refs/sessions/{name}", first)

    assert pushed(here).sessions.sent == made
    assert pulled(mate).sessions.new == made
    for name in made:
        added(here, "ours", name) if name < "s003" else None
        added(mate, "theirs", name)
    assert pushed(here).sessions.sent == made[:3]
    assert pushed(mate).sessions.updated == made[:3]
    other = server(tmp_path / "other.git")
    assert share.push(mate.store, str(other), cargo=SESSIONS).sessions.sent == made
