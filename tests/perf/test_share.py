"""Push and pull against git's own, and what runs that are shared cost everybody's git."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp import data, scan, share
from git_exp.git import notes
from git_exp.git.repo import discover
from git_exp.index.search import Indexed
from tests.perf.conftest import Big
from tests.perf.measure import Row, count, interleaved, process, ratio
from tests.perf.repository import git, history, make
from tests.perf.test_beside import COMMIT, NO_GC

ALL = ("refs/runs/*:refs/runs/*", "refs/exp/data/*:refs/exp/data/*", f"{notes.REF}:{notes.REF}")


@pytest.fixture(autouse=True)
def plain_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra's scanner, which a plain installation does not have."""
    monkeypatch.setattr(scan, "installed", lambda repo: None)


def store(path: Path) -> Indexed:
    """The runs of a repository, whose index is up to date."""
    found = Indexed(discover(path, os.environ))
    found.runs(1)
    return found


def origin(clone: Path, name: str = "origin.git") -> Path:
    """A bare repository on disk that has the code of a clone and is its `origin`."""
    path = clone.parent / name
    git(clone.parent, "init", "-q", "--bare", path)
    git(clone, "remote", "add", "origin", path)
    git(clone, "push", "-q", "origin", "HEAD:refs/heads/main")
    git(clone, "fetch", "-q", "origin")
    git(clone, "branch", "-q", "--set-upstream-to=origin/main")
    return path


@pytest.mark.parametrize("archives", [False, True])
def test_a_push_of_a_thousand_runs(
    tmp_path: Path, rows: list[Row], big: Big, archives: bool
) -> None:
    kept = big("kept", 1_000)

    def pushed(act: Callable[[Path], object]) -> Callable[[], float]:
        def once() -> float:
            here = tmp_path / "here"
            for old in (here, tmp_path / "origin.git"):
                shutil.rmtree(old, ignore_errors=True)
            shutil.copytree(kept, here, symlinks=True)
            origin(here)
            git(here, "config", "exp.archiveAfter", "500" if archives else "1000")
            store(here).close()
            os.sync()
            begun = time.perf_counter()
            act(here)
            return time.perf_counter() - begun

        return once

    took = interleaved(
        7,
        plain=pushed(lambda here: git(here, "push", "-q", "origin", *ALL)),
        ours=pushed(lambda here: share.push(store(here))),
    )
    if archives:
        what = "push of 1,000 runs, 500 of them archived first"
        rows.append(ratio(what, took["plain"], took["ours"]))
    else:
        rows.append(ratio("push of 1,000 runs", took["plain"], took["ours"], at_most=1.5))


def test_a_pull_of_the_notes_of_ten_thousand_runs(
    tmp_path: Path, rows: list[Row], big: Big
) -> None:
    server = origin(big("there", 10_000))
    git(tmp_path / "there", "push", "-q", "origin", f"{notes.REF}:{notes.REF}")
    git(server, "repack", "-adq")
    own = make(tmp_path / "own")

    def cloned(act: Callable[[Path], object]) -> Callable[[], float]:
        def once() -> float:
            here = tmp_path / "here"
            shutil.rmtree(here, ignore_errors=True)
            shutil.copytree(own, here, symlinks=True)
            git(here, "remote", "add", "origin", server)
            begun = time.perf_counter()
            act(here)
            return time.perf_counter() - begun

        return once

    def pulled(here: Path) -> None:
        share.pull(Indexed(discover(here, os.environ)))

    took = interleaved(
        7,
        fetch=cloned(lambda here: git(here, "fetch", "-q", "origin", f"{notes.REF}:refs/x")),
        pull=cloned(pulled),
    )
    fetch, pull = took["fetch"].median, took["pull"].median
    rows.append(ratio("pull of the notes of 10,000 runs", took["fetch"], took["pull"]))
    rows.append(
        Row(
            what="... its merge, with what is over two fetches",
            floor=f"{2 * fetch * 1e3:.0f} ms",
            ours=f"{pull * 1e3:.0f} ms",
            figure=f"{max(0.0, pull - 2 * fetch) * 1e3:.0f} ms",
            goal="at most 1 s",
            met=pull - 2 * fetch <= 1.0,
        )
    )


def test_a_pull_of_one_line_beside_two_thousand_runs(
    tmp_path: Path, rows: list[Row], big: Big
) -> None:
    ours = big("ours", 2_000)
    server = origin(ours)
    share.push(store(ours))
    git(tmp_path, "clone", "-q", server, "theirs")
    theirs = store(tmp_path / "theirs")
    share.pull(theirs)
    run = theirs.runs(1)[0]
    from git_exp.records import Note

    theirs.add(run, lambda t: Note(t=t, text="one line"))
    share.push(theirs)
    before = _objects(ours)

    share.pull(store(ours))

    received = _objects(ours) - before
    rows.append(
        Row(
            what="objects that a pull of one new line receives",
            ours=str(received),
            figure=str(received),
            goal="under 10",
            met=received < 10,
        )
    )


