"""fsck: what is not as it should be is said, and what can be mended is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_exp import Experiment, fsck, records, seal
from git_exp.fsck import Finding, Verdict
from git_exp.git import notes, refs
from tests.conftest import Clock
from tests.spooled import START, Spooled, found, get, opened, values, waiting, whole

Git = Callable[..., str]
DAY = 86_400


def check(repo: Path, **how: bool) -> Verdict:
    return fsck.check(opened(repo), **how)


def said(repo: Path, **how: bool) -> list[str]:
    return [one.what for one in check(repo, **how).findings]


def sealed(repo: Path, **given: Any) -> Spooled:
    run = Spooled(found(repo), **given)
    run.track(1)
    run.end()
    seal.complete(found(repo))
    return run


def mended(repo: Path, what: str) -> None:
    """One thing is wrong; a check says so and changes nothing, a repair mends it."""
    before = state(repo)
    verdict = check(repo)
    assert [one.what for one in verdict.findings] == [what]
    assert not verdict.sound
    assert state(repo) == before
    repaired = check(repo, repair=True)
    assert [(one.what, one.mended) for one in repaired.findings] == [(what, True)]
    assert repaired.sound
    assert check(repo).findings == []


def state(repo: Path) -> list[tuple[str, bytes]]:
    """All that git exp and git hold of runs, but for objects."""
    git = repo / ".git"
    files = (path for path in git.rglob("*") if path.is_file() and "objects" not in path.parts)
    return sorted((str(path), path.read_bytes()) for path in files if path.name != "seal.lock")


def test_nothing_is_wrong_with_runs_that_ended_and_runs_that_live(repo: Path) -> None:
    sealed(repo)
    Spooled(found(repo))

    verdict = check(repo)

    assert verdict == Verdict(runs=1, records=2, damaged=0, findings=[])
    assert verdict.sound


def test_an_empty_repository_is_sound(repo: Path) -> None:
    assert check(repo, repair=True) == Verdict(runs=0, records=0, damaged=0, findings=[])


def test_a_dead_spool_is_sealed_by_a_repair(repo: Path) -> None:
    run = Spooled(found(repo))
    run.track(1)
    run.die()

    mended(repo, "its spool is not sealed")

    assert get(opened(repo), run).status == "crashed"
    assert values(opened(repo), run) == [1]


def test_a_spool_of_another_machine_is_sealed_only_when_that_is_asked_for(repo: Path) -> None:
    run = Spooled(found(repo), boot="another", machine="another").die()
    expected = Finding(
        run=run.run_id,
        what="its spool is of another machine",
        hint="if that machine is done with it: git exp fsck --repair --foreign",
    )

    assert check(repo).findings == [expected]
    assert check(repo, repair=True).findings == [expected]
    assert waiting(found(repo)) == [run.run_id]

    assert check(repo, repair=True, foreign=True).sound
    assert get(opened(repo), run).status == "lost"
    assert check(repo).findings == []


def test_a_rank_of_another_machine_that_is_left_over_is_said(repo: Path) -> None:
    run = Spooled(found(repo))
    run.join(rank=1, boot="another", machine="another")
    run.end()
    seal.complete(found(repo))

    assert said(repo) == ["its spool is of another machine"]

    assert check(repo, repair=True, foreign=True).sound
    assert check(repo).findings == []


def test_a_spool_that_was_set_aside_is_tried_again_by_a_repair(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Spooled(found(repo)).end()
    whole_journal = run.path.read_bytes()
    run.path.write_bytes(b"garbage\n")
    seal.complete(found(repo))
    why = "its spool cannot be sealed: no journal in it says which run it is of"
    assert said(repo) == [why]
    assert said(repo, repair=True) == [why]
    assert not check(repo, repair=True).sound
    run.path.write_bytes(whole_journal)

    mended(repo, why)

    assert get(opened(repo), run).status == "finished"


def test_a_journal_that_is_no_file_is_said(repo: Path) -> None:
    run = Spooled(found(repo)).end()
    run.path.rename(run.path.with_name("aside"))
    run.path.mkdir()

    assert said(repo)[0].startswith("its spool cannot be sealed: ")


def test_a_journal_that_cannot_be_read_is_said(repo: Path) -> None:
    run = Spooled(found(repo)).end()
    run.path.unlink()
    run.path.mkdir()

    assert said(repo) == [f"its spool cannot be read: [Errno 21] Is a directory: '{run.path}'"]


def test_leftovers_of_the_killed_go_after_a_day(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here)
    half = run.folder / ".0.box.1.abcd.jsonl.new"
    index = here.git_dir / "exp/tmp/x.index"
    index.parent.mkdir(exist_ok=True)
    empty = seal.spools(here) / "11111111-1111-4111-8111-111111111111"
    (empty / "output").mkdir(parents=True)
    half.touch()
    index.touch()
    assert said(repo) == []
    # The copy of an old index is as old as that index: what counts is when it was made.
    os.utime(index, (0, 0))
    assert said(repo) == []
    os.utime(empty, (time.time() - 2 * DAY,) * 2)
    later = time.time() + 2 * DAY
    monkeypatch.setattr(time, "time", lambda: later)

    expected = [
        "a leftover file: exp/tmp/x.index",
        f"a leftover file: exp/spool/{run.run_id}/{half.name}",
        "an empty spool",
    ]
    assert said(repo) == expected
    assert check(repo, repair=True).sound

    assert check(repo).findings == []
    assert not empty.exists()
    assert [path.name for path in run.folder.iterdir()] == [run.path.name]


def test_what_is_no_spool_of_a_run_is_said_and_left_alone(repo: Path) -> None:
    run = Spooled(found(repo))
    (run.folder.parent / f"{run.run_id}.bak").mkdir()

    assert said(repo, repair=True) == [f"no run's spool: exp/spool/{run.run_id}.bak"]
    assert (run.folder.parent / f"{run.run_id}.bak").exists()


@pytest.mark.parametrize("by", ["prune", "remove"])
def test_notes_that_stock_git_took_away_are_put_back(
    repo: Path, git: Git, tmp_path: Path, by: str
) -> None:
    runs = [sealed(repo) for _ in range(3)]
    at = repo
    if by == "prune":
        # In a clone that holds the notes alone, no commit of them is there.
        at = tmp_path / "clone"
        git("clone", "-q", "--no-local", repo, at)
        git("fetch", "-q", "origin", "refs/notes/exp:refs/notes/exp", cwd=at)
        git("notes", "--ref=exp", "prune", cwd=at)
    else:
        git("notes", "--ref=exp", "remove", *(run.commit for run in runs))
    assert opened(at).runs() == []

    verdict = check(at, repair=True)

    assert {one.what for one in verdict.findings} == {
        f"the note on {run.commit} was removed" for run in runs
    }
    assert verdict.sound
    assert {run.id for run in opened(at).runs()} == {run.run_id for run in runs}
    assert check(at).findings == []


def test_removed_notes_are_said_with_the_way_out_and_no_repair_changes_nothing(
    repo: Path, git: Git
) -> None:
    run = sealed(repo)
    git("notes", "--ref=exp", "remove", run.commit)
    before = state(repo)

    first, *_ = check(repo).findings

    assert first.what == f"the note on {run.commit} was removed"
    assert first.hint == "git exp fsck --repair puts them back"
    assert state(repo) == before


def test_lines_that_went_with_a_removed_note_are_missed_though_a_new_note_is_there(
    repo: Path, git: Git
) -> None:
    run = sealed(repo)
    at = opened(repo)
    got = get(at, run)
    git("notes", "--ref=exp", "remove", run.commit)
    at.add(got, lambda t: records.Note(t=t, text="after"))

    mended(repo, f"lines of the note on {run.commit} were removed")

    got = get(opened(repo), run)
    assert (got.status, [one.text for one in got.notes]) == ("finished", ["after"])


def test_a_note_that_was_removed_twice_is_put_back_whole(repo: Path, git: Git) -> None:
    run = sealed(repo)
    at = opened(repo)
    got = get(at, run)
    git("notes", "--ref=exp", "remove", run.commit)
    at.add(got, lambda t: records.Note(t=t, text="between"))
    git("notes", "--ref=exp", "remove", run.commit)

    assert check(repo, repair=True).sound

    got = get(opened(repo), run)
    assert (got.status, [one.text for one in got.notes]) == ("finished", ["between"])


def test_a_tombstone_is_no_removed_note(repo: Path) -> None:
    run = sealed(repo)
    at = opened(repo)
    at.remove([get(at, run)])

    assert said(repo) == []
    assert check(repo, repair=True).findings == []


def test_a_damaged_line_in_a_note_is_said_once_and_kept(repo: Path, git: Git) -> None:
    run = sealed(repo)
    git("notes", "--ref=exp", "append", "-m", "by hand", run.commit)

    (line,) = said(repo)

    assert line.startswith(f"line 3 of the note on {run.commit} is damaged: ")
    assert check(repo, repair=True).findings[0].mended is False
    assert "by hand" in git("notes", "--ref=exp", "show", run.commit)


def test_damaged_lines_of_the_series_are_counted_and_wrong_with_nothing(repo: Path) -> None:
    run = Spooled(found(repo))
    run.raw(b"garbage\n")
    run.track(1)
    run.raw(b'{"t":"20')
    run.die()
    seal.complete(found(repo))

    verdict = check(repo)

    assert verdict == Verdict(runs=1, records=2, damaged=2, findings=[])
    assert verdict.sound


def test_a_line_of_the_day_after_tomorrow_is_said(repo: Path, clock: Clock) -> None:
    run = sealed(repo, at=clock.now // 1000)
    future = records.stamp(clock.now // 1000 + 2 * DAY * 1_000_000)
    at = opened(repo)
    at.add(get(at, run), lambda t: records.Tag(t=future, tags=["x"]))

    assert said(repo) == [f"line 3 of the note on {run.commit} is of the future: {future}"]


def test_a_note_that_cannot_be_read_is_said_and_the_others_are_checked(
    repo: Path, git: Git
) -> None:
    bad, good = sealed(repo), sealed(repo)
    (blob,) = notes.blobs(found(repo), notes.tip(found(repo)).tree, bad.commit)
    (repo / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
    git("update-ref", "-d", f"refs/runs/{good.run_id}")

    what = said(repo)

    assert what[0].startswith(f"the note on {bad.commit} cannot be read: git cat-file failed")
    assert what[1:] == ["it has a commit and no records", "its ref is gone, its code is not"]


def test_a_run_s_ref_that_was_deleted_by_hand_comes_back(repo: Path, git: Git) -> None:
    run = sealed(repo)
    git("update-ref", "-d", f"refs/runs/{run.run_id}")

    mended(repo, "its ref is gone, its code is not")

    assert git("rev-parse", f"refs/runs/{run.run_id}") == run.commit


def test_a_run_whose_code_a_gc_took_is_said_and_its_records_are_read(repo: Path, git: Git) -> None:
    run = sealed(repo)
    git("update-ref", "-d", f"refs/runs/{run.run_id}")
    git("update-ref", "-d", f"refs/exp/data/{run.run_id}")
    git("gc", "-q", "--prune=now")

    verdict = check(repo, repair=True)

    assert [(one.run, one.what) for one in verdict.findings] == [(run.run_id, "its code is gone")]
    assert not verdict.sound
    assert get(opened(repo), run).status == "finished"


def test_a_ref_of_one_s_own_run_that_is_another_commit_is_said(repo: Path, git: Git) -> None:
    run = sealed(repo)
    head = git("rev-parse", "HEAD")
    git("update-ref", f"refs/runs/{run.run_id}", head)

    assert said(repo, repair=True) == [
        "it has a commit and no records", f"'refs/runs/{run.run_id}' is another commit: {head}",
    ]  # fmt: skip


def test_a_broken_ref_is_said_and_stops_no_check(repo: Path) -> None:
    run = sealed(repo)
    (repo / f".git/refs/runs/{run.run_id}").write_text("")

    (finding,) = check(repo, repair=True).findings

    assert finding.what == f"ref 'refs/runs/{run.run_id}' is broken"
    assert finding.hint == "what no ref holds is in: git fsck --lost-found"


def test_a_ref_to_an_object_that_is_not_here_is_said(repo: Path, git: Git) -> None:
    run = sealed(repo)
    oid = git("rev-parse", f"refs/exp/data/{run.run_id}")
    (repo / f".git/objects/{oid[:2]}/{oid[2:]}").unlink()

    assert said(repo) == [f"'refs/exp/data/{run.run_id}' names no object: {oid}"]


def test_data_that_cannot_be_read_is_said(repo: Path, git: Git) -> None:
    run = sealed(repo)
    path = f"refs/exp/data/{run.run_id}:series/{run.stem}.00000.jsonl"
    oid = git("rev-parse", path)
    (repo / f".git/objects/{oid[:2]}/{oid[2:]}").unlink()

    (line,) = said(repo)

    assert line.startswith("its data cannot be read: ")


def test_someone_else_s_run_without_its_code_is_as_it_should_be(
    repo: Path, git: Git, tmp_path: Path
) -> None:
    sealed(repo)
    git("clone", "-q", repo, tmp_path / "clone")
    git("fetch", "-q", "origin", "refs/notes/exp:refs/notes/exp", cwd=tmp_path / "clone")

    assert check(tmp_path / "clone").findings == []


def test_the_refs_of_a_deleted_run_that_came_back_go_again(repo: Path, git: Git) -> None:
    run = sealed(repo)
    data = git("rev-parse", f"refs/exp/data/{run.run_id}")
    at = opened(repo)
    at.remove([get(at, run)])
    git("update-ref", f"refs/runs/{run.run_id}", run.commit)
    git("update-ref", f"refs/exp/data/{run.run_id}", data)

    mended(repo, "it is deleted, and still has a ref")

    assert git("for-each-ref", "refs/runs", "refs/exp") == ""


def test_the_refs_of_a_run_are_not_those_of_a_deleted_one_that_claims_its_id(
    repo: Path, git: Git
) -> None:
    run = sealed(repo)
    head = git("rev-parse", "HEAD")
    start = records.RunStart(t=records.stamp(START), v=1, run_id=run.run_id, name="an impostor")
    stone = records.Deleted(t=records.stamp(START + 1))
    note = records.line(start) + records.line(stone)
    git("notes", "--ref=exp", "add", "-F", "-", head, stdin=note.decode())

    assert check(repo, repair=True).findings == []

    assert git("rev-parse", f"refs/runs/{run.run_id}") == run.commit
    assert values(opened(repo), run) == [1]


def test_a_run_that_has_a_commit_and_no_records_is_said(repo: Path, git: Git) -> None:
    run_id = "11111111-1111-4111-8111-111111111111"
    git("update-ref", f"refs/runs/{run_id}", "HEAD")

    (finding,) = check(repo).findings

    assert (finding.run, finding.what) == (run_id, "it has a commit and no records")


def test_a_lock_that_nobody_takes_away_is_named(repo: Path) -> None:
    lock = refs.lock_of(found(repo), "refs/notes/exp")
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert said(repo) == []
    os.utime(lock, (time.time() - 60,) * 2)

    (finding,) = check(repo).findings

    assert finding.what == f"'{lock}' has been there for a while"
    assert finding.hint == f"if no git process is running in this repository: rm '{lock}'"


def test_a_spool_that_somebody_else_seals_during_the_repair_is_mended(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Spooled(found(repo)).end()
    complete = seal.complete

    def late(*args: Any, **given: Any) -> seal.Report:
        complete(*args)
        return complete(*args, **given)

    monkeypatch.setattr(seal, "complete", late)

    verdict = check(repo, repair=True)

    assert [(one.what, one.mended) for one in verdict.findings] == [
        ("its spool is not sealed", True)
    ]


@pytest.mark.parametrize(
    "tidying", [("pack-refs", "--all"), ("gc", "-q"), ("repack", "-q", "-a", "-d")]
)
def test_whatever_git_tidies_at_any_time_all_is_found_again(
    repo: Path, git: Git, tidying: tuple[str, ...]
) -> None:
    exp = Experiment("tidy")
    git(*tidying)
    exp.track(1)
    exp.checkpoint()
    git(*tidying)
    exp.track(2)
    git(*tidying)
    exp.finish()
    git(*tidying)
    at = opened(repo)
    (run,) = at.runs()
    at.add(run, lambda t: records.Tag(t=t, tags=["x"]))
    git(*tidying)

    (got,) = at.runs()

    assert (got.status, got.tags, got.metrics["value"].count) == ("finished", ["x"], 2)
    assert len(list(at.series(got))) == 2
    assert check(repo).findings == []
    assert whole(repo) == ""
    at.remove([got])
    git(*tidying)
    assert at.runs() == []
    assert git("for-each-ref", "refs/runs", "refs/exp") == ""
