"""What differs between two trees: shown by the user's own `git diff`, or as a list of files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence

import msgspec

from git_exp import errors
from git_exp.git.repo import Repo


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A file that differs: git's status letter, lines added and removed (None: binary)."""

    path: bytes
    status: str
    old_path: bytes | None = None
    added: int | None = None
    removed: int | None = None


class View(msgspec.Struct, frozen=True, kw_only=True):
    """How `git diff` is to show it: its own options, paths relative to the user's folder.

    `pager` lets git start the user's pager on a terminal. `colour` tells it that a pager of ours
    shows its output, so that its colours are as on a terminal.
    """

    options: Sequence[str] = ()
    paths: Sequence[str] = ()
    pager: bool = False
    colour: bool = False


def show(repo: Repo, trees: tuple[str, str], view: View) -> int:
    """Let `git diff` write to our stdout; its exit code."""
    env = repo.child_env() | ({"GIT_PAGER_IN_USE": "1"} if view.colour else {})
    git = ("git",) if view.pager else ("git", "--no-pager")
    words = (*git, "diff", *view.options, *trees, "--", *view.paths)
    here = repo.top / repo.prefix if repo.top else repo.git_dir
    return subprocess.call(words, cwd=here, env=env)


def patch(
    repo: Repo, trees: tuple[str, str], paths: Sequence[str] = (), *, most: int | None = None
) -> str:
    """What differs as a patch in text, whatever the user's settings for `git diff` are.

    Of these paths if there are any, given from the user's folder; no more than `most` bytes.
    """
    here = ("-C", repo.prefix) if repo.prefix and paths else ()
    words = (*here, "diff-tree", "-p", "-M", "--no-ext-diff", "--no-textconv", "--no-color")
    words = (*words, *trees, "--", *paths)
    found = repo.git(*words) if most is None else _beginning(repo, words, most)
    return found.decode(errors="backslashreplace")


def _beginning(repo: Repo, words: Sequence[str], most: int) -> bytes:
    """The first bytes of what git prints; it is ended there, however much there would be."""
    with repo.start(*words, silent=True) as child:
        assert child.stdout
        found = child.stdout.read(most)
        ended = len(found) < most
        if not ended:
            child.kill()
    if ended and child.returncode:
        raise errors.GitFailed("diff-tree", child.returncode, "")
    return found


def touching(repo: Repo, commits: Sequence[str], paths: Sequence[str]) -> set[str]:
    """Of some commits, those that are here and differ in these paths from their parent."""
    here = ("-C", repo.prefix) if repo.prefix else ()
    named = "".join(f"{commit}\n" for commit in commits).encode()
    known = repo.git("cat-file", "--batch-check=%(objectname)", stdin=named).split(b"\n")
    there = b"".join(one + b"\n" for one in known if one and not one.endswith(b" missing"))
    words = ("diff-tree", "--stdin", "-r", "--root", "--raw", "--no-renames", "--no-ext-diff")
    found = repo.git(*here, *words, "--", *paths, stdin=there).split(b"\n")
    return {line.decode() for line in found if line and not line.startswith(b":")}


def files(repo: Repo, trees: tuple[str, str], paths: Sequence[str] = ()) -> list[Changed]:
    """The files that differ, renames found; paths are relative to the user's folder."""
    here = ("-C", repo.prefix) if repo.prefix else ()
    words = ("diff-tree", "-r", "-z", "-M", "--raw", "--numstat", *trees, "--", *paths)
    fields = iter(repo.git(*here, *words).split(b"\0")[:-1])
    found: dict[bytes, Changed] = {}
    for field in fields:
        if field.startswith(b":"):
            changed = _raw(field, fields)
            found[changed.path] = changed
        else:
            added, removed, path = _counted(field, fields)
            known = found[path]
            found[path] = Changed(
                path=path,
                status=known.status,
                old_path=known.old_path,
                added=added,
                removed=removed,
            )
    return list(found.values())


def resolve(repo: Repo, revision: str) -> str | None:
    """The object id of any revision of git's; None where git knows none of that name."""
    if revision.startswith("-"):
        return None
    try:
        return os.fsdecode(repo.git("rev-parse", "--verify", "-q", revision)).strip()
    except errors.GitFailed:
        return None


def _raw(field: bytes, fields: Iterator[bytes]) -> Changed:
    letter = field.rsplit(b" ", 1)[1][:1].decode()
    first = next(fields)
    if letter in "RC":
        return Changed(path=next(fields), status=letter, old_path=first)
    return Changed(path=first, status=letter)


def _counted(field: bytes, fields: Iterator[bytes]) -> tuple[int | None, int | None, bytes]:
    added, removed, path = field.split(b"\t", 2)
    if not path:
        next(fields)
        path = next(fields)
    return _lines(added), _lines(removed), path


def _lines(count: bytes) -> int | None:
    return int(count) if count != b"-" else None
