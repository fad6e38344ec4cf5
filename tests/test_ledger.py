"""Writing to the notes ref: nobody's lines are lost, whoever writes or collects meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from git_exp import Experiment, errors, fsck, ledger, locks, merge, records, seal
from git_exp.git import notes, objects, refs
from git_exp.git.objects import Writer
from git_exp.git.repo import Repo
from tests.spooled import Spooled, found, get, opened, values, waiting, whole

Git = Callable[..., str]
LINE = b'{"t":"2026-01-02T03:04:06.000000Z","event":"note","text":"%d"}'


def adding(commit: str, *lines: bytes) -> ledger.Planner:
    def plan(_: Writer, __: ledger.Before) -> ledger.Plan:
        return ledger.Plan(subject="exp: test", lines={commit: lines})

    return plan


def write(repo: Repo, plan: ledger.Planner, *, wait: float | None = None) -> None:
    with locks.held(repo, wait=wait) as lock:
        ledger.write(repo, lock, plan)


def between(
    patch: pytest.MonkeyPatch, owner: Any, name: str, *, times: int, act: Callable[[], object]
) -> None:
    """Let something happen right before the first calls of a function."""
    real, left = getattr(owner, name), [times]

    def disturbed(*args: Any, **given: Any) -> Any:
        if left[0]:
            left[0] -= 1
            act()
        return real(*args, **given)

    patch.setattr(owner, name, disturbed)


def test_a_note_becomes_the_sorted_union_of_its_lines(repo: Path, git: Git) -> None:
    head = git("rev-parse", "HEAD")

    write(found(repo), adding(head, LINE % 3, LINE % 1))
    write(found(repo), adding(head, LINE % 2, LINE % 3))

    text = git("notes", "--ref=exp", "show", "HEAD").encode()
    assert text.split(b"\n") == [LINE % 1, LINE % 2, LINE % 3]


def test_lines_that_are_there_already_make_no_commit(repo: Path, git: Git) -> None:
    head = git("rev-parse", "HEAD")
    write(found(repo), adding(head, LINE % 1))
    before = git("rev-parse", "refs/notes/exp")

    write(found(repo), adding(head, LINE % 1))

    assert git("rev-parse", "refs/notes/exp") == before


def test_what_stock_git_writes_meanwhile_is_kept(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = git("rev-parse", "HEAD")
    theirs = (LINE % 9).decode()
    between(
        monkeypatch, refs.Transaction, "commit", times=1,
        act=lambda: git("notes", "--ref=exp", "add", "-m", theirs, "HEAD"),
    )  # fmt: skip

    write(found(repo), adding(head, LINE % 1))

    text = git("notes", "--ref=exp", "show", "HEAD")
    assert text.encode().split(b"\n") == [LINE % 1, LINE % 9]
    assert git("rev-list", "--count", "refs/notes/exp") == "2"


def test_what_stock_git_swaps_in_without_comparing_loses_nothing(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`git notes` reads, we write, `git notes` writes what it read and its own note."""
    head = git("rev-parse", "HEAD")
    git("notes", "--ref=exp", "add", "-m", (LINE % 9).decode(), "HEAD")
    stale = git("rev-parse", "refs/notes/exp")
    between(
        monkeypatch, ledger, "_look_again", times=1,
        act=lambda: git("update-ref", "refs/notes/exp", stale),
    )  # fmt: skip

    write(found(repo), adding(head, LINE % 1))

    text = git("notes", "--ref=exp", "show", "HEAD")
    assert text.encode().split(b"\n") == [LINE % 1, LINE % 9]


