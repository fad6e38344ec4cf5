"""The store as its readers see it: sealed or not, newest first, and what is deleted stays so."""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_exp import Experiment, errors, merge, records, run, seal, spool, store
from git_exp.git import notes, objects, refs
from git_exp.git.repo import Repo
from git_exp.store import Store
from tests.conftest import Clock, Exp
from tests.spooled import (
    HOUR,
    START,
    Spooled,
    as_another_user,
    counted,
    found,
    get,
    opened,
    values,
    waiting,
)  # fmt: skip

Git = Callable[..., str]
DAY = 24 * HOUR


def ids(at: Store, limit: int | None = None) -> list[str]:
    return [run.id for run in at.runs(limit)]


def sealed(repo: Path, *, at: int = START, **given: Any) -> Spooled:
    run = Spooled(found(repo), at=at, **given).end()
    seal.complete(found(repo))
    return run


def sealing_before(patch: pytest.MonkeyPatch, owner: Any, name: str, here: Repo) -> None:
    """Somebody seals right before the first call of a function."""
    real = getattr(owner, name)

    def disturbed(*args: Any, **given: Any) -> Any:
        patch.setattr(owner, name, real)
        assert seal.complete(here).sealed
        return real(*args, **given)

    patch.setattr(owner, name, disturbed)


def test_runs_come_newest_first_whether_sealed_or_not(repo: Path) -> None:
    here = found(repo)
    old = sealed(repo, at=START + 2 * HOUR)
    living = Spooled(here, at=START + 3 * HOUR)
    oldest = sealed(repo, at=START)
    dead = Spooled(here, at=START + HOUR).die()

    assert ids(opened(repo)) == [living.run_id, old.run_id, dead.run_id, oldest.run_id]
    assert ids(opened(repo), 2) == [living.run_id, old.run_id]
    assert ids(opened(repo), 0) == []
    assert [one.status for one in opened(repo).runs()] == [
        "running", "finished", "crashed", "finished",
    ]  # fmt: skip


