"""The seal lock: who waits, for how long, and what becomes of what a dead holder left."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from git_exp import errors, fsck, ledger, locks, seal, tracking
from git_exp.git import refs
from tests.conftest import Exp
from tests.spooled import Spooled, found, get, opened, values, waiting, whole

Git = Callable[..., str]
LOCK = "refs/notes/exp.lock"
ENDING = """
import sys
from git_exp import Experiment, locks
from git_exp.git import refs
locks.PATIENCE, refs.PATIENCE = 0.2, 0.2
exp = Experiment("ends")
exp.track(1)
print(exp.run_id, flush=True)
exp.finish()
sys.exit(7)
"""
HOLDING = """
import os, signal, sys
from pathlib import Path
from git_exp import locks
from tests.spooled import found
with locks.held(found(Path.cwd())):
    print("held", flush=True)
    sys.stdin.read()
"""


def python(script: str, *args: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    words = (sys.executable, "-c", script, *args)
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env)


@contextmanager
def another_holder() -> Iterator[subprocess.Popen[str]]:
    """A process that has the seal lock, and lets go of it at the end of its input."""
    with python(HOLDING) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child


def stale(path: Path, *, age: float = 60.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.slow
def test_who_ends_beside_a_stopped_sealer_leaves_a_complete_spool_and_one_line(
    repo: Path, git: Git, exp: Exp
) -> None:
    with another_holder() as holder:
        holder.send_signal(signal.SIGSTOP)

        children = [python(ENDING) for _ in range(3)]
        ended = [(child, *child.communicate()) for child in children]

        holder.send_signal(signal.SIGCONT)
    assert [child.returncode for child, _, _ in ended] == [7, 7, 7]
    for _, out, err in ended:
        assert err.splitlines() == [
            f"git-exp: run {out[:8]} stays in the spool until the next git exp command: "
            "another process has been sealing runs for 0 s"
        ]
    left = sorted(out.strip() for _, out, _ in ended)
    assert waiting(found(repo)) == left
    assert exp("log", "--format={id}").stdout.split() != []
    assert waiting(found(repo)) == []
    assert sorted(run.id for run in opened(repo).runs()) == left
    assert {run.status for run in opened(repo).runs()} == {"finished"}
    assert fsck.check(opened(repo)).findings == []


def test_a_run_that_another_holder_seals_meanwhile_needs_no_more_waiting(
    repo: Path, git: Git
) -> None:
    here = found(repo)
    run = Spooled(here).end()
    looked = []

    def sealed() -> bool:
        looked.append(waiting(here))
        return len(looked) == 3

    with another_holder(), locks.held_unless(here, sealed, wait=30) as lock:
        assert lock is None

    assert looked == [[run.run_id]] * 3


def test_a_sealer_that_waits_no_longer_than_it_was_told_says_for_how_long(
    repo: Path, git: Git
) -> None:
    Spooled(found(repo)).end()

    with another_holder(), pytest.raises(errors.StoreBusy, match="for 0 s") as raised:
        seal.complete(found(repo), wait=0)

    assert raised.value.hint == "nothing is lost: the next git exp command seals it"


SLOW_GIT = """#!/bin/sh
case "$*" in
*update-ref*)
    cat > "{here}/orders"
    echo > "{here}/ready"
    read go < "{here}/go"
    exec {git} "$@" < "{here}/orders";;
