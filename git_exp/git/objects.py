"""Blobs, trees and commits: reading and writing them, and proof that they are on disk."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from git_exp import errors
from git_exp.git.repo import Repo, opened

if TYPE_CHECKING:
    import pygit2

BLOB = 0o100644
TREE = 0o040000
GITLINK = 0o160000
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
NOBODY = ("git-exp", "git-exp@localhost")
# What is flushed at once: a limit on open files is often 256.
_FLUSHED = 64

Entries = Mapping[str, tuple[int, str] | None]

_OID = re.compile(r"[0-9a-f]{40}")
_UNDER_WAY = re.compile("failed to rename lockfile to .+: No such file or directory")


class Ident(msgspec.Struct, frozen=True, kw_only=True):
    """Who and when: seconds since 1970, and minutes east of UTC."""

    name: str
    email: str
    time: int
    offset: int = 0


def is_oid(text: str) -> bool:
    """Whether text is a whole object id."""
    return _OID.fullmatch(text) is not None


def is_here(repo: Repo, oid: str) -> bool:
    """Whether an id, which a record of anybody's may have said, is of a commit that is here."""
    return is_oid(oid) and commit(repo, oid) is not None


def ident(repo: Repo, now: float) -> Ident:
    """The user as git would name the author of a commit, or `git-exp <git-exp@localhost>`."""
    name, email = (
        _clean(repo.env.get(f"GIT_AUTHOR_{word.upper()}"))
        or _clean(repo.config.get(f"author.{word}"))
        or _clean(repo.config.get(f"user.{word}"))
        or fallback
        for word, fallback in zip(("name", "email"), NOBODY, strict=True)
    )
    return Ident(name=name, email=email, time=int(now), offset=_offset(now))


def blob(repo: Repo, oid: str) -> bytes:
    """The bytes of a blob; one that a partial clone lacks is fetched by the git program."""
    import pygit2

    try:
        return bytes(repo.pg.read(pygit2.Oid(hex=oid))[1])
    except (KeyError, pygit2.GitError):
        return repo.git("cat-file", "blob", oid)


def tree(repo: Repo, oid: str) -> Iterator[tuple[str, int, str]]:
    """The entries of a tree or of a commit's tree: name, mode, object id."""
    import pygit2

    with _reading(oid):
        found = repo.pg[oid].peel(pygit2.Tree)
    for entry in found:
        yield str(entry.name), int(entry.filemode), str(entry.id)


def entry(repo: Repo, oid: str, path: str) -> tuple[int, str] | None:
    """The mode and object id at a path in a tree or a commit's tree, None where there is none."""
    import pygit2

    with _reading(oid):
        try:
            found = repo.pg[oid].peel(pygit2.Tree)[path]
        except KeyError:
            return None
    return int(found.filemode), str(found.id)


def files(repo: Repo, oid: str) -> Iterator[tuple[str, str]]:
    """Every file in a tree, folders and all: its path and its blob."""
    for name, mode, inner in tree(repo, oid):
        if mode == TREE:
            yield from ((f"{name}/{path}", blob) for path, blob in files(repo, inner))
        elif is_file(mode):
            yield name, inner


def is_file(mode: int) -> bool:
    """Whether an entry of a tree is a file, executable or not: no link, no submodule."""
    return mode & 0o170000 == 0o100000


