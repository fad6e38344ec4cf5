"""Whether a journal's writer lives: told by its lock, its boot and its machine."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from git_exp import records, seal, spool
from git_exp.spool import Folder, Life, Machine
from tests.conftest import Clock
from tests.spooled import HOUR, Spooled, as_another_user, found, get, opened, values, waiting

Git = Callable[..., str]


@contextmanager
def look(run: Spooled, *, to_seal: bool = False, foreign: bool = False) -> Iterator[Folder]:
    root = seal.spools(run.repo)
    with spool.look(root, run.run_id, to_seal=to_seal, foreign=foreign) as folder:
        yield folder


def life(run: Spooled, *, foreign: bool = False) -> tuple[Life, Life]:
    """What a reader and a sealer make of it."""
    with look(run, foreign=foreign) as read:
        seen = read.life
    with look(run, to_seal=True, foreign=foreign) as sealed:
        return seen, sealed.life


def test_a_writer_lives_while_it_holds_its_journal(repo: Path) -> None:
    run = Spooled(found(repo))

    assert life(run) == (Life.LIVE, Life.LIVE)

    run.die()
    assert life(run) == (Life.DEAD, Life.DEAD)


def test_a_reboot_ends_every_writer(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Spooled(found(repo)).die()
    after = spool.here()
    monkeypatch.setattr(
        spool, "here", lambda: Machine(boot="next", machine=after.machine, host=after.host)
    )

    if after.machine:
        assert life(run) == (Life.DEAD, Life.DEAD)
        assert seal.complete(run.repo).sealed == [run.run_id]
        assert get(opened(repo), run).status == "crashed"


def test_two_containers_with_one_pid_and_host_are_told_apart_by_their_locks(repo: Path) -> None:
    here = found(repo)
    ours, theirs = (Spooled(here, host="box", machine="") for _ in range(2))
    assert ours.opened[0][0].name.split(".")[:3] == theirs.opened[0][0].name.split(".")[:3]

    ours.die()

    assert life(ours) == (Life.DEAD, Life.DEAD)
    assert life(theirs) == (Life.LIVE, Life.LIVE)
    assert seal.complete(here).sealed == [ours.run_id]


@pytest.mark.parametrize(
    ("writer", "expected"),
    [
        ({}, Life.DEAD),
        ({"host": "another"}, Life.DEAD),
        ({"machine": "another"}, Life.DEAD),
        ({"boot": "another"}, Life.DEAD),
        ({"boot": "another", "host": "another"}, Life.UNKNOWN),
        ({"boot": "another", "machine": "another"}, Life.UNKNOWN),
        ({"boot": "another", "machine": ""}, Life.UNKNOWN),
    ],
)
def test_a_free_lock_proves_death_within_one_boot_and_one_machine(
    repo: Path, monkeypatch: pytest.MonkeyPatch, writer: dict[str, Any], expected: Life
) -> None:
    monkeypatch.setattr(spool, "here", lambda: Machine(boot="b", machine="m", host="h"))
    run = Spooled(found(repo), **writer).die()

    assert life(run) == (expected, expected)
    assert life(run, foreign=True) == (Life.DEAD, Life.DEAD)


def test_without_a_machine_id_only_the_boot_decides(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "here", lambda: Machine(boot="b", machine="", host="h"))
    same, before = Spooled(found(repo)).die(), Spooled(found(repo), boot="a").die()

    assert life(same) == (Life.DEAD, Life.DEAD)
    assert life(before) == (Life.UNKNOWN, Life.UNKNOWN)


def test_this_machine_has_a_name_in_each_boot_wherever_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = {
        "/proc/sys/kernel/random/boot_id": "the boot",
        "/var/lib/dbus/machine-id": "the machine",
    }
    monkeypatch.setattr(spool, "_text", lambda path: told.get(path, ""))
    monkeypatch.setattr(platform, "node", lambda: "")
    spool.here.cache_clear()

    assert spool.here() == Machine(boot="the boot", machine="the machine", host="localhost")

    told.clear()
    spool.here.cache_clear()
    without = spool.here()
    monkeypatch.undo()
    spool.here.cache_clear()
    assert without.boot.startswith("boot-")
    assert without.machine == ""


@pytest.mark.parametrize("days", [None, "0", "30"])
def test_a_run_of_another_machine_is_lost_after_a_while(
    repo: Path, git: Git, days: str | None
) -> None:
    if days:
        git("config", "exp.lostAfter", days)
    run = Spooled(found(repo), boot="another", machine="another").die()
    os.utime(run.path, (time.time() - 10 * 86_400,) * 2)

    got = get(opened(repo), run)

    assert got.status == ("running" if days == "30" else "lost")
    assert not got.live
    assert waiting(found(repo)) == [run.run_id]


def test_a_run_of_another_machine_that_wrote_lately_is_not_lost(repo: Path) -> None:
    run = Spooled(found(repo), boot="another", machine="another").die()

    assert get(opened(repo), run).status == "running"


def test_who_reads_keeps_no_journal_from_being_sealed(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(*range(5))
    run.end()
    store = opened(repo)
    reading = store.series(get(store, run))
    first = next(reading)

    report = seal.complete(here)

    assert report.sealed == [run.run_id]
    assert records.is_kind(first, b"track")
    assert len(list(reading)) == 4


def test_a_look_of_another_holds_up_a_sealer_for_a_moment_only(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Spooled(found(repo)).end()
    reader = os.open(run.path, os.O_RDONLY)
    fcntl.flock(reader, fcntl.LOCK_SH)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            os.close(reader)

    monkeypatch.setattr(time, "sleep", pause)

    assert seal.complete(run.repo).sealed == [run.run_id]

    assert len(pauses) == 2


def test_a_reader_that_is_stopped_in_its_look_does_not_stop_the_sealer(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    held, other = Spooled(here).end(), Spooled(here).end()
    reader = os.open(held.path, os.O_RDONLY)
    fcntl.flock(reader, fcntl.LOCK_SH)

    first = seal.complete(here)
    os.close(reader)
    second = seal.complete(here)

    assert (first.sealed, second.sealed) == ([other.run_id], [held.run_id])


def test_a_living_journal_is_not_asked_twice(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Spooled(found(repo))
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waited"))

    assert life(run) == (Life.LIVE, Life.LIVE)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_made_while_a_journal_is_looked_at_does_not_keep_it_alive(repo: Path) -> None:
    run = Spooled(found(repo)).die()
    reading, writing = os.pipe()
    with look(run, to_seal=True):
        pid = os.fork()
        if pid == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)

    assert life(run) == (Life.DEAD, Life.DEAD)

    os.close(writing)
    os.close(reading)
    os.waitpid(pid, 0)


def test_where_locks_do_not_work_every_writer_may_live(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Spooled(found(repo)).die()
    real = fcntl.flock

    def refuse(fd: int, operation: int) -> None:
        if operation != fcntl.LOCK_UN:
            raise OSError(errno.ENOLCK, "no locks")
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", refuse)

    assert life(run) == (Life.LIVE, Life.LIVE)


def test_a_run_lives_while_the_command_it_watched_does(repo: Path) -> None:
    here = found(repo)
    run = Spooled(here)
    with subprocess.Popen(("sleep", "60"), stdout=subprocess.DEVNULL) as command:
        run.write(records.Child, pid=command.pid, born=spool.born(command.pid))
        run.die()
        assert life(run) == (Life.LIVE, Life.LIVE)
        assert seal.complete(here).sealed == []
        command.kill()

        # It is over though nobody has asked how it ended: a zombie writes no more.
        os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
        assert spool.born(command.pid) == ""
        assert life(run) == (Life.DEAD, Life.DEAD)


@pytest.mark.parametrize("harm", ["born", "boot"])
def test_another_process_of_the_same_pid_is_not_the_command(repo: Path, harm: str) -> None:
    here = found(repo)
    where: dict[str, Any] = {"boot": "the last"} if harm == "boot" else {}
    run = Spooled(here, **where)
    born = "1" if harm == "born" else spool.born(os.getpid())
    run.write(records.Child, pid=os.getpid(), born=born)
    run.die()

    assert life(run) == (Life.DEAD, Life.DEAD)


def test_a_run_lives_while_a_command_has_its_output_open(repo: Path) -> None:
    run = Spooled(found(repo))
    (run.folder / "output").mkdir()
    output = os.open(run.folder / "output/stdout", os.O_CREAT | os.O_WRONLY)
    fcntl.flock(output, fcntl.LOCK_SH)
    run.die()
    assert life(run) == (Life.LIVE, Life.LIVE)

    os.close(output)

    assert life(run) == (Life.DEAD, Life.DEAD)


def test_a_run_that_has_ended_is_over_though_its_command_s_output_is_open(repo: Path) -> None:
    run = Spooled(found(repo))
    (run.folder / "output").mkdir()
    with (run.folder / "output/stdout").open("w") as output:
        fcntl.flock(output, fcntl.LOCK_SH)
        run.end()

        assert life(run) == (Life.DEAD, Life.DEAD)


def test_output_that_goes_while_it_is_looked_at_is_held_by_nobody(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Spooled(found(repo))
    (run.folder / "output").mkdir()
    (run.folder / "output/stdout").touch()
    run.die()
    with look(run) as folder:
        (run.folder / "output/stdout").unlink()
        assert folder.life is Life.DEAD

    assert not spool._is_held(run.folder / "output/stdout")


def test_a_journal_whose_first_line_is_garbage_is_of_nobody_known(repo: Path) -> None:
    run = Spooled(found(repo)).die()
    run.path.write_bytes(b"garbage\n")

    with look(run) as folder:
        assert folder.writer is None
        assert folder.life is Life.DEAD
        assert folder.newest is None


def test_who_joined_speaks_for_an_owner_that_is_gone(repo: Path) -> None:
    run = Spooled(found(repo))
    run.join(rank=3)
    run.path.unlink()

    with look(run) as folder:
        assert folder.writer is not None
        assert folder.writer.rank == 3
        assert folder.ended


def test_lines_are_those_that_are_whole_until_the_writer_is_dead(repo: Path) -> None:
    run = Spooled(found(repo))
    run.raw(b"one\ntwo\nhal")

    with look(run) as folder:
        assert list(folder.journals[0].lines())[2:] == [b"one", b"two"]
    run.die()
    with look(run) as folder:
        assert list(folder.journals[0].lines())[2:] == [b"one", b"two", b"hal"]


def test_the_end_of_a_long_journal_is_found_without_reading_it_all(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Spooled(found(repo))
    run.track(*("x" * 1000 for _ in range(2000)))
    run.write(records.RunEnd, status="finished")
    rank = run.join(rank=1)
    run.die(0)
    read = [0]
    pread = os.pread
    monkeypatch.setattr(
        os, "pread", lambda fd, n, at: (read.__setitem__(0, read[0] + n), pread(fd, n, at))[1]
    )

    assert life(run) == (Life.DEAD, Life.DEAD)

    assert read[0] < 400_000
    run.die(rank)


def test_a_last_line_longer_than_what_is_read_at_once_is_read_whole(repo: Path) -> None:
    run = Spooled(found(repo))
    run.write(records.RunEnd, status="failed", error=records.Error(type="E", message="x" * 50_000))
    run.raw(b"torn" * 3_000)
    run.die()

    with look(run) as folder:
        assert folder.ended
        assert folder.newest == records.stamp(run.now)


def test_the_newest_time_of_a_spool_is_that_of_its_last_record(repo: Path) -> None:
    run = Spooled(found(repo))
    rank = run.join(rank=1)
    run.track(1)
    run.track(2, journal=rank)

    with look(run) as folder:
        assert folder.newest == records.stamp(run.now)


@pytest.mark.parametrize("name", ["notes.txt", "11111111-1111-4111-8111-111111111111.bak", "..."])
def test_a_folder_that_is_no_run_s_is_nobody_s_spool(repo: Path, name: str) -> None:
    here = found(repo)
    run = Spooled(here).end()
    (seal.spools(here) / name).mkdir()
    (seal.spools(here) / name / "x.jsonl").write_bytes(run.path.read_bytes())

    assert waiting(here) == [run.run_id]
    with spool.look(seal.spools(here), name) as folder:
        assert folder.journals == []


def test_no_spools_are_there_before_the_first_run(repo: Path) -> None:
    assert waiting(found(repo)) == []
    assert opened(repo).runs() == []


def test_a_journal_that_goes_while_its_folder_is_listed_is_passed_over(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Spooled(found(repo))
    (run.folder / "gone.jsonl").symlink_to("nowhere")

    with look(run) as folder:
        assert [one.path for one in folder.journals] == [run.path]
        assert folder.unreadable == []


OTHER = """
store = opened(Path.cwd())
print([run.name for run in store.runs()])
print(sorted(one.what.partition(": '")[0] for one in fsck.check(store).findings))
print(store.recover())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_a_journal_that_another_user_may_not_read_is_its_owner_s_to_seal(
    repo: Path, git: Git
) -> None:
    here = found(repo)
    private, public = Spooled(here, name="private"), Spooled(here, name="public")
    private.die()
    private.path.chmod(0o600)
    public.die()

    said = as_another_user(OTHER, repo).splitlines()

    assert said == [
        "['public']",
        "['its spool cannot be read: [Errno 13] Permission denied', 'its spool is not sealed']",
        "Report(sealed=[], aside={})",
    ]
    assert len(seal.complete(here).sealed) == 2


def test_too_many_open_files_are_not_taken_for_damage(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Spooled(found(repo)).end()

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        with pytest.raises(OSError, match="Too many open files"), look(run):
            pass

    assert not seal.is_aside(run.folder)


def test_a_living_run_shows_what_it_has_tracked_so_far(repo: Path, clock: Clock) -> None:
    run = Spooled(found(repo), at=clock.now // 1000 - HOUR)
    run.track({"loss": 2.0}, {"loss": 1.0})

    got = get(opened(repo), run)

    assert (got.status, got.live, got.own) == ("running", True, True)
    assert got.metrics["loss"].last == 1.0
    assert values(opened(repo), run) == [{"loss": 2.0}, {"loss": 1.0}]
