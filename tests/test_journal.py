"""A journal as its own process writes it: order, time, locks, full disks, signals."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import re
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from git_exp import errors, journal, records
from git_exp.journal import Journal
from tests.conftest import Clock

START = "2026-01-02T03:04:05.000000Z"
HOUR = 3_600


class Steady:
    """A pretended monotonic clock, which goes on by a millisecond a look."""

    def __init__(self) -> None:
        self.now = 5_000_000_000

    def __call__(self) -> int:
        self.now += 1_000_000
        return self.now


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> Steady:
    pretended = Steady()
    monkeypatch.setattr(journal, "_monotonic", pretended)
    return pretended


def writer(**fields: Any) -> records.Writer:
    known = {"run_id": "r", "commit": "c", "owner": True, "pid": 7, "host": "node", "boot": "b"}
    return records.Writer(**{"t": START, "machine": "m", **known, **fields})


def opened(folder: Path, rank: int = 0) -> Journal:
    first = journal.create(folder, writer(rank=rank))

    def renew() -> journal.Opened:
        return journal.create(folder, writer(rank=rank))

    return Journal(first, start=START, rank=rank, renew=renew)


@pytest.fixture
def mine(tmp_path: Path) -> Journal:
    return opened(tmp_path / "spool")


def lines(path: Path) -> list[records.Event]:
    """The records of a journal, but for its writer's."""
    found = [records.parse(line) for line in path.read_bytes().splitlines()]
    assert isinstance(found[0], records.Writer)
    good = [event for event in found[1:] if isinstance(event, records.Event)]
    assert len(good) == len(found) - 1, "a line is damaged"
    return good


def tracks(path: Path) -> list[records.Track]:
    return [event for event in lines(path) if isinstance(event, records.Track)]


def test_a_track_is_the_line_that_its_record_says(
    tmp_path: Path, clock: Clock, steady: Steady
) -> None:
    mine = opened(tmp_path / "spool", rank=3)

    mine.track({"loss": 0.5})
    mine.track({"loss": 0.25}, "better", step=2)

    fast, slow = mine.path.read_bytes().splitlines()[1:]
    assert fast == (
        b'{"t":"2026-01-02T03:04:05.000000Z","event":"track","elapsed_ms":1.000,'
        b'"value":{"loss":0.5},"rank":3}'
    )
    assert slow == (
        b'{"t":"2026-01-02T03:04:05.000001Z","event":"track","elapsed_ms":3.0,"step":2,'
        b'"value":{"loss":0.25},"note":"better","rank":3}'
    )


def test_a_journal_begins_with_its_writer_and_what_comes_with_it(tmp_path: Path) -> None:
    first = records.line(records.Note(t=START, text="x"))

    path, fd = journal.create(tmp_path / "new" / "spool", writer(), first)

    assert path.read_bytes() == records.line(writer()) + first
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    os.close(fd)


def test_a_name_says_rank_host_and_pid_and_is_no_path(tmp_path: Path) -> None:
    for host, said in (("node-1", "node-1"), ("../a b/é", "-a-b-"), ("x" * 300, "x" * 64)):
        path, fd = journal.create(tmp_path, writer(rank=2, pid=9, host=host))

        assert re.fullmatch(rf"2\.{said}\.9\.[0-9a-f]{{8}}\.jsonl", path.name)
        assert path.parent == tmp_path
        os.close(fd)


def test_a_journal_is_locked_while_its_writer_lives(mine: Journal) -> None:
    with mine.path.open() as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)

        mine.close()

        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_every_track_of_eight_threads_is_there_in_order(mine: Journal) -> None:
    count = 10_000

    def work(thread: int) -> None:
        for number in range(count):
            mine.track([thread, number])

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    found = tracks(mine.path)
    assert len(found) == 8 * count
    assert all(one.t < other.t for one, other in itertools.pairwise(found))
    for thread in range(8):
        assert [event.value[1] for event in found if event.value[0] == thread] == list(range(count))


def test_all_that_is_written_has_a_time_of_its_own_in_order(mine: Journal) -> None:
    for number in range(300):
        mine.track(number)
        mine.track(number, "noted")
        mine.record(lambda t: records.Note(t=t, text="x"))

    found = lines(mine.path)
    assert len(found) == 900
    assert all(one.t < other.t for one, other in itertools.pairwise(found))


