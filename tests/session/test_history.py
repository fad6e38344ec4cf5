"""A session in git: one commit an event, moved by compare-and-swap, merged as events."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import BadField, BadName, Experiment, NotFound, errors
from git_exp.git import refs
from git_exp.git.refs import Change
from git_exp.git.repo import Repo
from git_exp.run import Run
from git_exp.session import (
    ExperimentConfig,
    ExperimentResult,
    ExperimentState,
    events,
    files,
    history,
    machine,
    tried,
)
from git_exp.session.events import Event
from git_exp.session.history import Session
from tests import programs
from tests.conftest import Exp
from tests.spooled import found, leave_marker

Git = Callable[..., str]
CONFIG = ExperimentConfig(goal="a faster kernel", primary_metric="ms", direction="minimize")


def result(value: float, name: str = "one", run: str | None = None) -> history.Happening:
    def happens(state: ExperimentState, now: float) -> Event:
        made = ExperimentResult(
            experiment_name=name,
            iteration=state.current_iteration,
            metrics={"ms": value},
            run_id=run,
        )
        return events.Result(t=now, result=made)

    return happens


def pause(state: ExperimentState, now: float) -> Event | None:
    return None if state.is_paused else events.Pause(t=now)


@pytest.fixture
def here(repo: Path) -> Repo:
    return found(repo)


@pytest.fixture
def session(here: Repo) -> Session:
    return history.start(here, CONFIG, session_id="kernels")


def test_the_log_of_its_ref_reads_as_the_story_of_a_session(
    here: Repo, session: Session, git: Git
) -> None:
    history.add(here, "kernels", result(12.5, "baseline"))
    history.add(here, "kernels", result(11.0, "unrolled", run="1" * 40))
    history.add(here, "kernels", result(13, "vector\x1bized\nloop"))
    history.add(here, "kernels", pause)
    history.add(here, "kernels", lambda state, now: events.Stop(t=now))

    assert git("log", "--format=%B---", "refs/sessions/kernels") == (
        "stop: Agent determined further improvement unlikely\n\n"
        "The session ends: Agent determined further improvement unlikely\n---\n"
        "pause\n---\n"
        "iteration 3: ms 13, vector^[ized loop\n---\n"
        f"iteration 2: ms 11 (best), unrolled\n\nExp-Run: {'1' * 40}\n---\n"
        "iteration 1: ms 12.5 (best), baseline\n---\n"
        "start: a faster kernel\n---"
    )


def test_each_commit_has_the_events_and_the_state_that_they_fold_to(
    here: Repo, session: Session, git: Git
) -> None:
    history.add(here, "kernels", result(12.5))
    after = history.add(here, "kernels", pause)

    listed = git("ls-tree", "--name-only", "refs/sessions/kernels").split("\n")
    lines = [
        files.parse(line.encode())
        for line in git("show", "refs/sessions/kernels:events.jsonl").splitlines()
    ]
    text = git("show", "refs/sessions/kernels:state.json").encode()

    assert listed == ["events.jsonl", "state.json"]
    first, *rest = [one for one in lines if one]
    assert isinstance(first, events.Start)
    assert machine.folded(first, rest) == after.state
    assert files.read(ExperimentState, text, "it") == after.state
    assert history.read(here, "kernels") == after


def test_nothing_else_is_touched_and_no_reflog_is_made(
    here: Repo, repo: Path, session: Session, git: Git
) -> None:
    before = git("status", "--porcelain=v2", "--branch"), (repo / ".git/index").read_bytes()

    history.add(here, "kernels", result(12.5))

    assert before == (
        git("status", "--porcelain=v2", "--branch"),
        (repo / ".git/index").read_bytes(),
    )
    assert not (repo / ".git/logs/refs/sessions").exists()


def test_what_need_not_happen_adds_nothing(here: Repo, session: Session) -> None:
    paused = history.add(here, "kernels", pause)

    assert history.add(here, "kernels", pause) == paused


def test_a_session_cannot_begin_twice_and_another_is_not_there(
    here: Repo, session: Session
) -> None:
    with pytest.raises(errors.Refused, match="there is a session 'kernels' already"):
        history.start(here, CONFIG, session_id="kernels")
    with pytest.raises(NotFound, match="no session 'other'"):
        history.read(here, "other")
    for name in ("", "-x", "a/b", "..", "a.lock", "a b", "x" * 65):
        with pytest.raises(BadName, match="bad session id"):
            history.start(here, CONFIG, session_id=name)


def test_a_result_is_dated_as_its_run_where_that_is_later(
    here: Repo, session: Session, git: Git
) -> None:
    run = "12345678-1234-4234-8234-123456789abc"
    later = git("commit-tree", "HEAD^{tree}", "-m", "run")
    git("update-ref", f"refs/runs/{run}", later)
    dated = int(git("log", "-1", "--format=%ct", later))
    assert int(git("log", "-1", "--format=%ct", session.commit)) < dated

    history.add(here, "kernels", result(1.0, run=run))
    history.add(here, "kernels", pause)

    dates = git("log", "--format=%ct", "refs/sessions/kernels").split()
    assert list(map(int, dates[:2])) == [dated, dated]


def test_what_is_known_counts_only_where_it_still_stands(here: Repo, session: Session) -> None:
    newer = history.add(here, "kernels", result(2.0), known=session)

    older = history.add(here, "kernels", result(1.0), known=session)

    assert [one.metrics["ms"] for one in newer.state.experiments] == [2.0]
    assert [one.metrics["ms"] for one in older.state.experiments] == [2.0, 1.0]
    assert history.read(here, "kernels") == older


def test_times_go_forward_though_a_clock_goes_back(
    here: Repo, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1_000_000_000_000_000_000)
    first = history.add(here, "kernels", result(2.0))
    second = history.add(here, "kernels", result(1.0))

    times = [line[6:33] for line in second.lines]
    assert times == sorted(set(times))
    assert [one.metrics["ms"] for one in second.state.experiments] == [2.0, 1.0]
    assert first.lines == second.lines[:-1]


def test_only_what_is_over_and_no_result_yet_is_left_the_oldest_first(session: Session) -> None:
    def run(name: str, started: str, status: str = "finished") -> Run:
        return Run(id=name, commit="c", name=name, status=status, started=started)

    told = ExperimentResult(experiment_name="a", iteration=1, run_id="known")
    state = machine.step(session.state, events.Result(t=session.state.updated_at, result=told))
    runs = [run("late", "2026-01-02"), run("live", "2026-01-01", "running"),
            run("known", "2026-01-01"), run("early", "2026-01-01", "crashed")]  # fmt: skip

    assert [one.id for one in tried.unrecorded(runs, state)] == ["early", "late"]


def test_sessions_are_listed_the_newest_first(
    here: Repo, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.start(here, CONFIG, session_id="other")
    monkeypatch.setattr("time.time_ns", lambda: 4_000_000_000_000_000_000)
    history.add(here, "kernels", result(1.0))

    assert history.ids(here) == ["kernels", "other"]


@pytest.mark.slow
def test_of_many_writers_at_once_each_adds_its_own(
    repo: Path, here: Repo, session: Session
) -> None:
    code = (
        "import os, sys, pathlib\n"
        "from git_exp.git.repo import discover\n"
        "from git_exp.session import ExperimentResult, events, history\n"
        "repo = discover(pathlib.Path.cwd(), dict(os.environ))\n"
        "for at in range(10):\n"
        "    made = ExperimentResult(experiment_name=f'{sys.argv[1]}-{at}', iteration=at)\n"
        "    history.add(repo, 'kernels', lambda state, now: events.Result(t=now, result=made))\n"
    )
    writers = [subprocess.Popen((sys.executable, "-c", code, name)) for name in "abcd"]

    assert [one.wait() for one in writers] == [0] * 4

    after = history.read(here, "kernels")
    names = sorted(one.experiment_name for one in after.state.experiments)
    assert names == sorted(f"{name}-{at}" for name in "abcd" for at in range(10))
    assert list(after.lines) == sorted(after.lines)


def _forked(here: Repo) -> tuple[str, str]:
    """Two histories of one session: each has a result that the other has not."""
    base = history.read(here, "kernels").commit
    ours = history.add(here, "kernels", result(12.0, "ours")).commit
    refs.update(here, [Change(name="refs/sessions/kernels", new=base, old=ours)])
    theirs = history.add(here, "kernels", result(11.0, "theirs")).commit
    refs.update(here, [Change(name="refs/sessions/kernels", new=ours, old=theirs)])
    return ours, theirs


def test_two_histories_merge_as_events(here: Repo, session: Session, git: Git) -> None:
    ours, theirs = _forked(here)

    merged = history.merge(here, "kernels", theirs)

    assert [one.experiment_name for one in merged.state.experiments] == ["ours", "theirs"]
    assert merged.state.best_experiment == "theirs"
    parents = git("log", "-1", "--format=%P %s", "refs/sessions/kernels")
    assert parents == f"{ours} {theirs} merge 1 event"


def test_a_merge_of_equal_content_moves_nothing_and_ends(here: Repo, session: Session) -> None:
    ours, theirs = _forked(here)
    merged = history.merge(here, "kernels", theirs)

    assert history.merge(here, "kernels", theirs) == merged
    assert history.merge(here, "kernels", ours) == merged
    refs.update(here, [Change(name="refs/sessions/kernels", new=theirs, old=merged.commit)])
    assert history.merge(here, "kernels", merged.commit) == merged
    refs.update(here, [Change(name="refs/sessions/kernels", new=None, old=merged.commit)])
    assert history.merge(here, "kernels", merged.commit) == merged


def test_what_both_sides_merged_by_themselves_meets_again(
    here: Repo, session: Session, git: Git
) -> None:
    """A remote's ref only goes forward: what is merged has theirs in its history, or is theirs."""
    ours, theirs = _forked(here)
    mine = history.merge(here, "kernels", theirs)
    refs.update(here, [Change(name="refs/sessions/kernels", new=theirs, old=mine.commit)])
    other = history.merge(here, "kernels", ours)
    assert (mine.lines, mine.state) == (other.lines, other.state)
    assert mine.commit != other.commit

    assert history.merge(here, "kernels", mine.commit) == mine
    more = history.add(here, "kernels", result(10.0, "more"))
    assert history.merge(here, "kernels", other.commit).lines == more.lines
    git("merge-base", "--is-ancestor", other.commit, "refs/sessions/kernels")
    git("merge-base", "--is-ancestor", more.commit, "refs/sessions/kernels")


