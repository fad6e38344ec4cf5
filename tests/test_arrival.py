"""git_exp.arrival: what a checkout did, in words."""

from __future__ import annotations

from pathlib import Path

from git_exp import arrival
from git_exp.left_out import LeftOut
from git_exp.restore import Answer, Form, Kept
from git_exp.run import Run

RUN = Run(id="11111111-0000", commit="c" * 40, name="base")
THERE = Answer(run=RUN.id, commit=RUN.commit, head="c" * 40, was_branch="refs/heads/main")


def answer(**given: object) -> Answer:
    return Answer(run=RUN.id, commit=RUN.commit, **given)  # type: ignore[arg-type]


def test_where_it_went() -> None:
    kept = answer(head="c" * 40, branch="refs/heads/b", kept=(Kept("M", "a"),))

    assert arrival.done(THERE, Form(), RUN) == (
        "HEAD is now at cccccccc, the files are those of run 11111111 'base'"
    )
    assert arrival.done(kept, Form(), None) == (
        "HEAD is now at cccccccc on branch b, the files are those of what was put aside"
        " but for your changes"
    )
    assert arrival.done(answer(branch="refs/heads/b"), Form(), RUN).startswith(
        "HEAD is now on the unborn branch b, the files are those of run"
    )
    assert arrival.done(THERE, Form(undo=True), None) == (
        "HEAD is now detached at cccccccc (branch main stays where it is),"
        " the files are those of what was put aside"
    )
    assert arrival.done(answer(head="c" * 40), Form(undo=True), None).startswith(
        "HEAD is now at cccccccc, the files"
    )
    beside = answer(worktree="/w")
    assert arrival.done(beside, Form(worktree=Path("/w")), RUN).endswith("'base' is in /w")
    for restored, files in ((("a",), "1 file"), (("a", "b"), "2 files")):
        told = arrival.done(answer(restored=restored), Form(paths=("a",)), RUN)
        assert told == f"updated {files} from run 11111111 'base'"


def test_the_way_back() -> None:
    assert arrival.way_back(THERE) == "git switch main"
    assert arrival.way_back(answer()) is None
    assert arrival.way_back(answer(head="c", was_head="d")) == "git switch --detach d"
    assert arrival.way_back(answer(saved="refs/x", way_back="git exp checkout x")) == (
        "git exp checkout x"
    )


def test_what_was_left_out() -> None:
    one = LeftOut(path="big.bin", reason="size", now="changed")

    assert arrival.left_out(THERE) is None
    assert arrival.left_out(answer(left_out=(one,))) == (
        "the snapshot had left out 1 file that are not as they were: big.bin (size; changed)"
    )
    assert (arrival.left_out(answer(left_out=(one,) * 12)) or "").endswith("and more")
