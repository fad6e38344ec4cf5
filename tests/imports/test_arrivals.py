"""The way in: once and for all, whoever is killed, deleted, or at it at the same time."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from git_exp import seal
from git_exp.git import objects, refs
from git_exp.imports import arrivals, code
from git_exp.imports.foreign import Broken, Code, Foreign, Point, Source, identified
from tests.cli.conftest import Git_
from tests.imports.sources import got, store, tracks
from tests.programs import everything
from tests.spooled import found, waiting, whole

T = 1_767_323_045_000_000


def run(number: int, **more: Any) -> Foreign:
    def points() -> Iterator[Point | Broken]:
        return (Point(t=T + number, value={"loss": one}, step=one) for one in range(3))

    known: dict[str, Any] = {
        "source": "other", "id": str(number), "run_id": identified("other", str(number)),
        "where": f"file:{number}", "status": "finished", "started": T + number,
        "name": f"run {number}", "points": points, **more,
    }  # fmt: skip
    return Foreign(**known)


def take(*runs: Foreign | Broken, dry_run: bool = False) -> arrivals.Report:
    return arrivals.bring(store(), Source(found=runs, total=len(runs)), dry_run=dry_run)


def lines(run_id: str) -> list[bytes]:
    return store().lines(got(run_id))


def test_importing_twice_adds_nothing(repo: Path, git: Git_) -> None:
    take(run(1), run(2))
    before = git("for-each-ref")

    report = take(run(2), run(1))

    assert (report.imported, report.there) == ([], 2)
    assert git("for-each-ref") == before


def test_a_run_that_stands_twice_in_a_source_comes_in_once(repo: Path) -> None:
    report = take(run(1), run(1))

    assert (len(report.imported), report.there) == (1, 1)


def test_a_run_that_was_deleted_here_stays_deleted(repo: Path, git: Git_) -> None:
    one = run(1)
    take(one)
    store().remove([got(one.run_id)])

    report = take(one, run(2))

    assert (report.deleted, [new.name for new in report.imported]) == (1, ["run 2"])
    assert store().get(one.run_id) is None
    assert git("for-each-ref", f"refs/runs/{one.run_id}") == ""


def test_a_dry_run_says_what_would_come_in_and_writes_nothing(repo: Path, git: Git_) -> None:
    before, objects_before = everything(repo), git("count-objects")

    def points() -> Iterator[Point | Broken]:
        return iter([Broken(where="line 3", why="it is torn")])

    report = take(run(1, points=points), dry_run=True)

    assert [(one.name, one.commit) for one in report.imported] == [("run 1", None)]
    assert [one.why for one in report.broken] == ["it is torn"]
    assert (everything(repo), git("count-objects")) == (before, objects_before)


def test_many_runs_cost_a_commit_of_notes_for_each_hundred(repo: Path, git: Git_) -> None:
    report = take(*map(run, range(201)))

    assert len(report.imported) == 201
    assert git("rev-list", "--count", "refs/notes/exp") == "3"
    assert waiting(found(repo)) == []
    assert whole(repo) == ""


class Killed(BaseException):
    """What a kill looks like from inside: nothing that comes after is done."""


def deadly(patch: pytest.MonkeyPatch, after: int) -> Callable[[Any, str], None]:
    """What makes functions die: the call after so many of all those together."""
    step = itertools.count()

    def perilous(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def fatal(*args: Any, **given: Any) -> Any:
            if next(step) == after:
                raise Killed
            return real(*args, **given)

        patch.setattr(owner, name, fatal)

    return perilous


@pytest.mark.parametrize("after", range(9))
def test_killed_anywhere_another_import_completes_it(
    repo: Path, git: Git_, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    runs = [run(number) for number in range(3)]
    with monkeypatch.context() as patch:
        perilous = deadly(patch, after)
        perilous(arrivals, "_opened")
        perilous(code, "hold")
        perilous(Path, "rename")
        perilous(refs, "update")
        perilous(seal, "complete")
        with pytest.raises(Killed):
            take(*runs)

    for journal in seal.spools(found(repo)).glob("*/*.jsonl"):
        assert b'"event":"run_end"' in journal.read_bytes()
    report = take(*runs)
    store().recover()

    assert len(report.imported) + report.there == 3
    assert {one.name: one.status for one in store().runs()} == {
        "run 0": "finished", "run 1": "finished", "run 2": "finished",
    }  # fmt: skip
    assert all(one.metrics["loss"].count == 3 and one.own for one in store().runs())
    assert all(len(tracks(one)) == 3 for one in store().runs())
    assert len(git("for-each-ref", "refs/runs").splitlines()) == 3
    assert waiting(found(repo)) == []
    assert whole(repo) == ""


@pytest.mark.parametrize("after", range(5))
def test_killed_while_a_run_ends_another_import_ends_it(
    repo: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    points = [Point(t=T + at, value={"loss": at}, step=at) for at in range(4)]
    take(run(1, status="lost", points=lambda: points[:2]))
    one = run(1, points=lambda: points, ended=T + 9, notes=["over"])
    with monkeypatch.context() as patch:
        perilous = deadly(patch, after)
        perilous(arrivals, "_opened")
        perilous(Path, "rename")
        perilous(refs, "update")
        perilous(seal, "complete")
        with contextlib.suppress(Killed):
            take(one)

    take(one)
    store().recover()

    here = got(one.run_id)
    assert (here.status, [note.text for note in here.notes]) == ("finished", ["over"])
    assert (here.metrics["loss"].count, len(tracks(here))) == (4, 4)
    assert waiting(found(repo)) == []
    assert whole(repo) == ""


def test_a_run_whose_ref_a_killed_import_left_keeps_its_commit(
    repo: Path, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = git("rev-parse", "HEAD")
    one = run(1, code=Code(commit=head))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", _killed)
        with pytest.raises(Killed):
            take(one)
    before = git("rev-parse", f"refs/runs/{one.run_id}")
    # From here on a commit of it would have another date.
    git("update-ref", "refs/remotes/origin/main", head)

    take(one)

    assert (got(one.run_id).commit, got(one.run_id).base) == (before, head)


def test_a_journal_that_got_its_name_meanwhile_is_not_written_anew(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = run(1)
    folder = seal.spools(found(repo)) / one.run_id
    real = fcntl.flock

    def late(file: Any, how: int) -> None:
        """The other import is done just before this one looks."""
        hidden = folder / ".0.import.jsonl.new"
        if hidden.exists():
            hidden.write_text("all of it\n")
            hidden.rename(folder / "done")
        real(file, how)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", late)
        report = take(one)

    assert (report.imported, report.there) == ([], 1)
    assert (folder / "done").read_text() == "all of it\n"


def _killed(*_: Any) -> None:
    raise Killed


@pytest.mark.slow
def test_imports_at_the_same_time_bring_in_each_run_once(repo: Path, git: Git_) -> None:
    rows = "".join(f"{number:07x}\t{number}\tkeep\n" for number in range(150))
    (repo / "results.tsv").write_text(f"commit\tloss\tstatus\n{rows}")
    words = (sys.executable, "-m", "git_exp", "import", "tsv", "results.tsv")

    programs = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [program.communicate() for program in programs]

    assert [program.returncode for program in programs] == [0, 0, 0], said
    store().recover()
    every = store().runs()
    assert len(every) == len({one.id for one in every}) == 150
    assert {len(lines(one.id)) for one in every} == {2}
    assert waiting(found(repo)) == []
    assert whole(repo) == ""


def test_a_gc_in_between_takes_nothing(
    repo: Path, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = code.hold

    def collected(*args: Any) -> None:
        git("gc", "-q", "--prune=now")
        real(*args)

    monkeypatch.setattr(code, "hold", collected)

    take(run(1), run(2))

    assert len(store().runs()) == 2
    assert whole(repo) == ""


def test_every_record_is_later_than_the_one_before(repo: Path) -> None:
    points = (Point(t=T + at, value=at) for at in (5, 5, -7, 3_000, 2))
    one = run(0, points=lambda: points, ended=T + 4_000, notes=["n"])

    take(one)

    times = [line[6:33] for line in [*store().series(got(one.run_id)), *lines(one.run_id)]]
    assert len(set(times)) == len(times) == 8
    assert [track.t[20:26] for track in tracks(got(one.run_id))] == [
        "000005", "000006", "000007", "003000", "003001",
    ]  # fmt: skip
    assert got(one.run_id).duration_ms == 4
    assert lines(one.run_id)[0][6:33] == b"2026-01-02T03:04:05.000000Z"


def test_words_of_others_become_names_that_can_be(repo: Path) -> None:
    odd = {
        1: ("--all", "all"),
        2: ("@{best:acc}", "{best:acc}"),
        3: ("two\nlines\0\u2028of", "two lines of"),
        4: ("x" * 999, "x" * 200),
        5: (" \t", None),
        6: ("\udcff", '"\\377"'),
        7: (None, None),
    }

    report = take(*(run(at, name=said, tags=[" \n", "a\nb"]) for at, (said, _) in odd.items()))

    assert report.broken == []
    for at, (_, name) in odd.items():
        known = got(identified("other", str(at)))
        assert known.name == name or (name is None and known.name)
        assert known.tags == ["a b"]


def test_what_no_record_can_hold_is_named_and_the_others_come_in(repo: Path) -> None:
    big = 1 << 20_000

    report = take(
        run(1, metadata={"x": big}),
        run(2, params={"x": big}),
        run(3, points=lambda: [Point(t=T, value=big), Point(t=T, value=1)]),
        run(4, started=T * 10),
    )

    assert [(one.where, one.why.partition(":")[0]) for one in report.broken] == [
        ("file:1", "cannot record 'metadata.x'"),
        ("file:2", "cannot record 'params.x'"),
        ("file:4", "it started in the future"),
        ("file:3", "cannot record 'value'"),
    ]
    assert [one.name for one in report.imported] == ["run 3"]
    assert got(identified("other", "3")).metrics["value"].count == 1


def test_a_name_that_git_refuses_in_a_commit_is_cleaned(repo: Path, git: Git_) -> None:
    take(run(1, user="<Eve>\n, x."), run(2, user=".,;"), run(3, user="Zoë <z@x>"))

    def author(number: int) -> str:
        run_id = identified("other", str(number))
        return git("log", "-1", "--format=%an <%ae>", f"refs/runs/{run_id}")

    assert [author(number) for number in (1, 2, 3)] == [
        "Eve , x <Evex@localhost>", "Ada <ada@example.org>", "Zoë z@x <Zozx@localhost>",
    ]  # fmt: skip
    assert whole(repo) == ""


def test_the_date_keeps_out_of_the_negotiation_of_a_fetch(repo: Path, git: Git_) -> None:
    head = git("rev-parse", "HEAD")
    git("update-ref", "refs/remotes/origin/main", head)

    take(run(1, code=Code(commit=head)), run(2))

    dates = [git("log", "-1", "--format=%ct", one.commit) for one in store().runs()]
    assert dates == ["0", str(T // 1_000_000 - 1)]


def test_a_repository_without_a_commit_takes_runs_too(
    tmp_path: Path, git: Git_, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "unborn"
    git("init", "-q", place)
    monkeypatch.chdir(place)

    take(run(1))

    assert objects.is_here(found(place), store().runs()[0].commit)
    assert "unborn" in whole(place)


def test_a_broken_list_ends_at_a_thousand_and_the_count_goes_on(repo: Path) -> None:
    report = take(*(Broken(where=str(at), why="x") for at in range(1_500)))

    assert (len(report.broken), report.broken_count) == (1_000, 1_500)


def test_a_run_that_cannot_be_sealed_is_named(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = run(1)
    monkeypatch.setattr(seal, "complete", lambda _: seal.Report(aside={one.run_id: "a bad ref"}))

    report = take(one)

    assert [each.why for each in report.broken] == ["it could not be sealed: a bad ref"]


def test_progress_is_told_to_its_end(repo: Path) -> None:
    said: list[tuple[int, int]] = []

    arrivals.bring(
        store(),
        Source(found=[run(1), run(2)], total=2),
        progress=lambda done, total: said.append((done, total)),
    )

    assert all(done < total for done, total in said[:-1])
    assert said[-1] == (1, 1)
    assert len(said) == 3