def test_time_is_the_clocks_and_elapsed_is_counted_by_the_monotonic_one(
    mine: Journal, clock: Clock, steady: Steady
) -> None:
    mine.track(1)
    clock.move(-HOUR)
    steady.now += 2_500_000_000
    mine.track(2)

    one, other = tracks(mine.path)
    assert 2_500 < other.elapsed_ms - one.elapsed_ms < 2_510


def test_a_clock_that_goes_back_leaves_the_lines_sorted(
    mine: Journal, clock: Clock, steady: Steady
) -> None:
    for number in range(60):
        mine.track(number)
        mine.track(number, "noted")
        clock.move(-HOUR if number == 20 else 0.5)
        steady.now += 500_000_000

    found = tracks(mine.path)
    assert [event.value for event in found] == [number for number in range(60) for _ in "ab"]
    assert all(one.t < other.t for one, other in itertools.pairwise(found))
    assert found[-1].t < "2026-01-02T03:04:16"


def test_a_clock_that_was_an_hour_ahead_is_followed_and_not_undone(
    mine: Journal, clock: Clock, steady: Steady
) -> None:
    for number in range(60):
        mine.track(number)
        clock.move({20: HOUR, 40: -HOUR}.get(number, 0.5))
        steady.now += 500_000_000

    found = tracks(mine.path)
    assert [event.value for event in found] == list(range(60))
    assert all(one.t < other.t for one, other in itertools.pairwise(found))
    assert found[30].t > "2026-01-02T04:04"


def test_a_clock_that_was_over_a_day_ahead_does_not_push_what_follows(
    mine: Journal, clock: Clock, steady: Steady
) -> None:
    clock.move(30 * 24 * HOUR)
    mine.track("ahead")
    mine.record(lambda t: records.Note(t=t, text="ahead"))
    clock.move(-30 * 24 * HOUR)
    steady.now += 1_000_000_000

    mine.track("back")

    mine.record(lambda t: records.Note(t=t, text="back"))
    assert [event.t[:10] for event in lines(mine.path)] == [
        "2026-02-01", "2026-02-01", "2026-01-02", "2026-01-02",
    ]  # fmt: skip


def test_who_joins_counts_from_the_start_of_the_run(tmp_path: Path, clock: Clock) -> None:
    clock.move(90)

    mine = opened(tmp_path)

    assert 90_000 <= mine.elapsed() < 100_000


@pytest.mark.parametrize("step", ["three", True, [1], {"a": 1}, object(), 3j])
def test_a_step_is_a_number(mine: Journal, step: Any) -> None:
    with pytest.raises(TypeError, match="step"):
        mine.track(1, step=step)

    assert lines(mine.path) == []


@pytest.mark.parametrize("note", [5, b"x", ["a"]])
def test_a_note_is_text(mine: Journal, note: Any) -> None:
    with pytest.raises(TypeError, match="a note is text, not"):
        mine.track(1, note)

    assert lines(mine.path) == []


