"""The worktree as a checkout finds it: what is changed, untracked, hidden, and how it differs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from git_exp import errors
from git_exp.git import snapshot, status
from git_exp.git.index import copied
from git_exp.git.repo import Repo

GITLINK = 0o160000
SYMLINK = 0o120000
# No hook of the user's runs while we look at a worktree or put it aside, and nobody's monitor is
# believed about what has changed.
PLAIN = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
_OWN_INDEX = (*PLAIN, "-c", "core.splitIndex=false", "-c", "core.safecrlf=false")
_TAGGED = re.compile(rb"(?:^|\0)([a-zS]) \d+ [0-9a-f]+ \d\t([^\0]+)")


class Entry(msgspec.Struct, frozen=True):
    """What a tree or an index holds at a path."""

    mode: int
    oid: str


Sides = tuple[Entry | None, Entry | None]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A tracked path that differs: `staged` index against HEAD, `worked` worktree against index."""

    staged: str
    worked: str
    head: Entry | None
    index: Entry | None
    submodule: bool

    @property
    def edited(self) -> bool:
        """Whether the worktree has bytes at this path that the index does not hold."""
        return self.worked not in ".D" and not self.submodule


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a worktree; `index` is a copy of the index in which nothing is hidden.

    `held` is what `listing` says of the index itself.
    """

    repo: Repo
    index: Path
    held: bytes
    top: bytes
    head: str | None
    branch: str | None
    marks: Sequence[tuple[str, bytes]]
    changes: dict[bytes, Change] = {}
    unmerged: list[bytes] = []
    untracked: set[bytes] = set()
    embedded: list[bytes] = []

    def at(self, path: bytes) -> Path:
        """Where a path of the repository is on disk."""
        return place(self.repo, path)

    def differences(self, tree: str) -> dict[bytes, Sides]:
        """What a tree and the index have at each path where they differ."""
        args = ("diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames")
        return sides(self.repo.git(*args, "--ignore-submodules=none", tree, index=self.index))

    @contextmanager
    def adding(self, paths: Iterable[bytes]) -> Iterator[Path]:
        """An index in which these paths of the worktree have been added, gone afterwards."""
        with copied(self.repo) as scratch:
            if self.index.exists():
                shutil.copy2(self.index, scratch)
            wanted = set(paths)
            gone = self.gone(wanted)
            remove(self.repo, scratch, gone)
            snapshot.stage(self.repo, scratch, sorted(wanted.difference(gone)))
            yield scratch

    def gone(self, wanted: set[bytes]) -> list[bytes]:
        """The tracked paths that are not on disk, and would be in the way of adding some there."""
        return [
            path
            for path, one in self.changes.items()
            if one.worked == "D" and (path in wanted or collides(path, wanted))
        ]


@contextmanager
def survey(repo: Repo) -> Iterator[Survey]:
    """Look at the worktree; the copy of its index is gone afterwards."""
    if repo.top is None:
        raise errors.RepositoryError(
            "this operation must be run in a work tree", hint="add --worktree DIR to make one"
        )
    with copied(repo) as index:
        held = listing(repo, index)
        marks = _reveal(repo, index, held)
        seen = repo.git(*PLAIN, *status.ARGS, index=index)
        head, branch = position(repo)
        found = Survey(
            repo=repo,
            index=index,
            held=held,
            top=os.fsencode(repo.top),
            head=head,
            branch=branch,
            marks=marks,
        )
        _read(found, seen)
        yield found


def position(repo: Repo) -> tuple[str | None, str | None]:
    """The commit that HEAD is at and the full name of its branch; None for what it has not."""
    return _asked(repo, "rev-parse", "-q", "--verify", "HEAD"), _asked(
        repo, "symbolic-ref", "-q", "HEAD"
    )


def entries(repo: Repo, index: Path) -> dict[bytes, Entry]:
    """All that an index file holds."""
    found: dict[bytes, Entry] = {}
    for line in repo.git("ls-files", "-s", "-z", index=index).split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, oid, _ = head.decode().split(" ")
        found[path] = Entry(int(mode, 8), oid)
    return found


def listing(repo: Repo, index: Path) -> bytes:
    """Every entry of an index file with its mark, as `git ls-files` prints it."""
    return repo.git("ls-files", "-v", "-s", "-z", index=index)


def between(repo: Repo, old: str, new: str) -> dict[bytes, Sides]:
    """What two trees have at each path where they differ."""
    args = ("diff-tree", "-r", "--raw", "-z", "--no-abbrev", "--no-renames")
    return sides(repo.git(*args, "--ignore-submodules=none", old, new))


def sides(raw: bytes) -> dict[bytes, Sides]:
    """Both sides of each line of a raw diff."""
    fields = raw.split(b"\0")[:-1]
    found: dict[bytes, Sides] = {}
    for head, path in zip(fields[::2], fields[1::2], strict=True):
        old, new, old_oid, new_oid, _ = head[1:].split(b" ")
        found[path] = (_entry(old, old_oid), _entry(new, new_oid))
    return found


def write(repo: Repo, index: Path, *args: str, stdin: bytes | None = None) -> None:
    """Run `update-index` on an index file of our own, whatever the user's settings are."""
    repo.git(*_OWN_INDEX, "update-index", *args, stdin=stdin, index=index)


