"""What `git status --porcelain=v2 -z` says, read into values."""

from __future__ import annotations

import os
from pathlib import Path

from git_exp.git import status
from git_exp.git.repo import Config, discover
from git_exp.git.status import Submodule
from tests.git.witness import commit, git, write

OID = "1" * 40


def lines(*text: str) -> bytes:
    return b"".join(os.fsencode(one) + b"\0" for one in text)


def line(xy: str, path: str, *, sub: str = "N...", modes: str = "100644 100644 100644") -> str:
    return f"1 {xy} {sub} {modes} {OID} {OID} {path}"


def test_a_status_of_git_is_read_into_its_parts(repo: Path) -> None:
    commit(repo, {"changed": "1", "gone": "1", "staged": "1"})
    (repo / "gone").unlink()
    write(repo, {"staged": "2", "new file": "n"})
    git(repo, "add", "staged")
    write(repo, {"changed": "2"})
    found = discover(repo, dict(os.environ))

    seen = status.parse(found.git(*status.args(found.config)))

    assert seen.head == git(repo, "rev-parse", "HEAD").decode()
    assert seen.branch == "main"
    assert seen.staged
    assert (seen.changed, seen.removed, seen.untracked) == ([b"changed"], [b"gone"], [b"new file"])
    assert (seen.unmerged, seen.submodules, seen.unreadable) == ([], [], [])


def test_an_unborn_branch_has_a_name_and_no_commit() -> None:
    seen = status.parse(lines("# branch.oid (initial)", "# branch.head main", "# stash 3"))

    assert (seen.head, seen.branch, seen.staged) == (None, "main", False)


def test_a_detached_head_has_a_commit_and_no_branch() -> None:
    seen = status.parse(lines(f"# branch.oid {OID}", "# branch.head (detached)"))

    assert (seen.head, seen.branch) == (OID, None)


def test_names_are_read_as_bytes_with_all_that_is_in_them() -> None:
    odd = "a b\n? c\udce9\t1 .M"

    seen = status.parse(lines(line(".M", odd), f"? {odd}", line(".D", odd), "! ignored"))

    raw = os.fsencode(odd)
    assert (seen.changed, seen.untracked, seen.removed) == ([raw], [raw], [raw])


def test_a_change_of_the_index_alone_is_staged_and_nothing_is_to_do() -> None:
    seen = status.parse(lines(line("M.", "a"), line("D.", "b"), line("A.", "c")))

    assert seen.staged
    assert (seen.changed, seen.removed) == ([], [])


def test_submodules_are_moved_or_dirty_or_both() -> None:
    link = "160000 160000 160000"
    given = [
        line(".M", "moved", sub="SC..", modes=link),
        line(".M", "changed", sub="S.M.", modes=link),
        line(".M", "untracked", sub="S..U", modes=link),
        line(".M", "both", sub="SCMU", modes=link),
        line(".D", "gone", sub="S...", modes=link),
        f"u UU S.M. 160000 160000 160000 160000 {OID} {OID} {OID} conflict",
    ]

    seen = status.parse(lines(*given))

    assert seen.submodules == [
        Submodule(path=b"moved", moved=True, dirty=False),
        Submodule(path=b"changed", moved=False, dirty=True),
        Submodule(path=b"untracked", moved=False, dirty=True),
        Submodule(path=b"both", moved=True, dirty=True),
        Submodule(path=b"gone", moved=False, dirty=False),
        Submodule(path=b"conflict", moved=False, dirty=True),
    ]
    assert seen.changed == [b"moved", b"both"]
    assert seen.removed == [b"gone"]
    assert seen.unmerged == [b"conflict"]


def test_of_a_conflict_our_mode_counts_before_that_of_the_base_and_theirs() -> None:
    plain, executable, none = "100644", "100755", "000000"
    given = {
        "ours": (plain, executable, plain),
        "base": (executable, none, plain),
        "theirs": (none, none, executable),
        "not theirs": (none, plain, executable),
        "not the base": (executable, plain, executable),
    }
    tail = f"{plain} {OID} {OID} {OID}"
    conflicts = [f"u UU N... {' '.join(modes)} {tail} {name}" for name, modes in given.items()]

    seen = status.parse(lines(*conflicts))

    assert seen.executable == [b"ours", b"base", b"theirs"]
    assert len(seen.unmerged) == 5


def test_a_repository_where_a_file_was_is_no_submodule() -> None:
    given = line(".T", "thing", sub="S...", modes="100644 100644 160000")

    seen = status.parse(lines(given))

    assert (seen.removed, seen.changed, seen.submodules) == ([b"thing"], [], [])


def test_what_git_could_not_open_is_told_by_what_it_said() -> None:
    said = b"""\
10:00:00.000000 git.c:460 trace: built-in: git status
warning: could not open directory 'd/it's \xff/': Permission denied
d/t: Permission denied
"""

    seen = status.parse(b"", said)

    assert seen.unreadable == [b"d/it's \xff/"]
    assert b"d/t" in seen.suspects


def test_no_filter_is_required_where_git_only_looks() -> None:
    config = Config(
        values={
            "filter.lfs.required": ("true",),
            "filter.lfs.clean": ("c",),
            "filter.a b.required": ("true",),
            "filter.x=y.required": ("true",),
            "core.required": ("true",),
        }
    )

    words = status.args(config)

    assert words[:4] == (
        "-c", "filter.lfs.required=false", "-c", "filter.a b.required=false",
    )  # fmt: skip
    assert words[4:] == status.ARGS
