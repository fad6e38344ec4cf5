"""git_exp.doubts: what a run is said to lack."""

from __future__ import annotations

from git_exp import doubts
from git_exp.records import Git
from git_exp.run import Run


def test_a_run_that_is_whole_has_none() -> None:
    assert doubts.of(Run(id="", commit="", git=Git(commit="", capture="full"))) == []


def test_each_doubt_is_one_line() -> None:
    partial = Git(commit="", capture="partial")
    run = Run(id="", commit="", git=partial, conflicts=["lr", "lr", "x"], damaged=2)

    assert doubts.of(run) == [
        "PARTIAL SNAPSHOT: not all of the code that ran was captured",
        "CONFLICT: several values were given for lr, x",
        "DAMAGE: 2 records are not readable; see git exp fsck",
    ]
    assert doubts.of(Run(id="", commit="", damaged=1)) == [
        "NO SNAPSHOT: the code that ran was not captured",
        "DAMAGE: 1 record is not readable; see git exp fsck",
    ]