def size(repo: Repo, oid: str) -> int:
    """The bytes of a blob, told from its header."""
    import pygit2

    with _reading(oid):
        return int(repo.pg.odb.read_header(pygit2.Oid(hex=oid))[1])


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit as it is read back."""

    tree: str
    parents: list[str]
    message: str
    author: Ident
    committer: Ident


def commit(repo: Repo, oid: str) -> Commit | None:
    """A commit, or None where it is not here."""
    import pygit2

    with _reading(oid):
        found = repo.pg.get(oid)
    if not isinstance(found, pygit2.Commit):
        return None
    return Commit(
        tree=str(found.tree_id),
        parents=[str(parent) for parent in found.parent_ids],
        message=found.message,
        author=_ident(found.author),
        committer=_ident(found.committer),
    )


def tree_of(repo: Repo, oid: str) -> str | None:
    """The tree of a commit that is here."""
    found = commit(repo, oid)
    return found.tree if found else None


def committed(repo: Repo, oid: str) -> int:
    """The committer date of a commit in seconds since 1970, 0 where it cannot be read."""
    try:
        found = commit(repo, oid)
    except errors.RepositoryError:
        return 0
    return found.committer.time if found else 0


class Writer:
    """Writes objects and remembers which, so that they can be proved to be there.

    Raises `WriteFailed` where the disk takes none, `ObjectsVanished` where a gc took what another
    one is made of, and `RepositoryError` for what git lets nobody write.
    """

    def __init__(self, repo: Repo) -> None:
        # A handle of its own: one that is older may think that a pruned object is there.
        self.repo = msgspec.structs.replace(repo)
        self.pg = self.repo.pg
        self.written: list[str] = []

    def blob(self, data: bytes) -> str:
        with _writing(self.repo):
            return self._kept(self.pg.create_blob(data))

    def tree(self, old: str | None, entries: Entries) -> str:
        """A tree: the old one with some entries set, and those given as None removed.

        A name with slashes is a path; folders on the way are made, and go with their last entry.
        """
        with _reading(old or ""):
            builder = self.pg.TreeBuilder(old) if old else self.pg.TreeBuilder()
        here, below = _by_folder(entries)
        for name, entry in here.items():
            _set(builder, name, entry)
        for name, inner in below.items():
            there = builder.get(name)
            under = str(there.id) if there and there.filemode == TREE else None
            made = self.tree(under, inner)
            if under or made != EMPTY_TREE:
                _set(builder, name, (TREE, made) if made != EMPTY_TREE else None)
        with _writing(self.repo):
            return self._kept(builder.write())

    def commit(
        self,
        tree: str,
        parents: Sequence[str],
        message: str,
        *,
        author: Ident,
        committer: Ident,
    ) -> str:
        who = _signature(author), _signature(committer)
        with _writing(self.repo):
            made = self.pg.create_commit(None, *who, message, tree, list(parents))
            if made not in self.pg.odb:
                # libgit2 does not say so where it could not write a commit.
                raise OSError("no commit could be written")
            return self._kept(made)

    def sync(self) -> None:
        """Flush what was written to disk, unless the user's `core.fsync` says otherwise.

        git's own default does not sync loose objects. The journals that these replace are
        unlinked, so that default would lose what a run tracked when the machine goes down. All
        writes are started before the first is waited for: 8 objects cost 0.9 ms instead of 1.7,
        and 2.8 with libgit2's own syncing.
        """
        said = self.repo.config.get("core.fsync")
        if said is None or _syncs_objects(said):
            each = list(dict.fromkeys(self.written))
            with _writing(self.repo):
                for at in range(0, len(each), _FLUSHED):
                    _flush(self.repo.common_dir / "objects", each[at : at + _FLUSHED])

    def missing(self) -> list[str]:
        """Which of the written objects are not on disk, looked up afresh: a gc took them."""
        return missing(self.repo, self.written)

    def _kept(self, oid: pygit2.Oid) -> str:
        self.written.append(str(oid))
        return self.written[-1]


def missing(repo: Repo, oids: Iterable[str]) -> list[str]:
    """Which of these objects are not on disk, asked of a handle that has nothing cached."""
    import pygit2

    store = opened(repo).odb
    return [oid for oid in oids if pygit2.Oid(hex=oid) not in store]


def reachable(repo: Repo, commit: str, changes: Iterable[tuple[str, bytes]]) -> bool:
    """Whether a commit and all that changed in it are on disk, looked up afresh.

    Of what was deleted it is the folder it was in that changed, or one above.
    """
    import pygit2

    pg = opened(repo)
    try:
        tree = pg[commit].peel(pygit2.Tree)
        entries = [
            _nearest(tree, path.rpartition(b"/")[0]) if letter == "D" else tree[os.fsdecode(path)]
            for letter, path in changes
        ]
    except (KeyError, pygit2.GitError):
        return False
    return all(one is None or one.filemode == GITLINK or one.id in pg.odb for one in entries)


def _nearest(tree: pygit2.Tree, folder: bytes) -> pygit2.Object | None:
    """What a tree has at a folder, or else above it: a folder that cannot be read is there too."""
    while folder:
        with suppress(KeyError):
            return tree[os.fsdecode(folder)]
        folder = folder.rpartition(b"/")[0]
    return None


def differing(repo: Repo, old: str | None, new: str) -> list[tuple[str, bytes]]:
    """What differs between two trees: a status letter and the path."""
    import pygit2

    try:
        after = repo.pg[new].peel(pygit2.Tree)
        found = (
            repo.pg[old].peel(pygit2.Tree).diff_to_tree(after)
            if old
            else after.diff_to_tree(swap=True)
        )
        return [(d.status_char(), d.new_file.raw_path or d.old_file.raw_path) for d in found.deltas]
    except (KeyError, pygit2.GitError):
        return _asked_difference(repo, old or EMPTY_TREE, new)


def _asked_difference(repo: Repo, old: str, new: str) -> list[tuple[str, bytes]]:
    out = repo.git("diff-tree", "-r", "-z", "--name-status", "--no-renames", old, new)
    words = out.split(b"\0")[:-1]
    return list(zip(map(bytes.decode, words[::2]), words[1::2], strict=True))


def _by_folder(entries: Entries) -> tuple[Entries, Mapping[str, Entries]]:
    """The entries of this folder, and those of each folder in it."""
    here: dict[str, tuple[int, str] | None] = {}
    below: dict[str, dict[str, tuple[int, str] | None]] = {}
    for name, entry in entries.items():
        first, slash, rest = name.partition("/")
        if slash:
            below.setdefault(first, {})[rest] = entry
        else:
            here[name] = entry
    return here, below


def _flush(folder: Path, oids: Sequence[str]) -> None:
    started: list[int] = []
    try:
        for oid in oids:
            # One that is not loose is in a pack, which git has synced.
            with suppress(FileNotFoundError):
                started.append(os.open(folder / oid[:2] / oid[2:], os.O_RDONLY))
                if hasattr(os, "posix_fadvise"):
                    os.posix_fadvise(started[-1], 0, 0, os.POSIX_FADV_DONTNEED)
        for fd in started:
            os.fsync(fd)
    finally:
        for fd in started:
            os.close(fd)


@contextmanager
def _reading(oid: str) -> Iterator[None]:
    import pygit2

    try:
        yield
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise errors.RepositoryError(
            f"cannot read object '{oid}': {error}", hint="look for damage: git fsck"
        ) from error


@contextmanager
def _writing(repo: Repo) -> Iterator[None]:
    import pygit2

    try:
        yield
    except KeyError as error:
        raise errors.ObjectsVanished() from error
    except (OSError, pygit2.GitError, ValueError) as error:
        if _UNDER_WAY.search(str(error)):
            # git's gc has removed the folder of 256 that was empty when it looked.
            raise errors.ObjectsVanished() from error
        # libgit2 has forgotten the reason where a large file does not fit.
        why = str(error) if str(error) != "no error" else "is the disk full?"
        raise errors.WriteFailed(str(repo.common_dir / "objects"), why) from error


def _set(builder: pygit2.TreeBuilder, name: str, entry: tuple[int, str] | None) -> None:
    import pygit2

    try:
        if entry is not None:
            builder.insert(name, entry[1], entry[0])
        elif builder.get(name):
            builder.remove(name)
    except (pygit2.GitError, ValueError) as error:
        if "invalid object specified" in str(error):
            raise errors.ObjectsVanished() from error
        raise errors.RepositoryError(f"git refuses the name '{name}': {error}") from error


def _syncs_objects(said: str) -> bool:
    """Whether a value of `core.fsync` syncs loose objects; later words win, as in git."""
    on = False
    for word in said.replace(" ", "").split(","):
        if word == "none":
            on = False
        elif word.lstrip("-") in ("loose-object", "objects", "committed", "added", "all"):
            on = not word.startswith("-")
    return on


def _signature(who: Ident) -> pygit2.Signature:
    import pygit2

    return pygit2.Signature(who.name, who.email, who.time, who.offset, "utf-8")


def _ident(found: pygit2.Signature) -> Ident:
    return Ident(name=found.name, email=found.email, time=found.time, offset=found.offset)


def _clean(text: str | None) -> str:
    # What git itself strips of an ident.
    kept = "".join(one for one in text or "" if one not in "<>\n\0")
    return kept.encode("utf-8", "replace").decode().strip(" .,:;\"\\'")


def _offset(now: float) -> int:
    return time.localtime(now).tm_gmtoff // 60