def test_a_push_with_nothing_new(tmp_path: Path, rows: list[Row], big: Big) -> None:
    here = big("here", 2_000)
    origin(here)
    share.push(store(here))
    asked = store(here)

    took = interleaved(
        21,
        asked=process(("git", "ls-remote", "-q", "origin"), here),
        ours=lambda: share.push(asked),
    )

    rows.append(ratio("push with nothing new", took["asked"], took["ours"], at_most=1.3))


def test_what_shared_runs_cost_everybody(tmp_path: Path, rows: list[Row], big: Big) -> None:
    server, alone = _shared(tmp_path, big)
    here, bare = tmp_path / "here", tmp_path / "alone"
    for one in (server, alone, bare):
        # As whoever runs a server does, and as git does by itself where people work. In our clone
        # it has: what has come since stays as it is.
        git(one, "gc", "-q")
    # Files of the very second of their index are read again at each status, in either clone.
    time.sleep(1.1)
    for one in (here, bare):
        git(one, "update-index", "-q", "--refresh")
    mate, other = (_mate(tmp_path, f"mate {at}", of) for at, of in enumerate((server, alone)))

    fetch = interleaved(
        21,
        without=process(("git", "fetch", "-q", "origin"), bare),
        beside=process(("git", "fetch", "-q", "origin"), here),
    )
    rows.append(
        ratio("no-op git fetch beside runs", fetch["without"], fetch["beside"], at_most=1.5)
    )
    haves = [_haves(one) for one in (bare, here)]
    rows.append(count("... its have lines", haves[1], haves[0], floor=str(haves[0])))
    took = interleaved(11, without=_one_commit(other), beside=_one_commit(mate))
    rows.append(ratio("a teammate's git push", took["without"], took["beside"], at_most=1.5))
    for words in (("status",), ("log", "-1"), COMMIT):
        took = interleaved(
            21,
            without=process(("git", *words), bare, **NO_GC),
            beside=process(("git", *words), here, **NO_GC),
        )
        what = f"git {' '.join(words[:2])} beside shared runs"
        rows.append(ratio(what, took["without"], took["beside"], at_most=1.1))


def _shared(tmp_path: Path, big: Big) -> tuple[Path, Path]:
    """A server with 20,000 runs of others, and our 2,000, and one without any."""
    theirs = big("theirs", 20_000)
    history(theirs, 200)
    server = origin(theirs)
    share.push(store(theirs))
    here = big("here", 2_000, seed=2)
    git(here, "remote", "add", "origin", server)
    git(here, "fetch", "-q", "origin")
    git(here, "reset", "-q", "--hard", "origin/main")
    git(here, "branch", "-q", "--set-upstream-to=origin/main")
    share.push(store(here))
    found = store(here)
    foreign = [run for run in found.runs() if not run.own][:500]
    share.pull(found, "origin", foreign)
    for _ in range(2):
        # Whoever pushes archives what the others' newer runs have put past the newest.
        share.push(store(theirs))
        share.push(store(here))
    bare = make(tmp_path / "alone")
    history(bare, 200)
    return server, origin(bare, "alone.git")


def _mate(tmp_path: Path, name: str, server: Path) -> Path:
    # Else it would have the objects of all runs, which no clone from a server has.
    git(tmp_path, "clone", "-q", "--no-local", "-b", "main", server, name)
    return tmp_path / name


def _one_commit(clone: Path) -> Callable[[], float]:
    def once() -> float:
        git(clone, *COMMIT)
        begun = time.perf_counter()
        git(clone, "push", "-q", "origin", "HEAD:main")
        return time.perf_counter() - begun

    return once


def _haves(clone: Path) -> int:
    packets = clone.parent / "packets"
    packets.unlink(missing_ok=True)
    mate = clone.parent / f"mate of {clone.name}"
    git(clone.parent, "clone", "-q", "-b", "main", git(clone, "remote", "get-url", "origin"), mate)
    git(mate, *COMMIT)
    git(mate, "push", "-q", "origin", "HEAD:main")
    git(clone, "fetch", "-q", "origin", GIT_TRACE_PACKET=str(packets))
    return packets.read_text(errors="replace").count("fetch> have ")


def _objects(clone: Path) -> int:
    said = dict(line.split(": ") for line in git(clone, "count-objects", "-v").splitlines())
    return int(said["count"]) + int(said["in-pack"])


def test_refs_of_shared_runs_are_few(tmp_path: Path, rows: list[Row], big: Big) -> None:
    here = big("here", 2_000)
    server = origin(here)
    share.push(store(here))

    there = git(server, "for-each-ref", "--format=%(refname)", "refs/runs", data.name("")).split()
    rows.append(
        Row(
            what="refs of 2,000 runs on the server",
            ours=str(len(there)),
            figure=str(len(there)),
            goal="at most 1000",
            met=len(there) <= 1_000,
        )
    )