def test_a_writer_that_always_loses_gives_up_and_says_so(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = iter(range(1000))
    between(
        monkeypatch, refs.Transaction, "commit", times=1000,
        act=lambda: git("notes", "--ref=exp", "add", "-f", "-m", str(next(number)), "HEAD"),
    )  # fmt: skip

    with pytest.raises(errors.RefMoved, match="refs/notes/exp"):
        write(found(repo), adding(git("rev-parse", "HEAD"), LINE % 1), wait=0)


PLACES = [
    (Writer, "tree"),
    (Writer, "commit"),
    (Writer, "sync"),
    (refs.Transaction, "commit"),
    (Writer, "missing"),
]


@pytest.mark.parametrize(("owner", "name"), PLACES, ids=[name for _, name in PLACES])
def test_a_gc_in_the_middle_of_a_seal_has_everything_written_again(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    here = found(repo)
    Spooled(here).end()
    seal.complete(here)
    run = Spooled(here)
    run.track(1, 2)
    seal.so_far(here, [run.run_id])
    run.track(3)
    (run.folder / "output").mkdir()
    (run.folder / "output/stdout").write_text("said\n")
    run.end()
    between(monkeypatch, owner, name, times=2, act=lambda: git("gc", "-q", "--prune=now"))

    report = seal.complete(here)

    assert report.sealed == [run.run_id]
    assert whole(repo) == ""
    store = opened(repo)
    assert values(store, run) == [1, 2, 3]
    assert store.file(get(store, run), "output/stdout") == b"said\n"
    assert fsck.check(store).findings == []


@pytest.mark.parametrize(("owner", "name"), PLACES, ids=[name for _, name in PLACES])
def test_a_gc_in_the_middle_of_a_checkpoint_loses_nothing_though_the_run_goes_on(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    exp = Experiment("goes on")
    exp.track(1)
    expected: list[Any] = [1]

    def collect() -> None:
        git("gc", "-q", "--prune=now")
        expected.append(f"after gc {len(expected)}")
        exp.track(expected[-1])

    with monkeypatch.context() as patched:
        between(patched, owner, name, times=2, act=collect)
        exp.checkpoint()
    assert whole(repo) == ""

    exp.finish()

    store = opened(repo)
    tracked = [records.parse(line) for line in store.series(store.runs()[0])]
    assert [e.value for e in tracked if isinstance(e, records.Track)] == expected
    assert len(expected) > 1
    assert whole(repo) == ""
    assert fsck.check(store).findings == []


def loose(repo: Path) -> set[Path]:
    return set((repo / ".git/objects").glob("??/*"))


def collecting(
    patch: pytest.MonkeyPatch, repo: Path, *, times: int, act: Callable[[], object] = lambda: None
) -> None:
    """What a gc that began before the refs moved may take: all objects that are new."""
    commit, known, left = refs.Transaction.commit, loose(repo), [times]

    def collected(pending: refs.Transaction, changes: Sequence[refs.Change]) -> None:
        commit(pending, changes)
        if left[0]:
            left[0] -= 1
            for path in loose(repo) - known:
                path.unlink()
            act()

    patch.setattr(refs.Transaction, "commit", collected)


def test_objects_that_went_as_their_ref_moved_are_written_again(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    seal.so_far(here, [run.run_id])
    run.track(2)
    run.end()
    with monkeypatch.context() as patched:
        collecting(patched, repo, times=1)

        report = seal.complete(here)

    assert report.sealed == [run.run_id]
    assert whole(repo) == ""
    assert values(opened(repo), run) == [1, 2]
    assert git("rev-list", "--count", f"{run.commit}..refs/exp/data/{run.run_id}") == "2"
    assert git("rev-list", "--count", "refs/notes/exp") == "2"


def test_objects_that_went_in_a_checkpoint_are_written_again_though_there_is_more_by_then(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    seal.so_far(here, [run.run_id])
    run.track(2)
    run.write(records.Note, text="first")

    def go_on() -> None:
        run.track(3)
        run.write(records.Note, text="second")

    with monkeypatch.context() as patched:
        collecting(patched, repo, times=2, act=go_on)
        seal.so_far(here, [run.run_id])

    assert whole(repo) == ""
    assert git("rev-list", "--count", f"{run.commit}..refs/exp/data/{run.run_id}") == "2"
    run.end()
    seal.complete(here)
    assert values(opened(repo), run)[:3] == [1, 2, 3]
    assert [note.text for note in get(opened(repo), run).notes][:2] == ["first", "second"]
    assert fsck.check(opened(repo)).findings == []


@pytest.mark.parametrize("what", ["add", "remove"])
def test_objects_that_went_with_a_note_or_a_deletion_are_written_again(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    here = found(repo)
    run = Spooled(here).end()
    seal.complete(here)
    store = opened(repo)
    got = get(store, run)
    collecting(monkeypatch, repo, times=1)

    if what == "add":
        store.add(got, lambda t: records.Note(t=t, text="once"))
    else:
        store.remove([got])

    assert whole(repo) == ""
    lines = store.lines(got)
    assert [records.is_kind(line, b"run_end") for line in lines] == [False, True, False]
    assert len(store.runs()) == (what == "add")


def test_objects_that_always_vanish_are_named_as_the_reason(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Writer, "missing", lambda self: self.written)

    with pytest.raises(errors.ObjectsVanished, match="vanish") as raised:
        write(found(repo), adding(git("rev-parse", "HEAD"), LINE % 1), wait=0)

    assert raised.value.hint == "is a git gc --prune=now running? then run again"


SEALING = """
import os, resource, sys
from pathlib import Path
from git_exp import Experiment
exp = Experiment("full")
exp.track(1)
Path("model").write_bytes(os.urandom(1_000_000))
exp.artifact("model")
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
exp.finish()
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
sys.exit(7)
"""


def test_a_full_disk_at_the_end_of_a_run_loses_nothing(repo: Path, git: Git) -> None:
    done = subprocess.run((sys.executable, "-c", SEALING), capture_output=True, text=True)

    assert done.returncode == 7
    # Whoever measures coverage meets the full disk too, and says so.
    (line,) = [one for one in done.stderr.splitlines() if one.startswith("git-exp: ")]
    assert "stays in the spool until the next git exp command: cannot write" in line
    (run_id,) = waiting(found(repo))
    assert seal.complete(found(repo)).sealed == [run_id]
    store = opened(repo)
    (run,) = store.runs()
    assert run.status == "finished"
    assert store.file(run, "artifacts/model") == (repo / "model").read_bytes()
    assert fsck.check(store).findings == []


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")
def test_a_small_disk_that_is_full_loses_nothing(repo: Path, git: Git, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=3m", "none", disk), check=True)
    try:
        shutil.copytree(repo, disk / "repo")
        there = disk / "repo"
        run = Spooled(found(there))
        run.track(1)
        run.end()
        with (disk / "fill").open("wb") as fill:
            try:
                while fill.write(b"x" * 65_536):
                    fill.flush()
            except OSError:
                pass

        with pytest.raises(errors.WriteFailed) as raised:
            seal.complete(found(there))

        assert "No space left on device" in str(raised.value)
        (disk / "fill").unlink()
        assert seal.complete(found(there)).sealed == [run.run_id]
        assert values(opened(there), run) == [1]
        assert whole(there) == ""
    finally:
        subprocess.run(("umount", disk), check=True)


def test_a_git_that_is_killed_sets_no_spool_aside(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here).end()

    commit = refs.Transaction.commit

    def killed(pending: refs.Transaction, changes: Sequence[refs.Change]) -> None:
        pending._child.send_signal(signal.SIGKILL)
        commit(pending, changes)

    with monkeypatch.context() as patched:
        patched.setattr(refs.Transaction, "commit", killed)
        with pytest.raises(errors.GitFailed, match="exit code -9"):
            seal.complete(here, wait=0)

    assert not seal.is_aside(run.folder)
    assert seal.complete(here).sealed == [run.run_id]


def test_two_clones_notes_merged_by_stock_git_are_ours_byte_for_byte(
    repo: Path, git: Git, tmp_path: Path
) -> None:
    here = found(repo)
    shared, mine = Spooled(here), Spooled(here)
    shared.end()
    seal.complete(here)
    other = tmp_path / "other"
    git("clone", "-q", repo, other)
    fetch = ("fetch", "-q", "origin", "+refs/notes/*:refs/notes/*", "refs/runs/*:refs/runs/*")
    git(*fetch, cwd=other)
    mine.end()
    seal.complete(here)
    ours = opened(repo)
    ours.add(get(ours, shared), lambda t: records.Tag(t=t, tags=["ours ü"]))
    there = found(other)
    theirs = Spooled(there).end()
    seal.complete(there)
    opened(other).add(get(opened(other), shared), lambda t: records.Note(t=t, text="theirs"))
    texts = [dict(notes.listing(one, notes.tip(one).tree)).items() for one in (found(repo), there)]
    expected = {
        commit: merge.union(
            *(
                merge.lines(objects.blob(one, blob))
                for one, pairs in zip((found(repo), there), texts, strict=True)
                for oid, blob in pairs
                if oid == commit
            )
        )
        for commit in (shared.commit, mine.commit, theirs.commit)
    }
    git("fetch", "-q", other, "refs/notes/exp:refs/exp/remotes/other/notes")

    git("notes", "--ref=exp", "merge", "-q", "-s", "cat_sort_uniq", "refs/exp/remotes/other/notes")

    merged = found(repo)
    tip = notes.tip(merged)
    assert tip.count is None
    assert {oid: notes.read(merged, tip.tree, oid) for oid in expected} == expected
    last = Spooled(merged).end()
    seal.complete(merged)
    after = notes.tip(merged)
    assert after.count == 4
    places = git("ls-tree", "-r", "--name-only", "refs/notes/exp").splitlines()
    every = sorted([*expected, last.commit])
    assert places == [f"{oid[:2]}/{oid[2:]}" for oid in every]
    assert {oid: notes.read(merged, after.tree, oid) for oid in expected} == expected