def test_a_note_and_a_step_are_recorded_as_given(mine: Journal) -> None:
    mine.track({"loss": float("nan")}, "", step=0)
    mine.track(1, "a\udcff\n", step=2.5)

    first, second = tracks(mine.path)
    assert (first.note, first.step, first.value) == ("", 0, {"loss": "NaN"})
    assert (second.note, second.step) == ('"a\\377\\n"', 2.5)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """A disk on which no file gets longer than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 1, 60])
@pytest.mark.parametrize("how", ["track", "noted", "record"])
def test_a_full_disk_is_an_error_and_keeps_nothing_of_the_record(
    mine: Journal, room: int, how: str
) -> None:
    def act() -> None:
        if how == "record":
            mine.record(lambda t: records.Note(t=t, text="x" * 100))
        else:
            mine.track("x" * 100, "a note" if how == "noted" else None)

    mine.track("before")
    before = mine.path.read_bytes()

    with files_up_to(len(before) + room), pytest.raises(OSError, match="cannot write") as caught:
        act()

    assert isinstance(caught.value, errors.JournalFailed)
    assert caught.value.errno == errno.EFBIG
    assert "free some space" in (caught.value.hint or "")
    assert mine.path.read_bytes() == before
    act()
    mine.track("after")
    assert len(lines(mine.path)) == 3


def test_no_journal_is_left_where_the_disk_has_no_room_for_its_first_line(tmp_path: Path) -> None:
    with files_up_to(10), pytest.raises(errors.JournalFailed):
        journal.create(tmp_path / "spool", writer())

    assert list(tmp_path.rglob("*.jsonl*")) == []


def test_a_line_of_which_the_system_takes_a_part_at_a_time_is_whole(
    mine: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(journal, "_write", lambda fd, line: real(fd, line[:5]))
    monkeypatch.setattr(os, "write", lambda fd, line: real(fd, line[:7]))

    mine.track("fast")
    mine.track("slow", "noted")

    assert [event.value for event in tracks(mine.path)] == ["fast", "slow"]


def test_a_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(errors.JournalFailed, match="cannot write") as caught:
        journal.create(tmp_path / "file" / "spool", writer())

    assert caught.value.errno == errno.ENOTDIR


def test_a_file_system_without_locks_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock(fd: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", lock)

    with pytest.raises(errors.RepositoryError, match="file locks do not work at") as caught:
        journal.create(tmp_path / "spool", writer())

    assert "use WSL" in (caught.value.hint or "")
    assert list(tmp_path.rglob("*.jsonl*")) == []


def test_another_error_of_the_lock_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock(fd: int, kind: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", lock)

    with pytest.raises(errors.JournalFailed, match="Input/output error"):
        journal.create(tmp_path / "spool", writer())


def test_a_folder_that_a_sealer_removes_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.open, itertools.count()

    def slow(path: Path, *args: int) -> int:
        if next(calls) == 0:
            path.parent.rmdir()
        return real(path, *args)

    monkeypatch.setattr(os, "open", slow)

    path, fd = journal.create(tmp_path / "spool", writer())

    assert path.exists()
    os.close(fd)


def test_after_its_close_the_next_record_is_in_a_new_journal(mine: Journal) -> None:
    before = mine.path
    mine.track(1)

    mine.close()
    mine.close()

    assert mine.closed
    mine.track(2)
    mine.track(3)
    assert not mine.closed
    assert [event.value for event in tracks(before)] == [1]
    assert [event.value for event in tracks(mine.path)] == [2, 3]


@pytest.mark.parametrize("how", ["noted", "record"])
def test_any_record_opens_the_new_journal(mine: Journal, how: str) -> None:
    before = mine.path
    mine.close()

    if how == "record":
        mine.record(lambda t: records.Note(t=t, text="x"))
    else:
        mine.track(1, "noted")

    assert mine.path != before
    assert len(lines(mine.path)) == 1


def test_what_is_interrupted_leaves_the_journal_to_other_threads(
    mine: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[[int, bytes], int] = os.write

    def interrupted(fd: int, line: bytes) -> int:
        real(fd, line)
        raise KeyboardInterrupt

    monkeypatch.setattr(journal, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mine.track("interrupted")
    monkeypatch.setattr(journal, "_write", real)

    other = threading.Thread(target=mine.track, args=("other",), daemon=True)
    other.start()
    other.join(timeout=60)

    assert not other.is_alive()
    assert [event.value for event in tracks(mine.path)] == ["interrupted", "other"]


def test_an_interruption_before_the_lock_is_taken_is_no_other_error(
    mine: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mine, "_acquire", interrupted)

    with pytest.raises(KeyboardInterrupt):
        mine.track(1)


def test_a_signal_that_tracks_in_the_midst_of_a_track_writes_a_line_of_its_own(
    mine: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def signalled(fd: int, line: bytes) -> int:
        monkeypatch.setattr(journal, "_write", real)
        mine.track("inner")
        return real(fd, line)

    monkeypatch.setattr(journal, "_write", signalled)

    mine.track("outer")

    assert sorted(event.value for event in tracks(mine.path)) == ["inner", "outer"]
    assert len({event.t for event in tracks(mine.path)}) == 2


def test_the_wall_clock_is_looked_at_once_a_second(
    mine: Journal, steady: Steady, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.count()

    def look() -> int:
        next(looks)
        return 1_767_323_045_000_000_000

    monkeypatch.setattr(time, "time_ns", look)

    for _ in range(500):
        mine.track(1)

    assert next(looks) == 1