def unmark(repo: Repo, index: Path, paths: Iterable[bytes]) -> None:
    """Take assume-unchanged and skip-worktree from paths: git would add no change of theirs."""
    for option in ("--no-assume-unchanged", "--no-skip-worktree"):
        repo.git(*PLAIN, "update-index", option, "-z", "--stdin", stdin=listed(paths), index=index)


def remove(repo: Repo, index: Path, paths: Iterable[bytes]) -> None:
    """Drop paths from an index file; git would not look for one below a symlink."""
    write(repo, index, "--force-remove", "-z", "--stdin", stdin=listed(paths))


def listed(paths: Iterable[bytes]) -> bytes:
    """Paths as git reads them from stdin with -z."""
    return b"".join(path + b"\0" for path in paths)


def place(repo: Repo, path: bytes) -> Path:
    """Where a path of the repository is on disk."""
    return (repo.top or repo.git_dir) / os.fsdecode(path)


def collides(path: bytes, others: Collection[bytes]) -> bool:
    """Whether a path would be a folder of one of the others, or one of them a folder of its."""
    return any(one.startswith(path + b"/") or path.startswith(one + b"/") for one in others)


def naming(paths: Iterable[str], limit: int = 10) -> str:
    """Paths in a message: quoted, the first ten of them."""
    found = list(paths)
    shown = ", ".join(f"'{path}'" for path in found[:limit])
    return f"{shown} and {len(found) - limit} more" if len(found) > limit else shown


def _asked(repo: Repo, *args: str) -> str | None:
    try:
        return os.fsdecode(repo.git(*args)).rstrip("\n")
    except errors.GitFailed:
        return None


def _reveal(repo: Repo, index: Path, held: bytes) -> list[tuple[str, bytes]]:
    """Show what assume-unchanged and skip-worktree hide: a checkout may overwrite it all the same.

    A sparse checkout's own files are not there, and stay as they are.
    """
    tagged = _TAGGED.findall(held)
    if not tagged:
        return []
    sparse = repo.config.flag("core.sparseCheckout")
    shown = [
        path for tag, path in tagged
        if tag == b"h" or not sparse or os.path.lexists(place(repo, path))
    ]  # fmt: skip
    unmark(repo, index, shown)
    return [(tag.decode(), path) for tag, path in tagged if tag == b"h" or not sparse]


def _read(found: Survey, listing: bytes) -> None:
    for line in listing.split(b"\0"):
        match line[:2]:
            case b"1 ":
                path, change = _change(line)
                found.changes[path] = change
            case b"u ":
                found.unmerged.append(line.split(b" ", 10)[10])
            case b"? ":
                path = line[2:]
                if path.endswith(b"/"):
                    found.embedded.append(path)
                else:
                    found.untracked.add(path)


def _change(line: bytes) -> tuple[bytes, Change]:
    # 1 XY sub mH mI mW hH hI path
    _, xy, sub, head, index, _, head_oid, index_oid, path = line.split(b" ", 8)
    return path, Change(
        staged=chr(xy[0]),
        worked=chr(xy[1]),
        head=_entry(head, head_oid),
        index=_entry(index, index_oid),
        submodule=sub[:1] == b"S",
    )


def _entry(mode: bytes, oid: bytes) -> Entry | None:
    number = int(mode, 8)
    return Entry(number, oid.decode()) if number else None
