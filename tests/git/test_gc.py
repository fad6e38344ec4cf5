"""What is written while a gc of git's is at work, which has read the refs before."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from git_exp.git import gc
from tests import programs
from tests.conftest import Exp
from tests.spooled import found

Git = Callable[..., str]
MACHINE = os.uname().nodename


def _locked(repo: Path, said: str, *, age: float = 0) -> None:
    path = repo / ".git" / "gc.pid"
    path.write_text(said)
    os.utime(path, (time.time() - age,) * 2)


@pytest.fixture
def end(repo: Path, git: Git) -> Callable[[], None]:
    """A gc is at work. Called, it takes all that is loose, which it knew no ref of, and ends."""
    git("gc", "-q", "--prune=now")
    _locked(repo, f"{os.getpid()} {MACHINE}")

    def ended() -> None:
        taken = list((repo / ".git" / "objects").glob("[0-9a-f][0-9a-f]/*"))
        assert taken, "nothing new was loose: this gc proves nothing"
        for path in taken:
            path.unlink()
        (repo / ".git" / "gc.pid").unlink()

    return ended


def _packs(repo: Path) -> int:
    return len(list((repo / ".git/objects/pack").glob("*.pack")))


def test_a_gc_takes_nothing_of_a_run_that_began_and_ended_beside_it(
    repo: Path, git: Git, exp: Exp, end: Callable[[], None]
) -> None:
    (repo / "train.py").write_text("print('METRIC acc=0.75')\n")
    (repo / "new.txt").write_text("untracked\n")

    exp("run", "--", "python", "train.py")
    end()

    git("fsck", "--strict", "--connectivity-only")
    assert programs.only().metrics["acc"].last == 0.75
    ref = git("for-each-ref", "--format=%(refname)", "refs/runs")
    assert git("show", f"{ref}:new.txt") == "untracked"


def test_a_gc_takes_nothing_of_tasks(
    repo: Path, git: Git, exp: Exp, end: Callable[[], None]
) -> None:
    programs.run(
        "from git_exp import Param, Task, experiment\n"
        "class Add(Task):\n"
        "    number: Param[int]\n"
        "    def execute(self):\n"
        "        return {'sum': self.number + 1}\n"
        "with experiment('many'):\n"
        "    for number in range(3):\n"
        "        Add(number=number).submit()\n"
    )

    end()

    git("fsck", "--strict", "--connectivity-only")
    assert [run.status for run in programs.runs()] == ["finished"] * 4


def test_a_gc_takes_nothing_that_was_put_aside(
    repo: Path, git: Git, exp: Exp, end: Callable[[], None]
) -> None:
    exp("run", "--", "true")
    (repo / "train.py").write_text("the user's\n")

    exp("checkout", "--save", "@")
    assert (repo / "train.py").read_text() != "the user's\n"
    end()

    exp("checkout", "@{saved}")
    assert (repo / "train.py").read_text() == "the user's\n"


def test_a_gc_takes_nothing_that_is_imported(
    repo: Path, git: Git, exp: Exp, end: Callable[[], None]
) -> None:
    (repo / "results.tsv").write_text("commit\tacc\n" + git("rev-parse", "HEAD") + "\t0.5\n")

    exp("import", "tsv", "results.tsv")
    end()

    git("fsck", "--strict", "--connectivity-only")
    assert programs.only().metrics["acc"].last == 0.5


def test_where_no_gc_is_at_work_nothing_is_packed(repo: Path, exp: Exp) -> None:
    exp("run", "--", "true")

    assert _packs(repo) == 0


def test_what_is_gone_already_is_not_held(repo: Path, git: Git) -> None:
    kept = git("rev-parse", "HEAD")
    _locked(repo, f"{os.getpid()} {MACHINE}")

    assert gc.held(found(repo), [kept])
    assert gc.held_commit(found(repo), kept, None)
    assert not gc.held(found(repo), [kept, "1" * 40])
    assert not gc.held_commit(found(repo), "1" * 40, kept)


def test_a_lock_says_whether_a_gc_is_at_work_as_git_reads_it(repo: Path) -> None:
    with subprocess.Popen((sys.executable, "-c", "")) as ended:
        pass
    told = {
        f"{os.getpid()} {MACHINE}": True,
        f"{ended.pid} {MACHINE}": False,
        f"{ended.pid} elsewhere": True,
        "1 ": False,
        "": False,
        f"x {MACHINE}": False,
        f"{10**30} {MACHINE}": False,
        f"1 {MACHINE}": True,
    }

    for said, under_way in told.items():
        _locked(repo, said)
        assert gc.is_under_way(found(repo)) is under_way, said


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="only Linux tells")
@pytest.mark.parametrize(
    ("words", "expires", "under_way"),
    [
        (("gc", "--auto"), None, False),
        (("gc", "--auto", "--prune=now"), None, True),
        (("gc", "--auto"), "now", True),
        (("gc", "--auto"), "2.weeks.ago", False),
        (("gc", "-q"), None, True),
    ],
)
def test_the_gc_that_git_starts_by_itself_takes_nothing_that_is_new(
    repo: Path, git: Git, words: tuple[str, ...], expires: str | None, under_way: bool
) -> None:
    if expires:
        git("config", "gc.pruneExpire", expires)
    code = "print('here', flush=True); input()"
    program = (sys.executable, "-c", code, *words)
    pipe = subprocess.PIPE
    with subprocess.Popen(program, stdin=pipe, stdout=pipe, text=True) as collector:
        assert collector.stdout
        collector.stdout.readline()
        _locked(repo, f"{collector.pid} {MACHINE}")

        assert gc.is_under_way(found(repo)) is under_way

        collector.communicate("\n")


def test_nothing_new_makes_no_pack(repo: Path) -> None:
    _locked(repo, f"{os.getpid()} {MACHINE}")

    assert gc.held(found(repo), [])
    assert _packs(repo) == 0


def test_a_lock_of_half_a_day_is_nobodys(repo: Path) -> None:
    _locked(repo, f"{os.getpid()} {MACHINE}", age=13 * 3600)

    assert not gc.is_under_way(found(repo))
