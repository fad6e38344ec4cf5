"""What a run captures where git converts content: filters, line endings, encodings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from git_exp.git import snapshot
from git_exp.git.untracked import Rules
from tests.git import witness
from tests.git.witness import commit, git, reference, write

# A long-running filter of git's protocol 2 that upper-cases on clean; it fails on "bad".
PROCESS = """\
import os, sys
def read():
    head = sys.stdin.buffer.read(4)
    if not head:
        sys.exit(0)
    size = int(head, 16)
    return sys.stdin.buffer.read(size - 4) if size else None
def lines():
    found = []
    while (one := read()) is not None:
        found.append(one)
    return found
def send(*packets):
    for one in packets:
        sys.stdout.buffer.write(b"%04x" % (len(one) + 4) + one if one else b"0000")
    sys.stdout.buffer.flush()
lines(); send(b"git-filter-server\\n", b"version=2\\n", b"")
lines(); send(b"capability=clean\\n", b"")
while True:
    lines()
    text = b"".join(lines())
    if text.startswith(b"bad"):
        send(b"status=error\\n", b"")
    else:
        send(b"status=success\\n", b"", text.upper(), b"", b"")
"""


def filtering(repo: Path, **config: str) -> None:
    """Every `*.f` goes through the filter `f`, which is not committed with."""
    commit(repo, {".gitattributes": "*.f filter=f\n", "old.f": "OLD\n", "other": "o\n"})
    for key, value in config.items():
        git(repo, "config", f"filter.f.{key}", value)


def test_what_a_clean_filter_makes_is_captured(repo: Path) -> None:
    filtering(repo, clean="tr a-z A-Z", required="true")
    write(repo, {"old.f": "changed\n", "new.f": "new\n", "other": "plain\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.read("old.f") == b"CHANGED\n"
    assert ran.read("new.f") == b"NEW\n"
    assert ran.read("other") == b"plain\n"


def test_a_file_that_a_filter_makes_what_it_was_is_not_dirty(repo: Path) -> None:
    filtering(repo, clean="tr a-z A-Z")
    write(repo, {"old.f": "old\n"})

    ran = witness.run(repo)

    assert ran.git["dirty"] is False


def test_a_process_filter_is_asked(repo: Path) -> None:
    (repo.parent / "filter.py").write_text(PROCESS)
    filtering(repo, process=f"{sys.executable} {repo.parent}/filter.py", required="true")
    write(repo, {"old.f": "changed\n", "new.f": "new\n"})

    ran = witness.run(repo)

    assert ran.read("old.f") == b"CHANGED\n"
    assert ran.read("new.f") == b"NEW\n"
    assert ran.git["capture"] == "full"


@pytest.mark.parametrize("same_size", [False, True])
@pytest.mark.parametrize("kind", ["clean", "process"])
def test_a_file_whose_required_filter_fails_is_named_and_the_rest_is_captured(
    repo: Path, kind: str, same_size: bool
) -> None:
    (repo.parent / "filter.py").write_text(PROCESS)
    program = f"{sys.executable} {repo.parent}/filter.py"
    failing = "! grep bad" if kind == "clean" else program
    filtering(repo, **{kind: failing, "required": "true"})
    write(repo, {"old.f": "bad\n" if same_size else "bad and long\n", "other": "changed\n"})
    write(repo, {f"new{at}": "n" for at in range(9)} | {"new.f": "bad\n", "z": "z"})

    ran = witness.run(repo)

    assert ran.git["capture"] == "partial"
    assert sorted(ran.missed()) == ["new.f", "old.f"]
    assert all("filter" in reason for reason in ran.missed().values())
    assert "partial, without: new.f, old.f\n" in ran.said
    assert ran.read("other") == b"changed\n"
    assert ran.read("old.f") == b"OLD\n"
    assert len(ran.modes) == 14


@pytest.mark.parametrize("file_mode", ["true", "false"])
def test_a_conflict_that_a_filter_refuses_is_named_and_not_in_the_tree(
    repo: Path, file_mode: str
) -> None:
    filtering(repo)
    git(repo, "update-index", "--chmod=+x", "old.f")
    git(repo, "commit", "-q", "-m", "executable")
    git(repo, "checkout", "old.f")
    git(repo, "config", "core.fileMode", file_mode)
    git(repo, "checkout", "-q", "-b", "topic")
    commit(repo, {"old.f": "theirs\n"})
    git(repo, "checkout", "-q", "main")
    commit(repo, {"old.f": "ours\n"})
    with pytest.raises(AssertionError):
        git(repo, "merge", "-q", "topic")
    git(repo, "config", "filter.f.clean", "false")
    git(repo, "config", "filter.f.required", "true")
    write(repo, {"new": "n\n"})

    ran = witness.run(repo)

    assert list(ran.missed()) == ["old.f"]
    assert sorted(ran.modes) == [b".gitattributes", b"new", b"other", b"train.py"]


def test_a_file_that_was_to_be_added_and_fails_is_not_in_the_tree(repo: Path) -> None:
    filtering(repo, clean="! grep bad", required="true")
    write(repo, {"later.f": "bad\n", "other": "changed\n"})
    git(repo, "add", "-N", "later.f")

    ran = witness.run(repo)

    assert list(ran.missed()) == ["later.f"]
    assert not ran.holds("later.f")
    assert ran.read("other") == b"changed\n"


def test_many_files_that_fail_are_given_up_together(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filtering(repo, clean="! grep bad", required="true")
    write(repo, {f"{at:02}.f": "bad\n" for at in range(60)} | {"good.f": "good\n", "new": "n\n"})
    monkeypatch.setattr(snapshot, "_TRIES", 10)
    trace = repo.parent / "trace"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))

    taken = snapshot.take(witness.discovered(repo), Rules())

    monkeypatch.delenv("GIT_TRACE2_EVENT")
    missed = {one.path: one.reason for one in taken.missed}
    assert {f"{at:02}.f".encode() for at in range(60)} <= set(missed) <= {*missed, b"good.f"}
    assert any(reason.startswith("not tried: ") for reason in missed.values())
    started = [one for one in trace.read_text().splitlines() if '"update-index"' in one]
    assert len([one for one in started if '"cmd_name"' in one]) <= 2 + 2 * 10 + 1
    assert git(repo, "ls-tree", "--name-only", taken.tree, "new") == b"new"


def test_a_filter_that_is_not_required_and_fails_leaves_the_bytes_as_they_are(repo: Path) -> None:
    filtering(repo, clean="false")
    write(repo, {"old.f": "raw\n"})

    ran = witness.run(repo)

    assert ran.read("old.f") == b"raw\n"
    assert ran.git["capture"] == "full"


@pytest.mark.parametrize("setting", ["true", "input"])
def test_line_endings_are_captured_as_git_would_store_them(repo: Path, setting: str) -> None:
    commit(repo, {"lf": "a\nb\n", "binary": b"\0\r\n"})
    git(repo, "config", "core.autocrlf", setting)
    git(repo, "config", "core.safecrlf", "true")
    write(repo, {"lf": "a\r\nc\r\n", "mixed": "a\r\nb\n", "new": "x\r\ny\r\n", "unix": "x\ny\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.read("lf") == b"a\nc\n"
    assert ran.read("mixed") == b"a\nb\n"
    assert ran.git["capture"] == "full"


def test_attributes_say_how_lines_end(repo: Path) -> None:
    commit(repo, {".gitattributes": "*.txt text eol=crlf\n*.raw -text\n", "a.txt": "a\r\n"})
    git(repo, "config", "core.safecrlf", "true")
    write(repo, {"a.txt": "a\nb\n", "new.txt": "n\n", "x.raw": "x\r\n"})

    ran = witness.run(repo)

    assert ran.tree == reference(repo)
    assert ran.read("x.raw") == b"x\r\n"
    assert ran.read("a.txt") == b"a\nb\n"


def test_new_attributes_that_are_not_committed_count(repo: Path) -> None:
    write(repo, {".gitattributes": "*.txt text\n", "a.txt": "a\r\n"})

    ran = witness.run(repo)

    assert ran.read("a.txt") == b"a\n"


def test_an_ident_is_stored_without_what_git_puts_in(repo: Path) -> None:
    commit(repo, {".gitattributes": "*.c ident\n", "a.c": "/* $Id$ */\n"})
    (repo / "a.c").unlink()
    git(repo, "checkout", "a.c")
    with (repo / "a.c").open("a") as file:
        file.write("int x;\n")

    ran = witness.run(repo)

    assert b"$Id: " in (repo / "a.c").read_bytes()
    assert ran.read("a.c") == b"/* $Id$ */\nint x;\n"


def test_a_file_in_another_encoding_is_stored_as_utf_8(repo: Path) -> None:
    commit(repo, {".gitattributes": "*.u16 working-tree-encoding=UTF-16LE\n"})
    write(repo, {"a.u16": "grün\n".encode("utf-16-le")})

    ran = witness.run(repo)

    assert ran.read("a.u16") == "grün\n".encode()


def test_a_file_that_is_not_in_its_encoding_is_named(repo: Path) -> None:
    commit(repo, {".gitattributes": "*.u16 working-tree-encoding=UTF-16\n"})
    write(repo, {"a.u16": b"no byte order mark\n", "new": "n"})

    ran = witness.run(repo)

    assert list(ran.missed()) == ["a.u16"]
    assert ran.holds("new")