def test_the_lock_of_a_git_that_was_killed_is_in_nobodys_way(repo: Path, here: Repo) -> None:
    lock = repo / ".git/refs/sessions/kernels.lock"

    def locked() -> None:
        lock.parent.mkdir(exist_ok=True)
        lock.touch()
        os.utime(lock, (1, 1))
        leave_marker(here, "refs/sessions/kernels")

    locked()
    history.start(here, CONFIG, session_id="kernels")
    locked()
    history.add(here, "kernels", result(12.0))

    assert history.read(here, "kernels").state.best_metric == 12.0
    assert not lock.exists()


@pytest.mark.slow
def test_the_lock_of_a_git_that_lives_is_waited_for(repo: Path, here: Repo) -> None:
    history.start(here, CONFIG, session_id="kernels")
    before = history.read(here, "kernels").commit
    lock = repo / ".git/refs/sessions/kernels.lock"
    writer = threading.Thread(target=history.add, args=(here, "kernels", result(12.0)))
    words = ("git", "update-ref", "--stdin")
    with subprocess.Popen(words, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdin
        assert other.stdout
        other.stdin.write(f"start\nupdate refs/sessions/kernels {before} {before}\nprepare\n")
        other.stdin.flush()
        assert other.stdout.readline() == "start: ok\n"
        assert other.stdout.readline() == "prepare: ok\n"
        os.utime(lock, (1, 1))

        writer.start()
        writer.join(1.5)

        assert writer.is_alive()
        assert lock.exists()
        other.communicate("commit\n")
    writer.join(20)

    assert other.returncode == 0
    assert history.read(here, "kernels").state.best_metric == 12.0


def test_sessions_that_began_apart_do_not_merge(here: Repo, session: Session) -> None:
    ours = history.read(here, "kernels").commit
    refs.update(here, [Change(name="refs/sessions/kernels", new=None, old=ours)])
    history.start(here, CONFIG, session_id="kernels")

    with pytest.raises(errors.Refused, match="began twice"):
        history.merge(here, "kernels", ours)


def _rewritten(here: Repo, text: bytes) -> None:
    from git_exp.git.objects import BLOB, Writer, ident

    tip = history.read(here, "kernels").commit
    writer = Writer(here)
    tree = writer.tree(None, {"events.jsonl": (BLOB, writer.blob(text))})
    who = ident(here, 0)
    made = writer.commit(tree, [tip], "odd\n", author=who, committer=who)
    refs.update(here, [Change(name="refs/sessions/kernels", new=made, old=tip)])


def test_a_damaged_line_is_passed_over_and_kept(here: Repo, session: Session) -> None:
    history.add(here, "kernels", result(12.0))
    odd = b'{"t":"9999","event":"result"}\n{"t":"2026-01-01T00:00:00.000000Z","event":"dream"}\n'
    _rewritten(here, b"".join(history.read(here, "kernels").lines) + odd)

    after = history.add(here, "kernels", result(11.0))

    assert (after.damaged, after.state.current_iteration) == (1, 2)
    assert set(odd.splitlines(keepends=True)) < set(after.lines)


def test_what_is_of_a_day_to_come_is_damage_and_moves_no_clock(
    here: Repo, session: Session
) -> None:
    far = b'{"t":"2999-01-01T00:00:00.000000Z","event":"phase","phase":"failed"}\n'
    _rewritten(here, b"".join(history.read(here, "kernels").lines) + far)

    after = history.add(here, "kernels", result(12.0))

    assert after.damaged == 1
    assert after.state.phase.value == "initializing"
    assert after.state.termination_reason is None
    assert after.lines[-1] == far
    assert history.read(here, "kernels").state == after.state


def test_the_ref_is_the_name_of_a_session_whatever_its_start_says(
    here: Repo, session: Session
) -> None:
    lines = [one.replace(b"kernels", b"../x") for one in history.read(here, "kernels").lines]
    _rewritten(here, b"".join(lines))

    assert history.read(here, "kernels").state.session_id == "kernels"


PAUSE = b'{"t":"2026-01-01T00:00:00.000000Z","event":"pause"}\n'


@pytest.mark.parametrize("text", [b"", b"no json\n", PAUSE])
def test_a_session_without_a_beginning_is_damaged(
    here: Repo, session: Session, text: bytes
) -> None:
    _rewritten(here, text)

    with pytest.raises(BadField, match="session 'kernels' is damaged: it has no beginning"):
        history.read(here, "kernels")


def test_what_is_no_session_is_told(here: Repo, git: Git) -> None:
    git("update-ref", "refs/sessions/odd", "HEAD")

    with pytest.raises(BadField, match=r"none of a session: no events\.jsonl"):
        history.read(here, "odd")


def test_a_gc_that_is_at_work_takes_nothing_of_a_session(repo: Path, here: Repo, git: Git) -> None:
    git("gc", "-q", "--prune=now")
    (repo / ".git/gc.pid").write_text(f"{os.getpid()} {os.uname().nodename}")

    history.start(here, CONFIG, session_id="kernels")
    history.add(here, "kernels", result(12.0))
    for path in (repo / ".git/objects").glob("[0-9a-f][0-9a-f]/*"):
        path.unlink()

    assert history.read(here, "kernels").state.best_metric == 12.0
    git("fsck", "--strict", "--connectivity-only")


def test_a_run_becomes_a_result(repo: Path, exp: Exp, here: Repo, session: Session) -> None:
    exp(
        "run",
        "-n",
        "tuned",
        "-p",
        "lr=0.1",
        "-p",
        "model=tree",
        "--",
        "sh",
        "-c",
        "echo METRIC ms=4.5",
    )
    exp("run", "-n", "broken", "--", "sh", "-c", "echo METRIC ms=1; exit 3", code=3)
    with pytest.raises(RuntimeError), Experiment("raised"):
        raise RuntimeError("no memory")
    raised, broken, tuned = programs.runs()

    made = [tried.result_of(one, session.state) for one in (tuned, broken, raised)]

    assert made[0].experiment_name == "tuned"
    assert (made[0].model_type, made[0].model_params) == ("tree", {"lr": 0.1, "model": "tree"})
    assert (made[0].metrics, made[0].success, made[0].error_message) == ({"ms": 4.5}, True, None)
    assert made[0].run_id == tuned.id
    assert made[0].execution_time > 0
    assert (made[1].success, made[1].error_message) == (False, "failed, exit code 3")
    assert (made[2].success, made[2].error_message) == (False, "RuntimeError: no memory")
    after = history.add(here, "kernels", lambda state, now: events.Result(t=now, result=made[0]))
    assert tried.is_recorded(tuned.id, after.state)
    assert not tried.is_recorded(broken.id, after.state)
