"""Objects: written, synced and proved to be there; errors say what a caller can do."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest

from git_exp import errors
from git_exp.git import objects
from git_exp.git.objects import BLOB, EMPTY_TREE, TREE, Ident, Writer
from git_exp.git.repo import Repo
from tests.spooled import counted, found, whole

Git = Callable[..., str]
NONE = "1" * 40


@pytest.fixture
def here(repo: Path) -> Repo:
    return found(repo)


def lose(repo: Path, oid: str, text: bytes | None = None) -> None:
    """Take a loose object away, or damage it."""
    path = repo / f".git/objects/{oid[:2]}/{oid[2:]}"
    path.chmod(0o644)
    path.unlink()
    if text is not None:
        path.write_bytes(text)


def test_what_is_written_is_read_back(here: Repo, git: Git) -> None:
    writer = Writer(here)
    who = Ident(name="Ädä", email="ada@example.org", time=1_700_000_000, offset=-90)
    blob = writer.blob(b"\0bytes")
    tree = writer.tree(None, {"a/b/c": (BLOB, blob), "d": (BLOB, blob)})
    commit = writer.commit(tree, [], "words\n\nmore ü\n", author=who, committer=who)

    assert objects.blob(here, blob) == b"\0bytes"
    assert objects.size(here, blob) == 6
    assert objects.entry(here, commit, "a/b/c") == (BLOB, blob)
    assert objects.entry(here, commit, "a/b/none") is None
    assert [(name, mode) for name, mode, _ in objects.tree(here, commit)] == [
        ("a", TREE), ("d", BLOB),
    ]  # fmt: skip
    assert objects.commit(here, commit) == objects.Commit(
        tree=tree, parents=[], message="words\n\nmore ü\n", author=who, committer=who
    )
    assert objects.tree_of(here, commit) == tree
    assert objects.committed(here, commit) == 1_700_000_000
    assert writer.missing() == []
    assert git("log", "-1", "--format=%an %ad", "--date=iso", commit) == (
        "Ädä 2023-11-14 20:43:20 -0130"
    )


def test_what_is_not_here_is_none_or_said(here: Repo) -> None:
    assert objects.commit(here, NONE) is None
    assert objects.tree_of(here, NONE) is None
    assert objects.committed(here, NONE) == 0
    assert objects.committed(here, "no id") == 0
    assert objects.entry(here, NONE, "a") is None
    with pytest.raises(errors.GitFailed, match="cat-file"):
        objects.blob(here, NONE)
    for read in (lambda: objects.size(here, NONE), lambda: list(objects.tree(here, NONE))):
        with pytest.raises(errors.RepositoryError, match="cannot read object") as said:
            read()
        assert said.value.hint == "look for damage: git fsck"


def test_a_damaged_object_is_said_and_no_internal_error(repo: Path, here: Repo, git: Git) -> None:
    head = git("rev-parse", "HEAD")
    tree, blob = git("rev-parse", "HEAD^{tree}"), git("rev-parse", "HEAD:train.py")
    lose(repo, tree, b"garbage")
    lose(repo, blob, b"")

    for read in (
        lambda: objects.blob(found(repo), blob),
        lambda: list(objects.tree(found(repo), tree)),
        lambda: objects.entry(found(repo), head, "train.py"),
        lambda: Writer(found(repo)).tree(tree, {}),
        lambda: objects.commit(found(repo), "no object id"),
    ):
        with pytest.raises(errors.RepositoryError):
            read()


def test_a_tree_is_the_old_one_with_some_entries_set_and_some_gone(here: Repo, git: Git) -> None:
    writer = Writer(here)
    one, two = writer.blob(b"1"), writer.blob(b"2")
    old = writer.tree(None, dict.fromkeys(("a", "b/c", "b/d/e", "f/g"), (BLOB, one)))

    new = writer.tree(old, {
        "a": None, "none": None, "none/either": None, "b/c": (BLOB, two), "b/d/e": None,
        "f/g": None, "h/i/j": (BLOB, two),
    })  # fmt: skip

    assert git("ls-tree", "-r", new).splitlines() == [
        f"100644 blob {two}\tb/c", f"100644 blob {two}\th/i/j",
    ]  # fmt: skip
    assert [name for name, _, _ in objects.tree(here, new)] == ["b", "h"]
    assert writer.tree(new, {"b/c": None, "h/i/j": None}) == EMPTY_TREE
    assert whole(here.common_dir.parent) == ""


def test_a_folder_takes_the_place_of_a_file(here: Repo, git: Git) -> None:
    writer = Writer(here)
    blob = writer.blob(b"1")
    old = writer.tree(None, {"a": (BLOB, blob)})

    new = writer.tree(old, {"a/b": (BLOB, blob)})

    assert git("ls-tree", "-r", "--name-only", new) == "a/b"


@pytest.mark.parametrize("name", ["..", ".git", "a/../b", "", "GIT~1", "a//b"])
def test_a_name_that_git_refuses_is_said_with_its_path(here: Repo, name: str) -> None:
    writer = Writer(here)
    blob = writer.blob(b"1")

    with pytest.raises(errors.RepositoryError, match="git refuses the name '") as said:
        writer.tree(None, {name: (BLOB, blob)})

    assert type(said.value) is errors.RepositoryError


def test_what_vanishes_as_it_is_written_is_to_be_written_again(repo: Path, here: Repo) -> None:
    writer = Writer(here)
    who = Ident(name="a", email="a", time=0)
    blob = writer.blob(b"1")
    tree = writer.tree(None, {"a": (BLOB, blob)})
    lose(repo, blob)
    lose(repo, tree)

    assert sorted(writer.missing()) == sorted([blob, tree])
    with pytest.raises(errors.ObjectsVanished):
        Writer(here).tree(None, {"a": (BLOB, blob)})
    with pytest.raises(errors.ObjectsVanished):
        Writer(here).commit(tree, [], "x", author=who, committer=who)


@pytest.mark.parametrize("error", [OSError("no space left"), pygit2.GitError("no error")])
def test_a_disk_that_takes_no_object_is_said(
    here: Repo, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(pygit2.Repository, "create_blob", refuse)

    with pytest.raises(errors.WriteFailed, match=r"no space left|is the disk full\?"):
        Writer(here).blob(b"1")


def test_a_disk_that_does_not_sync_is_said(here: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(here)
    writer.blob(b"1")

    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)

    with pytest.raises(errors.WriteFailed, match="Input/output error"):
        writer.sync()


@pytest.mark.parametrize(
    ("said", "synced"),
    [
        (None, 3),
        ("none", 0),
        ("all", 3),
        ("loose-object", 3),
        ("reference", 0),
        ("committed", 3),
        ("committed,-loose-object", 0),
        ("none, loose-object", 3),
        ("all,none", 0),
    ],
)
def test_objects_are_synced_as_the_user_says(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch, said: str | None, synced: int
) -> None:
    if said is not None:
        git("config", "core.fsync", said)
    writer = Writer(found(repo))
    blob = writer.blob(b"new")
    writer.blob(b"new")
    writer.tree(None, {"a": (BLOB, blob)})
    writer.blob(b"new too")

    with counted(monkeypatch, os, "fsync") as calls:
        writer.sync()

    assert len(calls) == synced


def test_more_objects_than_may_be_open_are_synced(
    here: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(here)
    for number in range(200):
        writer.blob(str(number).encode())
    gc.collect()
    opened = [len(list(Path("/proc/self/fd").iterdir()))]

    def count(_: int) -> None:
        opened.append(len(list(Path("/proc/self/fd").iterdir())))

    monkeypatch.setattr(os, "fsync", count)

    writer.sync()

    assert len(opened) == 201
    assert 0 < max(opened) - opened[0] < 70
    assert len(list(Path("/proc/self/fd").iterdir())) == opened[0]


def test_what_is_packed_needs_no_sync_of_ours(
    here: Repo, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(here)
    writer.blob(b"print('METRIC acc=0.5')\n")
    git("repack", "-q", "-a", "-d")

    with counted(monkeypatch, os, "fsync") as calls:
        writer.sync()

    assert calls == []


def test_a_handle_from_before_a_gc_does_not_hide_that_objects_are_gone(
    repo: Path, here: Repo, git: Git
) -> None:
    writer = Writer(here)
    blob = writer.blob(b"new")
    assert objects.blob(here, blob) == b"new"
    git("gc", "-q", "--prune=now")

    assert objects.missing(here, [blob]) == [blob]
    assert writer.missing() == [blob]
    assert Writer(here).blob(b"new") == blob
    assert objects.missing(here, [blob]) == []


def test_all_that_leads_to_a_path_has_to_be_there(repo: Path, here: Repo, git: Git) -> None:
    (repo / "folder").mkdir()
    (repo / "folder/file").write_text("1")
    git("add", ".")
    git("commit", "-q", "-m", "two")
    head = git("rev-parse", "HEAD")
    assert objects.reachable(here, head, [("M", b"train.py"), ("A", b"folder/file")])
    assert not objects.reachable(here, head, [("A", b"none")])
    assert not objects.reachable(here, NONE, [])
    blob, tree = git("rev-parse", "HEAD:folder/file"), git("rev-parse", "HEAD:folder")

    lose(repo, blob)
    assert not objects.reachable(here, head, [("A", b"folder/file")])
    assert objects.reachable(here, head, [("A", b"train.py")])
    lose(repo, tree)
    assert not objects.reachable(here, head, [("A", b"folder/file")])


def test_trees_differ_by_letter_and_path(repo: Path, here: Repo, git: Git) -> None:
    one = git("rev-parse", "HEAD^{tree}")
    (repo / "train.py").write_text("changed\n")
    (repo / "new ü").write_text("new\n")
    git("add", ".")
    two = git("write-tree")

    assert sorted(objects.differing(here, one, two)) == [
        ("A", "new ü".encode()), ("M", b"train.py"),
    ]  # fmt: skip
    assert objects.differing(here, two, one) == [("D", "new ü".encode()), ("M", b"train.py")]
    assert sorted(objects.differing(here, None, one)) == [("A", b"train.py")]


def test_a_difference_that_needs_what_is_not_here_is_git_s_to_fetch(
    repo: Path, git: Git, tmp_path: Path
) -> None:
    (repo / "train.py").write_text("changed\n")
    git("commit", "-q", "-a", "-m", "two")
    git("config", "uploadpack.allowFilter", "true")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    clone = tmp_path / "treeless"
    git("clone", "-q", "--bare", "--filter=tree:0", f"file://{repo}", clone)
    one, two = git("rev-parse", "HEAD^^{tree}"), git("rev-parse", "HEAD^{tree}")

    assert objects.differing(found(clone), one, two) == [("M", b"train.py")]
    assert objects.differing(found(clone), None, one) == [("A", b"train.py")]


@pytest.mark.parametrize(
    ("env", "config", "expected"),
    [
        ({}, {}, ("Ada", "ada@example.org")),
        ({}, {"user.name": "", "user.email": " , "}, ("git-exp", "git-exp@localhost")),
        ({}, {"author.name": "Bo"}, ("Bo", "ada@example.org")),
        ({"GIT_AUTHOR_NAME": "Cy"}, {"author.name": "Bo"}, ("Cy", "ada@example.org")),
        ({"GIT_AUTHOR_EMAIL": "<c@x>\n"}, {}, ("Ada", "c@x")),
        ({"GIT_AUTHOR_NAME": " .;\"Di <d> 'o\\\\"}, {}, ("Di d 'o", "ada@example.org")),
        ({"GIT_AUTHOR_NAME": "\udcff"}, {}, ("?", "ada@example.org")),
    ],
)
def test_who_is_the_user_as_git_names_the_author_of_a_commit(
    repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch, env: dict[str, str],
    config: dict[str, str], expected: tuple[str, str],
) -> None:  # fmt: skip
    for key, value in config.items():
        git("config", key, value)
    for key, value in env.items():
        monkeypatch.setenv(key, value)

    who = objects.ident(found(repo), 1_700_000_000.9)

    assert (who.name, who.email, who.time) == (*expected, 1_700_000_000)


def test_the_offset_is_that_of_the_moment_and_not_of_now(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        summer = objects.ident(found(repo), 1_688_000_000).offset
        winter = objects.ident(found(repo), 1_700_000_000).offset
    finally:
        monkeypatch.undo()
        time.tzset()

    assert (summer, winter) == (120, 60)


@pytest.mark.parametrize(
    ("text", "whether"), [("1" * 40, True), ("1" * 39, False), ("g" * 40, False), ("HEAD", False)]
)
def test_a_whole_object_id_is_known_by_its_form(text: str, whether: bool) -> None:
    assert objects.is_oid(text) is whether


def test_a_folder_that_a_gc_removes_under_a_write_means_to_write_again(
    here: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raced(_: bytes) -> pygit2.Oid:
        raise OSError(
            "failed to rename lockfile to '.git/objects/7e/4e': No such file or directory"
        )

    writer = Writer(here)
    monkeypatch.setattr(writer, "pg", type("Raced", (), {"create_blob": staticmethod(raced)}))

    with pytest.raises(errors.ObjectsVanished):
        writer.blob(b"text")