*) exec {git} "$@";;
esac
"""
SEALING = """
from pathlib import Path
from git_exp import seal
from tests.spooled import found
seal.complete(found(Path.cwd()))
"""


def test_the_git_of_a_killed_sealer_keeps_the_lock_while_it_lives(
    repo: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.end()
    slow = tmp_path / "bin"
    slow.mkdir()
    os.mkfifo(slow / "ready")
    os.mkfifo(slow / "go")
    real = subprocess.run(("which", "git"), capture_output=True, text=True).stdout.strip()
    (slow / "git").write_text(SLOW_GIT.format(here=slow, git=real))
    (slow / "git").chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{slow}:{os.environ['PATH']}")
        sealer = python(SEALING)
    (slow / "ready").read_text()
    sealer.kill()
    sealer.communicate()

    with pytest.raises(errors.StoreBusy):
        seal.complete(here, wait=0)
    (slow / "go").write_text("\n")
    report = seal.complete(here)

    assert report.sealed == [run.run_id]
    assert git("rev-list", "--count", "refs/notes/exp") == "1"
    assert values(opened(repo), run) == [1]
    assert not (repo / ".git/exp/seal.refs").exists()


@pytest.mark.parametrize("name", ["refs/notes/exp", "refs/exp/data/{}", "refs/runs/{}"])
def test_a_ref_lock_that_our_dead_process_left_is_removed(repo: Path, git: Git, name: str) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    git("update-ref", "-d", f"refs/runs/{run.run_id}")
    run.end()
    ref = name.format(run.run_id)
    marker = here.home / "seal.refs"
    marker.write_text(ref)
    os.utime(marker, (time.time() - 90,) * 2)
    lock = stale(refs.lock_of(here, ref))

    report = seal.complete(here)

    assert report.sealed == [run.run_id]
    assert not lock.exists()
    assert not marker.exists()
    assert values(opened(repo), run) == [1]


def test_a_lock_from_before_our_dead_process_is_somebody_else_s(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here).end()
    (here.home / "seal.refs").write_text("refs/notes/exp")
    lock = stale(refs.lock_of(here, "refs/notes/exp"))

    with pytest.raises(errors.RefLocked):
        seal.complete(here, wait=0)

    assert lock.exists()
    assert waiting(here) == [run.run_id]


@pytest.mark.parametrize("text", [b"", b"\0" * 200, b"\xff\xfe", b"../../../x\nrefs/a\0b\n/etc"])
def test_a_marker_that_a_power_cut_left_as_garbage_stops_nobody(
    repo: Path, git: Git, text: bytes
) -> None:
    here = found(repo)
    run = Spooled(here).end()
    (here.home / "seal.refs").write_bytes(text)

    assert seal.complete(here).sealed == [run.run_id]

    assert not (here.home / "seal.refs").exists()


def test_somebody_else_s_lock_is_named_with_the_way_out_and_nothing_is_lost(
    repo: Path, git: Git, exp: Exp
) -> None:
    lock = stale(repo / ".git" / LOCK)

    with python(ENDING) as child:
        out, err = child.communicate()

    assert child.returncode == 7
    (line,) = err.splitlines()
    assert f"'{lock}' exists" in line
    assert waiting(found(repo)) == [out.strip()]
    assert lock.exists()
    (finding, *_) = fsck.check(opened(repo)).findings
    assert finding.what == f"'{lock}' has been there for a while"
    assert finding.hint == f"if no git process is running in this repository: rm '{lock}'"
    assert f"rm '{lock}'" in exp("fsck", code=1).stderr
    lock.unlink()
    exp("fsck", "--repair")
    assert [run.status for run in opened(repo).runs()] == ["finished"]


def test_somebody_else_s_lock_stays_though_we_failed_on_it_before(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here).end()
    lock = stale(repo / ".git" / LOCK)

    for _ in range(3):
        with pytest.raises(errors.RefLocked):
            seal.complete(here, wait=0)

    assert lock.exists()
    lock.unlink()
    assert seal.complete(here).sealed == [run.run_id]


def test_nobody_waits_longer_for_a_ref_than_for_the_seal_lock(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = [0.0]
    now = time.monotonic()
    monkeypatch.setattr(time, "sleep", lambda s: slept.__setitem__(0, slept[0] + s))
    monkeypatch.setattr(time, "monotonic", lambda: now + slept[0])

    def locked(*_: object) -> None:
        slept[0] += 0.005
        raise errors.RefLocked("refs/notes/exp", LOCK)

    monkeypatch.setattr(ledger, "_attempt", locked)
    Spooled(found(repo)).end()

    with pytest.raises(errors.RefLocked):
        seal.complete(found(repo))
    with locks.held(found(repo)) as lock:
        begun = slept[0]
        slept[0] += 29
        with pytest.raises(errors.RefLocked):
            ledger.write(found(repo), lock, lambda *_: ledger.Plan(subject="x", lines={}))

    assert 10 <= begun < 11
    assert 30 <= slept[0] - begun < 30.5


@pytest.mark.parametrize("kind", ["refs/runs", "refs/exp/data"])
def test_a_lock_on_a_dead_run_s_ref_is_removed_and_stops_nobody(
    repo: Path, git: Git, kind: str
) -> None:
    here = found(repo)
    killed, other = Spooled(here), Spooled(here)
    for run in (killed, other):
        run.track(1)
        git("update-ref", "-d", f"refs/runs/{run.run_id}")
        run.die()
    lock = stale(refs.lock_of(here, f"{kind}/{killed.run_id}"))

    report = seal.complete(here, wait=0)

    assert sorted(report.sealed) == sorted([killed.run_id, other.run_id])
    assert not lock.exists()
    assert fsck.check(opened(repo)).findings == []
    assert whole(repo) == ""


def test_a_fresh_lock_on_a_dead_run_s_ref_gets_its_second(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.end()
    lock = stale(refs.lock_of(here, f"refs/exp/data/{run.run_id}"), age=0)
    monkeypatch.setattr(time, "sleep", lambda _: lock.unlink())

    assert seal.complete(here).sealed == [run.run_id]


def test_a_lock_from_the_future_is_not_waited_for(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.end()
    lock = stale(refs.lock_of(here, f"refs/exp/data/{run.run_id}"), age=-7200)
    slept = [0.0]
    now = time.monotonic()
    monkeypatch.setattr(time, "sleep", lambda s: slept.__setitem__(0, slept[0] + s))
    monkeypatch.setattr(time, "monotonic", lambda: now + slept[0])

    assert seal.complete(here).sealed == [run.run_id]

    assert slept[0] < 2
    assert not lock.exists()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_made_while_a_thread_seals_does_not_keep_the_lock(repo: Path, git: Git) -> None:
    here = found(repo)
    ours, theirs = socket.socketpair()
    with locks.held(here):
        pid = os.fork()
        if pid == 0:
            theirs.send(b"alive")
            theirs.recv(1)
            os._exit(0)
        assert ours.recv(5) == b"alive"

    with locks.held(here, wait=0):
        pass

    ours.send(b"x")
    os.waitpid(pid, 0)
    ours.close()
    theirs.close()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_where_flock_does_not_work_the_error_is_clear_and_nothing_is_left(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    before = sorted(path for path in (repo / ".git").rglob("*") if "objects" not in path.parts)
    monkeypatch.setattr(fcntl, "flock", refuse)

    with pytest.raises(errors.RepositoryError, match="file locks do not work at") as raised:
        tracking.Experiment("x")

    assert raised.value.hint == (
        "keep the repository on a file system with flock (on Windows: use WSL)"
    )
    assert git("for-each-ref", "refs/runs", "refs/notes", "refs/exp") == ""
    left = {path for path in (repo / ".git").rglob("*") if "objects" not in path.parts}
    ours = {"exp", "exp/spool", "exp/tmp"}
    new = {str(path.relative_to(repo / ".git")) for path in left - set(before)}
    assert new <= ours
    with pytest.raises(errors.RepositoryError, match="file locks do not work at"):
        seal.so_far(found(repo), [])


def test_an_error_of_flock_that_has_another_reason_is_not_explained_away(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)

    with pytest.raises(OSError, match="Input/output error"), locks.held(found(repo)):
        pass


def test_what_cannot_be_written_is_named(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / ".git/exp").write_text("no folder")

    with (
        pytest.raises(errors.WriteFailed, match=r"cannot write '.*seal.lock': File exists"),
        locks.held(found(repo)),
    ):
        pass


def test_a_marker_that_cannot_be_written_stops_the_write(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here).end()
    (here.home / "seal.refs").mkdir()
    monkeypatch.setattr(locks, "_clear", lambda _: None)

    with pytest.raises(errors.WriteFailed, match=r"seal\.refs': Is a directory"):
        seal.complete(here, wait=0)

    (here.home / "seal.refs").rmdir()
    assert seal.complete(here).sealed == [run.run_id]
    assert get(opened(repo), run).status == "finished"