def test_a_listing_reads_each_note_once_and_folds_no_more_than_asked(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    for number in range(40):
        Spooled(here, at=START + number * HOUR).end()
    seal.complete(here)
    trees = {path.parent for path in map(Path, _paths(here))}

    with (
        counted(monkeypatch, objects, "blob") as blobs,
        counted(monkeypatch, objects, "tree") as listed,
        counted(monkeypatch, store, "fold") as folded,
    ):
        assert len(opened(repo).runs(5)) == 5

    assert len(blobs) == 40
    assert len(listed) == len(trees) + 1
    assert len(folded) == 5


def _paths(here: Repo) -> list[str]:
    names = here.git("ls-tree", "-r", "--name-only", "refs/notes/exp")
    return names.decode().splitlines()


def test_one_run_is_read_without_reading_the_others(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    runs = [Spooled(here).end() for _ in range(20)]
    seal.complete(here)

    with counted(monkeypatch, objects, "blob") as blobs:
        assert get(opened(repo), runs[7]).status == "finished"

    assert len(blobs) == 1


def test_a_run_is_found_by_its_whole_id_alone(repo: Path, git: Git) -> None:
    one, two = sealed(repo), sealed(repo)
    git("update-ref", "-d", f"refs/runs/{two.run_id}")
    git("update-ref", f"refs/runs/{'1' * 8}-1111-4111-8111-{'1' * 12}", one.commit)

    at = opened(repo)

    assert get(at, one).id == one.run_id
    assert get(at, two).id == two.run_id
    assert at.get(f"{'1' * 8}-1111-4111-8111-{'1' * 12}") is None
    assert at.get("../../HEAD") is None
    assert at.get("") is None
    assert at.at(git("rev-parse", "HEAD")) is None


@pytest.mark.parametrize(
    ("owner", "name"), [(notes, "tip"), (notes, "listing"), (Store, "_sealed")]
)
def test_a_run_that_is_sealed_while_it_is_listed_is_not_missed(
    repo: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.end()
    sealing_before(monkeypatch, owner, name, here)

    assert ids(opened(repo)) == [run.run_id]

    assert waiting(here) == []


@pytest.mark.parametrize(
    "read",
    [
        lambda at, run: [len(at.lines(run)), 2],
        lambda at, run: [at.at(run.commit).id, run.id],
        lambda at, run: [at.file(run, "output/stdout"), b"said\n"],
        lambda at, run: [len(list(at.series(run))), 1],
    ],
)
@pytest.mark.parametrize(
    ("owner", "name"),
    [(notes, "tip"), (spool, "look"), (Path, "open"), (refs, "resolve")],
    ids=["tip", "look", "open", "resolve"],
)
def test_what_is_sealed_while_it_is_read_is_read_whole(
    repo: Path, monkeypatch: pytest.MonkeyPatch, read: Any, owner: Any, name: str
) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    (run.folder / "output").mkdir()
    (run.folder / "output/stdout").write_text("said\n")
    run.end()
    at = opened(repo)
    got = get(at, run)
    with monkeypatch.context() as patched:
        real, done = getattr(owner, name), list[str]()

        def disturbed(*args: Any, **given: Any) -> Any:
            if not done:
                done.append(name)
                seal.complete(here)
            return real(*args, **given)

        patched.setattr(owner, name, disturbed)

        answer, expected = read(at, got)

    assert answer == expected


def test_a_note_on_a_living_run_whose_own_note_is_not_there_yet(repo: Path, exp: Exp) -> None:
    run = Spooled(found(repo))
    at = opened(repo)

    at.add(get(at, run), lambda t: records.Note(t=t, text="watch this"))
    at.add(get(at, run), lambda t: records.Tag(t=t, tags=["a", "b"]))
    at.add(get(at, run), lambda t: records.Untag(t=t, tags=["a"]))
    at.add(get(at, run), lambda t: records.Rename(t=t, name="renamed"))

    got = get(at, run)
    assert ([one.text for one in got.notes], got.tags, got.name) == (
        ["watch this"], ["b"], "renamed",
    )  # fmt: skip
    assert got.live
    run.end()
    seal.complete(found(repo))
    after = get(opened(repo), run)
    assert (after.status, after.tags, after.name) == ("finished", ["b"], "renamed")


def test_an_untag_by_a_clock_an_hour_behind_sorts_after_its_tag(
    repo: Path, git: Git, clock: Clock
) -> None:
    run = sealed(repo, at=clock.now // 1000)
    at = opened(repo)
    clock.move(60)
    at.add(get(at, run), lambda t: records.Tag(t=t, tags=["best"]))
    clock.move(-3600)

    at.add(get(at, run), lambda t: records.Untag(t=t, tags=["best"]))

    assert get(at, run).tags == []
    times = [line[6:33].decode() for line in at.lines(get(at, run))]
    assert times == sorted(times)
    assert records.micros(times[-1]) == records.micros(times[-2]) + 1


def test_an_untag_sorts_after_a_tag_that_is_still_in_the_journal(repo: Path, clock: Clock) -> None:
    run = Spooled(found(repo), at=clock.now // 1000 + 600_000_000)
    run.write(records.Tag, tags=["best"])
    at = opened(repo)

    at.add(get(at, run), lambda t: records.Untag(t=t, tags=["best"]))

    assert get(at, run).tags == []


def test_a_line_of_the_day_after_tomorrow_is_damage_and_pushes_no_clock(
    repo: Path, git: Git, clock: Clock
) -> None:
    run = sealed(repo, at=clock.now // 1000)
    at = opened(repo)
    future = records.stamp(clock.now // 1000 + 2 * DAY)
    at.add(get(at, run), lambda t: records.Rename(t=future, name="from the future"))
    clock.move(60)

    at.add(get(at, run), lambda t: records.Rename(t=t, name="from now"))

    got = get(at, run)
    assert (got.name, got.damaged) == ("from now", 1)
    assert at.lines(got)[-2][6:33].decode() == records.stamp(clock.now // 1000)


def test_a_journal_of_the_day_after_tomorrow_pushes_no_clock(repo: Path, clock: Clock) -> None:
    run = Spooled(found(repo), at=clock.now // 1000 + 2 * DAY)
    at = opened(repo)

    at.add(get(at, run), lambda t: records.Tag(t=t, tags=["now"]))

    assert get(at, run).tags == ["now"]
    assert at.lines(get(at, run))[0][6:33].decode() == records.stamp(clock.now // 1000)


def test_what_is_deleted_is_gone_from_sight_and_its_lines_stay(repo: Path, git: Git) -> None:
    run, kept = sealed(repo), sealed(repo)
    before = git("notes", "--ref=exp", "show", run.commit)
    at = opened(repo)
    got = get(at, run)

    at.remove([got], reason="a mistake")

    assert ids(at) == [kept.run_id]
    assert at.get(run.run_id) is None
    assert at.at(run.commit) is None
    assert git("for-each-ref", "--format=%(refname)", "refs/runs") == f"refs/runs/{kept.run_id}"
    after = git("notes", "--ref=exp", "show", run.commit)
    assert after.startswith(before)
    stone = records.parse(after.splitlines()[-1].encode())
    assert isinstance(stone, records.Deleted)
    assert (stone.by, stone.reason) == ("Ada", "a mistake")
    assert git("log", "-1", "--format=%s", "refs/notes/exp") == "exp: delete 1 run"


def test_later_lines_do_not_bring_a_deleted_run_back(repo: Path, git: Git) -> None:
    run = sealed(repo)
    at = opened(repo)
    got = get(at, run)
    at.remove([got])

    at.add(got, lambda t: records.Note(t=t, text="later"))

    assert ids(at) == []
    assert at.get(run.run_id) is None


def test_a_dead_run_that_was_never_sealed_can_be_deleted(repo: Path, git: Git) -> None:
    here = found(repo)
    run = Spooled(here)
    run.track(1)
    run.die()
    at = opened(repo)

    at.remove([get(at, run)])

    assert ids(at) == []
    seal.complete(here)
    assert ids(opened(repo)) == []
    assert git("for-each-ref", "refs/runs", "refs/exp") == ""
    assert waiting(here) == []


def test_several_runs_are_deleted_in_one_commit(repo: Path, git: Git) -> None:
    runs = [sealed(repo), sealed(repo)]
    at = opened(repo)
    count = int(git("rev-list", "--count", "refs/notes/exp"))

    at.remove([get(at, run) for run in runs])

    assert ids(at) == []
    assert int(git("rev-list", "--count", "refs/notes/exp")) == count + 1
    assert git("log", "-1", "--format=%s", "refs/notes/exp") == "exp: delete 2 runs"


def test_a_living_run_is_not_deleted_nor_is_any_other_with_it(repo: Path, git: Git) -> None:
    dead, living = sealed(repo), Spooled(found(repo))
    at = opened(repo)
    runs = [get(at, dead), get(at, living)]

    with pytest.raises(errors.Refused, match=f"run '{living.run_id}' is still running") as refusal:
        at.remove(runs)

    assert refusal.value.hint == "stop it first"
    assert sorted(ids(at)) == sorted([dead.run_id, living.run_id])


def test_a_run_that_came_to_life_after_it_was_read_is_not_deleted(repo: Path) -> None:
    run = Spooled(found(repo))
    at = opened(repo)
    got = get(at, run)
    got.live = False

    with pytest.raises(errors.Refused, match="still running"):
        at.remove([got])


def test_deleting_a_run_that_claims_another_s_id_leaves_that_one_alone(
    repo: Path, git: Git
) -> None:
    run = Spooled(found(repo))
    run.track(1)
    run.end()
    seal.complete(found(repo))
    head = git("rev-parse", "HEAD")
    start = records.RunStart(t=records.stamp(START), v=1, run_id=run.run_id, name="an impostor")
    git("notes", "--ref=exp", "add", "-m", records.line(start).decode(), head)
    at = opened(repo)
    impostor = at.at(head)
    assert impostor is not None

    at.remove([impostor])

    assert [one.name for one in at.runs()] == ["a run"]
    assert values(at, run) == [1]
    assert git("rev-parse", f"refs/runs/{run.run_id}") == run.commit


@pytest.mark.parametrize("claimed", ["../../../etc", "", "x" * 300, "refs/heads/main"])
def test_an_id_that_is_none_leads_nowhere(repo: Path, git: Git, claimed: str) -> None:
    head = git("rev-parse", "HEAD")
    start = records.RunStart(t=records.stamp(START), v=1, run_id=claimed, name="odd")
    git("notes", "--ref=exp", "add", "-m", records.line(start).decode(), head)
    at = opened(repo)
    (odd,) = at.runs()

    assert list(at.series(odd)) == []
    assert at.file(odd, "output/stdout") is None
    assert len(at.lines(odd)) == 1
    at.remove([odd])

    assert ids(at) == []
    assert git("rev-parse", "main") == head


def test_a_note_that_nobody_can_read_hides_no_other(repo: Path) -> None:
    bad, good = sealed(repo), sealed(repo)
    here = found(repo)
    (blob,) = notes.blobs(here, notes.tip(here).tree, bad.commit)
    (repo / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()

    assert ids(opened(repo)) == [good.run_id]


def test_a_damaged_line_in_a_note_is_counted_and_the_rest_is_read(repo: Path, git: Git) -> None:
    run = sealed(repo)
    git("notes", "--ref=exp", "append", "-m", "!! by hand", run.commit)
    newer = sealed(repo, at=START + HOUR)

    assert ids(opened(repo), 1) == [newer.run_id]
    got = get(opened(repo), run)
    assert (got.damaged, got.status, got.name) == (1, "finished", "a run")


def test_a_note_in_two_places_is_one_note(repo: Path, git: Git) -> None:
    run = sealed(repo)
    extra = records.line(records.Note(t=records.stamp(START + DAY), text="in another place"))
    blob = git("hash-object", "-w", "--stdin", stdin=extra.decode())
    here = found(repo)
    writer = objects.Writer(here)
    tree = writer.tree(notes.tip(here).tree, {run.commit: (objects.BLOB, blob)})
    commit = git("commit-tree", tree, "-m", "mixed", "-p", "refs/notes/exp")
    git("update-ref", "refs/notes/exp", commit)

    (got,) = opened(repo).runs()

    assert (got.status, [one.text for one in got.notes]) == ("finished", ["in another place"])
    assert len(opened(repo).lines(got)) == 3


def test_a_notes_ref_that_names_no_commit_is_said_plainly(repo: Path) -> None:
    sealed(repo)
    oid = "1" * 40
    (repo / ".git/refs/notes/exp").write_text(f"{oid}\n")

    with pytest.raises(errors.RepositoryError, match="'refs/notes/exp' names no commit") as said:
        opened(repo).runs()

    assert said.value.hint == "look for damage: git fsck"


def test_own_runs_are_those_that_were_started_here(repo: Path, git: Git, tmp_path: Path) -> None:
    run = sealed(repo)
    git("clone", "-q", repo, tmp_path / "clone")
    git("fetch", "-q", "origin", "refs/notes/exp:refs/notes/exp", cwd=tmp_path / "clone")

    assert get(opened(repo), run).own
    assert not get(opened(tmp_path / "clone"), run).own


def test_own_runs_are_known_among_many_as_among_few(tmp_path: Path) -> None:
    ids = [f"{at:08d}-0000-4000-8000-000000000000" for at in range(200)]
    path = tmp_path / "local"
    path.write_text("".join(f"{one}\n" for one in ids[:100]))
    own = store.Own(path)

    assert own.among([ids[99], ids[100], "", "0000"]) == {ids[99]}
    assert own.among(ids) == set(ids[:100])
    assert own.among([ids[99], ids[100], "", "0000"]) == {ids[99]}
    with path.open("a") as file:
        file.write(f"{ids[100]}\n")
    assert own.among([ids[100]]) == {ids[100]}


READING = """
store = opened(Path.cwd())
print([(run.name, run.status) for run in store.runs()])
print(store.recover())
print([run.name for run in store.runs()])
try:
    store.add(store.runs()[0], lambda t: None)
except Exception as error:
    print(type(error).__name__, str(error).rpartition(": ")[2])
"""


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_who_may_only_read_sees_every_run_and_changes_none(repo: Path) -> None:
    sealed(repo, name="sealed")
    Spooled(found(repo), name="dead").die()

    said = as_another_user(READING, repo).splitlines()

    assert sorted(ast.literal_eval(said[0])) == [("dead", "crashed"), ("sealed", "finished")]
    assert said[1] == "Report(sealed=[], aside={})"
    assert sorted(ast.literal_eval(said[2])) == ["dead", "sealed"]
    assert said[3:] == ["WriteFailed Permission denied"]


def test_recovering_seals_what_the_dead_left_and_never_complains(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = found(repo)
    run = Spooled(here).die()
    at = opened(repo)
    with monkeypatch.context() as patched:
        patched.setattr(seal, "complete", _fail)
        assert at.recover() == seal.Report()

    assert at.recover().sealed == [run.run_id]


def _fail(*_: Any, **__: Any) -> None:
    raise errors.StoreBusy(0)


def test_the_state_of_a_run_is_the_fold_of_its_lines(repo: Path) -> None:
    exp = Experiment("folded", metadata={"hparams": {"lr": 0.1}}, tags=["a"])
    exp.track({"loss": 1})
    exp.finish()
    at = opened(repo)
    (got,) = at.runs()

    again = run.fold(at.lines(got), commit=got.commit, now=time.time_ns() // 1000)

    again.own = True
    assert again == got
    assert merge.union(at.lines(got)) == notes.read(
        found(repo), notes.tip(found(repo)).tree, got.commit
    )
