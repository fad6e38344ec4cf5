"""Sealing: every complete spool in one notes commit, the same one however often it is done."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from git_exp import Experiment, errors, fsck, ledger, merge, records, seal, spool
from git_exp.git import notes, refs
from git_exp.spool import Life
from tests.spooled import Spooled, counted, found, get, opened, values, waiting, whole

Git = Callable[..., str]


def note(git: Git, run: Spooled) -> list[bytes]:
    return merge.lines(git("notes", "--ref=exp", "show", run.commit).encode())


def kinds(lines: list[bytes]) -> list[str]:
    events = [records.parse(line) for line in lines]
    return [
        event.event if isinstance(event, records.Unknown) else records.kind(event)
        for event in events
        if not isinstance(event, records.Damaged)
    ]


def test_twenty_complete_spools_become_one_notes_commit(repo: Path, git: Git) -> None:
    here = found(repo)
    runs = [Spooled(here, name=f"run {number}") for number in range(20)]
    for number, run in enumerate(runs):
        run.track(number)
        run.end()

    report = seal.complete(here)

    assert sorted(report.sealed) == sorted(run.run_id for run in runs)
    assert report.aside == {}
    assert waiting(here) == []
    assert git("rev-list", "--count", "refs/notes/exp") == "1"
    assert git("log", "-1", "--format=%B", "refs/notes/exp") == (
        "exp: seal 20 runs\n\nNotes-Count: 20\n"
    )
    store = opened(repo)
    assert [values(store, run) for run in runs] == [[number] for number in range(20)]
    assert whole(repo) == ""


def test_one_run_s_commits_say_what_they_are(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.end()

    seal.complete(here)

    data = f"refs/exp/data/{run.run_id}"
    assert git("log", "-1", "--format=%B", "refs/notes/exp") == (
        "exp: seal 1 run\n\nNotes-Count: 1\n"
    )
    assert git("log", "-1", "--format=%B%P", data) == f"data of run {run.run_id}\n{run.commit}"
    assert git("ls-tree", "-r", "--name-only", data) == f"series/{run.stem}.00000.jsonl"
    assert not (repo / ".git/logs/refs/notes/exp").exists()
    assert not (repo / ".git/logs/refs/exp").exists()


def test_the_dates_of_our_commits_are_those_of_the_run_and_of_its_records(
    repo: Path, git: Git
) -> None:
    run = Spooled(found(repo), at=1_500_000_000_000_000)
    run.track(1)
    run.end()

    seal.complete(found(repo))

    shown = git("log", "-1", "--format=%at %ct", f"refs/exp/data/{run.run_id}")
    assert shown == "1500000000 1500000000"
    assert git("log", "-1", "--format=%ct", "refs/notes/exp") == "1500000000"


def test_every_seal_counts_on_from_the_notes_that_are_there(repo: Path, git: Git) -> None:
    here = found(repo)
    for _ in range(3):
        Spooled(here).end()
        seal.complete(here)

    bodies = git("log", "--format=%b", "refs/notes/exp").split("\n")

    assert [line for line in bodies if line] == [f"Notes-Count: {n}" for n in (3, 2, 1)]


def test_what_is_sealed_again_is_the_same_and_moves_nothing(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1, 2)
    run.end()
    monkeypatch.setattr(seal, "_clean", lambda folder: None)
    seal.complete(here)
    before = git("for-each-ref")
    monkeypatch.undo()
    monkeypatch.chdir(repo)

    report = seal.complete(here)

    assert report.sealed == [run.run_id]
    assert git("for-each-ref") == before
    assert waiting(here) == []


def test_two_machines_that_seal_the_same_spool_make_the_same_data_commit(
    repo: Path, git: Git, tmp_path: Path
) -> None:
    run = Spooled(found(repo))
    run.track(1)
    run.end()
    git("clone", "-q", repo, tmp_path / "other")
    git("fetch", "-q", repo, "refs/runs/*:refs/runs/*", cwd=tmp_path / "other")
    copy = tmp_path / "other/.git/exp/spool" / run.run_id
    copy.mkdir(parents=True)
    (copy / run.path.name).write_bytes(run.path.read_bytes())

    seal.complete(found(repo))
    seal.complete(found(tmp_path / "other"))

    ref = f"refs/exp/data/{run.run_id}"
    assert git("rev-parse", ref) == git("rev-parse", ref, cwd=tmp_path / "other")


def test_a_run_whose_process_died_is_sealed_as_crashed(repo: Path, git: Git) -> None:
    run = Spooled(found(repo))
    run.track(3, 1, 2)
    run.die()

    seal.complete(found(repo))

    got = get(opened(repo), run)
    assert got.status == "crashed"
    assert got.ended == records.stamp(run.now + 1)
    assert got.duration_ms == 3.0
    assert (got.metrics["value"].last, got.metrics["value"].min) == (2, 1)
    assert not got.live


def test_two_recoveries_write_the_same_last_line(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.die()
    monkeypatch.setattr(seal, "_clean", lambda folder: None)
    seal.complete(here)
    first = note(git, run)
    git("update-ref", "-d", "refs/notes/exp")

    seal.complete(here)

    assert note(git, run) == first
    assert kinds(first) == ["run_start", "run_end"]


def test_a_run_that_was_recovered_twice_has_one_end_after_the_merge(repo: Path, git: Git) -> None:
    run = Spooled(found(repo))
    run.track(1)
    run.die()
    with spool.look(seal.spools(found(repo)), run.run_id) as folder:
        one = seal.ending(found(repo), folder, [])
        two = seal.ending(found(repo), folder, [])

    assert one == two


def test_what_the_owner_says_of_the_end_beats_a_recovery(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.die()
    seal.complete(here)
    late = records.RunEnd(t=records.stamp(run.now - 500), status="failed", exit_code=3)

    opened(repo).add(get(opened(repo), run), lambda t: late)

    assert kinds(note(git, run)) == ["run_start", "run_end", "run_end"]
    assert get(opened(repo), run).status == "failed"


def test_a_living_run_is_left_alone(repo: Path, git: Git) -> None:
    here = found(repo)
    living = Spooled(here)
    living.track(1)
    dead = Spooled(here)
    dead.end()

    report = seal.complete(here)

    assert report.sealed == [dead.run_id]
    assert waiting(here) == [living.run_id]
    assert values(opened(repo), living) == [1]
    living.end()
    assert seal.complete(here).sealed == [living.run_id]


def test_a_rank_that_tracks_after_the_owner_was_sealed_gets_one_more_data_commit(
    repo: Path, git: Git
) -> None:
    here = found(repo)
    run = Spooled(here)
    rank = run.join(rank=1)
    run.track("owner's")
    run.track("rank's first", journal=rank)
    run.write(records.RunEnd, status="finished")
    run.die(0)
    seal.complete(here)
    first = git("rev-parse", f"refs/exp/data/{run.run_id}")
    run.track("rank's second", journal=rank)
    assert values(opened(repo), run) == ["owner's", "rank's first", "rank's second"]

    run.die(rank)
    report = seal.complete(here)

    assert report.sealed == [run.run_id]
    assert git("rev-parse", f"refs/exp/data/{run.run_id}^") == first
    assert values(opened(repo), run) == ["owner's", "rank's first", "rank's second"]
    assert kinds(note(git, run)) == ["run_start", "run_end"]
    assert waiting(here) == []


def test_a_run_whose_owner_died_lives_while_a_rank_does(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    rank = run.join(rank=1)
    run.die(0)

    assert seal.complete(here).sealed == []
    assert get(opened(repo), run).live

    run.die(rank)
    assert seal.complete(here).sealed == [run.run_id]


def test_unknown_events_and_keys_are_sealed_as_they_are(repo: Path, git: Git) -> None:
    run = Spooled(found(repo))
    later = f'{{"t":"{run.t()}","event":"of_format_2","x":[1,  2]}}'.encode()
    more = f'{{"t":"{run.t()}","event":"note","text":"a","colour":"red"}}'.encode()
    run.raw(later + b"\n" + more + b"\n")
    run.end()

    seal.complete(found(repo))

    assert note(git, run)[1:3] == [later, more]
    assert [one.text for one in get(opened(repo), run).notes] == ["a"]


def test_a_spool_that_nobody_can_read_is_set_aside_and_stops_nobody(repo: Path, git: Git) -> None:
    here = found(repo)
    bad, good = Spooled(here), Spooled(here)
    bad.die()
    bad.path.write_bytes(b"\0\0\0 garbage\n")
    good.end()

    report = seal.complete(here)

    assert report.sealed == [good.run_id]
    assert report.aside == {bad.run_id: "no journal in it says which run it is of"}
    assert seal.complete(here) == seal.Report()
    assert waiting(here) == [bad.run_id]
    assert bad.path.read_bytes() == b"\0\0\0 garbage\n"


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda run: (run.path.unlink(), run.path.mkdir()), "Is a directory"),
        (lambda run: run.path.with_name("x.jsonl").symlink_to(run.path.parent), "Is a directory"),
        (
            lambda run: run.path.write_bytes(run.path.read_bytes().replace(
                run.run_id.encode(), b"11111111-1111-4111-8111-111111111111")),
            "its journals are of run '11111111-1111-4111-8111-111111111111'",
        ),
        (
            lambda run: run.path.write_bytes(run.path.read_bytes().replace(
                run.commit.encode(), b"HEAD")),
            "commit 'HEAD'",
        ),
        (
            lambda run: run.path.write_bytes(run.path.read_bytes() + records.line(records.Artifact(
                t=run.t(), path="../../out", size=1, sha256="a" * 64, stored=True))),
            "git refuses the name '..'",
        ),
    ],
)  # fmt: skip
def test_a_bad_spool_is_set_aside_with_the_reason(
    repo: Path, git: Git, harm: Callable[[Spooled], object], why: str
) -> None:
    here = found(repo)
    bad, good = Spooled(here), Spooled(here)
    (bad.folder / "artifacts").mkdir()
    (bad.folder / "artifacts" / ("a" * 64)).write_text("x")
    bad.end()
    good.end()
    harm(bad)

    report = seal.complete(here)

    assert report.sealed == [good.run_id]
    assert why in report.aside[bad.run_id]
    assert [run.id for run in opened(repo).runs() if run.status == "finished"].count(good.run_id)


def test_a_spool_that_was_set_aside_is_sealed_when_asked_again(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.end()
    with monkeypatch.context() as patched:
        patched.setattr(spool.Found, "lines", _broken)
        assert list(seal.complete(here).aside.values()) == ["[Errno 5] a bad sector"]
    assert seal.complete(here).sealed == []

    report = seal.complete(here, again=True)

    assert report.sealed == [run.run_id]
    assert not run.folder.exists()


def test_a_checkpoint_that_fails_leaves_the_living_run_to_be_sealed_at_its_end(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    with monkeypatch.context() as patched:
        patched.setattr(spool.Found, "lines", _broken)
        assert run.run_id in seal.so_far(here, [run.run_id]).aside

    run.end()

    assert seal.complete(here).sealed == [run.run_id]


def _broken(_: spool.Found) -> list[bytes]:
    raise OSError(5, "a bad sector")


def test_one_ref_that_git_refuses_leaves_only_its_own_run_behind(repo: Path, git: Git) -> None:
    here = found(repo)
    runs = [Spooled(here) for _ in range(3)]
    for run in runs:
        run.track(1)
        run.end()
    # A folder with a ref in it is where the data ref of the second should be.
    git("update-ref", f"refs/exp/data/{runs[1].run_id}/in/the/way", "HEAD")

    report = seal.complete(here)

    assert sorted(report.sealed) == sorted([runs[0].run_id, runs[2].run_id])
    assert "cannot lock ref" in report.aside[runs[1].run_id]
    assert values(opened(repo), runs[1]) == [1]
    git("update-ref", "-d", f"refs/exp/data/{runs[1].run_id}/in/the/way")
    assert seal.complete(here, again=True).sealed == [runs[1].run_id]


def test_a_commit_that_a_gc_took_stops_neither_sealing_nor_reading(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.end()
    git("update-ref", "-d", f"refs/runs/{run.run_id}")
    git("prune", "--expire=now")

    report = seal.complete(found(repo))

    assert report.sealed == [run.run_id]
    store = opened(repo)
    assert [one.id for one in store.runs()] == [run.run_id]
    assert values(store, run) == [1]
    assert git("log", "-1", "--format=%an %P", f"refs/exp/data/{run.run_id}") == "git-exp "


def test_a_dead_run_gets_the_ref_that_its_process_had_no_time_to_make(repo: Path, git: Git) -> None:
    run = Spooled(found(repo))
    git("update-ref", "-d", f"refs/runs/{run.run_id}")
    run.die()

    seal.complete(found(repo))

    assert git("rev-parse", f"refs/runs/{run.run_id}") == run.commit


def test_late_lines_of_a_deleted_run_bring_nothing_back(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    rank = run.join(rank=1)
    run.write(records.RunEnd, status="finished")
    run.die(0)
    seal.complete(here)
    store = opened(repo)
    store.remove([get(store, run)])
    run.track("late", journal=rank)
    run.write(records.Note, text="late", journal=rank)
    run.die(rank)

    report = seal.complete(here)

    assert report.sealed == [run.run_id]
    assert git("for-each-ref", "refs/runs", "refs/exp") == ""
    assert opened(repo).runs() == []
    assert kinds(note(git, run)) == ["run_start", "run_end", "note", "deleted"]


def test_more_spools_than_may_be_open_are_sealed_in_rounds(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    runs = [Spooled(here).end() for _ in range(7)]
    monkeypatch.setattr(seal, "ROUND", 3)

    report = seal.complete(here)

    assert sorted(report.sealed) == sorted(run.run_id for run in runs)
    assert git("log", "--format=%s", "refs/notes/exp").split("\n") == [
        "exp: seal 1 run", "exp: seal 3 runs", "exp: seal 3 runs",
    ]  # fmt: skip


FEW_FILES = """
import os, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from git_exp import seal
from tests.spooled import found
report = seal.complete(found(Path.cwd()))
print(len(report.sealed), report.aside)
"""


@pytest.mark.slow
def test_hundreds_of_spools_do_not_run_out_of_descriptors(repo: Path, git: Git) -> None:
    here = found(repo)
    for number in range(300):
        run = Spooled(here)
        run.track(number)
        run.end()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 256

    done = subprocess.run(
        (sys.executable, "-c", FEW_FILES), capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip

    assert (done.stdout, done.stderr) == ("300 {}\n", "")
    assert waiting(here) == []
    assert git("log", "-1", "--format=%b", "refs/notes/exp") == "Notes-Count: 300\n"


def test_a_run_takes_few_git_processes_and_its_seal_one(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / "train.py").write_text("x = 2\n")
    with counted(monkeypatch, subprocess.Popen, "__init__") as started:
        exp = Experiment("counted")
    for step in range(10):
        exp.track(step)

    with counted(monkeypatch, subprocess.Popen, "__init__") as sealed:
        exp.finish()

    assert len(started) <= 6
    assert [args[1][-3:] for args in sealed] == [("update-ref", "--stdin", "-z")]


@pytest.mark.parametrize(("said", "synced"), [(None, 8), ("none", 0), ("loose-object", 8)])
def test_all_objects_are_on_disk_before_the_first_ref_moves(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch, said: str | None, synced: int
) -> None:
    if said:
        git("config", "core.fsync", said)
    run = Spooled(found(repo))
    run.track(1)
    run.end()
    before: list[int] = []
    commit = refs.Transaction.commit

    with counted(monkeypatch, os, "fsync") as calls:

        def counting(pending: refs.Transaction, changes: Sequence[refs.Change]) -> None:
            before.append(len(calls))
            commit(pending, changes)

        monkeypatch.setattr(refs.Transaction, "commit", counting)
        seal.complete(found(repo))

    # A chunk, its folder, the tree and the commit of the data, and the same of the note.
    assert before == [synced]
    assert len(calls) == synced
    assert waiting(found(repo)) == []


def test_nothing_is_started_where_there_is_nothing_to_seal(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    Spooled(here).end()
    seal.complete(here)

    with counted(monkeypatch, subprocess.Popen, "__init__") as started:
        seal.complete(here)

    assert started == []


def test_a_run_that_somebody_else_has_sealed_needs_no_lock(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here).end()
    Spooled(here)
    seal.complete(here)

    with counted(monkeypatch, ledger, "write") as written:
        report = seal.complete(here, mine=run.run_id)

    assert report == seal.Report()
    assert written == []


def test_what_a_foreign_machine_left_is_sealed_as_lost_and_only_when_asked(
    repo: Path, git: Git
) -> None:
    here = found(repo)
    run = Spooled(here, boot="another boot", machine="another machine", host="node7")
    run.track(1)
    run.die()

    assert seal.complete(here).sealed == []
    assert seal.complete(here, foreign=True).sealed == [run.run_id]

    assert get(opened(repo), run).status == "lost"
    assert values(opened(repo), run) == [1]


def test_an_ended_run_is_sealed_though_a_rank_of_it_is_on_another_machine(
    repo: Path, git: Git
) -> None:
    here = found(repo)
    run = Spooled(here)
    rank = run.join(rank=1, boot="another boot", machine="another machine", host="node7")
    run.track("theirs", journal=rank)
    run.end()

    report = seal.complete(here)

    assert report.sealed == [run.run_id]
    assert [path.name for path in run.folder.glob("*.jsonl")] == [run.opened[rank][0].name]
    assert values(opened(repo), run) == ["theirs"]
    assert seal.complete(here).sealed == []
    assert fsck.check(opened(repo), repair=True, foreign=True).sound
    assert waiting(here) == []
    assert values(opened(repo), run) == ["theirs"]


def test_a_note_that_cannot_be_read_sets_only_its_own_run_aside(repo: Path, git: Git) -> None:
    here = found(repo)
    bad, good = Spooled(here), Spooled(here)
    seal.so_far(here, [bad.run_id])
    (blob,) = notes.blobs(here, notes.tip(here).tree, bad.commit)
    path = repo / f".git/objects/{blob[:2]}/{blob[2:]}"
    path.chmod(0o644)
    path.write_bytes(b"garbage")
    bad.end()
    good.end()

    report = seal.complete(found(repo))

    assert report.sealed == [good.run_id]
    assert list(report.aside) == [bad.run_id]
    assert {run.id for run in opened(repo).runs()} == {good.run_id, bad.run_id}


def test_refs_that_cannot_be_written_set_no_spool_aside(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.end()
    (repo / ".git/refs/exp").write_text("a file where a folder should be")

    with pytest.raises(errors.WriteFailed, match="cannot write"):
        seal.complete(here, wait=0)

    assert not seal.is_aside(run.folder)
    (repo / ".git/refs/exp").unlink()
    assert seal.complete(here).sealed == [run.run_id]


def test_a_look_at_a_journal_tells_a_living_writer_from_a_dead_one(repo: Path) -> None:
    run = Spooled(found(repo))
    root = seal.spools(found(repo))

    with spool.look(root, run.run_id) as folder:
        assert folder.life is Life.LIVE
    run.die()
    with spool.look(root, run.run_id) as folder:
        assert folder.life is Life.DEAD
