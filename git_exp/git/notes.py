"""Notes trees with a fan-out of our own: one level of two hex digits up to a million notes.

Any legal mix is read. What is written is a pure function of the notes: a seal of one run among
50,000 costs one subtree and the root, whoever wrote the tree before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

import msgspec

from git_exp import errors
from git_exp.git import objects, refs, steps
from git_exp.git.objects import BLOB, TREE, Entries, Ident, Writer
from git_exp.git.repo import Repo
from git_exp.git.steps import Step

REF = "refs/notes/exp"
# Of runs that never leave: a plain push of refs/notes/* does not take it along.
PRIVATE = "refs/exp/private"
REFS = (REF, PRIVATE)
ONE_LEVEL = 1_000_000
# From so many on it is cheaper to read whole folders than to look up each.
_FEW = 50

_DIFF_TREE = ("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames")
_COUNT = re.compile(r"^Notes-Count: ([0-9]{1,15})$", re.M)
_NOTE = re.compile(r"(?:[0-9a-f]{2}/)*[0-9a-f]+")
_HEX = re.compile(r"[0-9a-f]+")


class Tip(msgspec.Struct, frozen=True, kw_only=True):
    """Where the notes ref stands; `count` is None after a writer that is not git exp."""

    commit: str | None
    tree: str | None
    count: int | None


NOTHING = Tip(commit=None, tree=None, count=0)


def tip(repo: Repo, ref: str = REF) -> Tip:
    """The notes as they are on disk now."""
    oid = refs.resolve(repo, ref)
    if oid is None:
        return NOTHING
    found = objects.commit(repo, oid)
    if found is None:
        raise errors.RepositoryError(
            f"'{ref}' names no commit: {oid}", hint="look for damage: git fsck"
        )
    counted = _COUNT.search(found.message)
    return Tip(commit=oid, tree=found.tree, count=int(counted[1]) if counted else None)


def listing(repo: Repo, tree: str | None) -> Iterator[tuple[str, str]]:
    """Every note in a tree of any fan-out: the object it is on, the blob it is in."""
    for path, blob in _walk(repo, tree, "") if tree else ():
        yield path.replace("/", ""), blob


def blobs(repo: Repo, tree: str | None, oid: str) -> list[str]:
    """The blobs of one object's note: more than one where a merge left a mixed fan-out."""
    return _found(repo, tree, oid) if tree else []


def read(repo: Repo, tree: str | None, oid: str) -> bytes:
    """One object's note, empty where there is none."""
    return joined([objects.blob(repo, one) for one in blobs(repo, tree, oid)])


class Reader:
    """The notes in a tree for who reads many: each folder is read once."""

    def __init__(self, repo: Repo, tree: str | None) -> None:
        self._repo = repo
        self._tree = tree
        self._folders: dict[str, dict[str, tuple[int, str]]] = {}

    def blobs(self, oid: str) -> list[str]:
        """The blobs of one object's note."""
        return self._found(self._tree, oid) if self._tree else []

    def read(self, oid: str) -> bytes:
        """One object's note, empty where there is none."""
        return joined([objects.blob(self._repo, one) for one in self.blobs(oid)])

    def _found(self, tree: str, rest: str) -> list[str]:
        folder = self._folders.get(tree)
        if folder is None:
            listed = objects.tree(self._repo, tree)
            folder = self._folders[tree] = {name: (mode, oid) for name, mode, oid in listed}
        whole = folder.get(rest)
        under = folder.get(rest[:2]) if len(rest) > 2 else None
        here = [whole[1]] if whole and objects.is_file(whole[0]) else []
        return here + (self._found(under[1], rest[2:]) if under and under[0] == TREE else [])


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """How the notes tree of one commit became another's, by path: blobs that are there, or gone.

    `was` has the blobs from before of what is gone or another now. `whole` says that `there` is
    all there is, and nothing else is known of before.
    """

    there: Mapping[str, str]
    gone: frozenset[str] = frozenset()
    was: Mapping[str, str] = {}
    whole: bool = False


def changes(repo: Repo, old: str | None, new: str | None) -> Changes:
    """What differs between the notes of two commits: cost follows that.

    pygit2 has no part, unless it has come already: then no git is started.
    """
    if new is None:
        return Changes(there={}, whole=True)
    known = steps.between(repo, old, new) if old and repo.is_open else None
    if known is not None:
        return _stepped(known)
    if old is not None:
        # The old one may be gone with a gc: then all is read anew.
        with suppress(errors.GitFailed):
            return _stepped(_said(repo.git(*_DIFF_TREE, old, new)))
    return Changes(there=_listed(repo.git("ls-tree", "-r", "-z", new)), whole=True)


def removed(repo: Repo, commit: str | None) -> dict[str, list[str]]:
    """Notes that somebody took out of a history, or changed: every blob they were in.

    Some of them may be there again. Our own commits never remove one: only those of other writers
    are compared with their parents (`git notes prune` in a clone that holds notes alone removes
    them all).
    """
    lost: dict[str, list[str]] = {}
    for parent, child in _foreign_steps(repo, commit):
        # A note that was changed may lack lines: `git notes add` compares nothing before it swaps.
        kept = set(listing(repo, objects.tree_of(repo, child)))
        for oid, blob in listing(repo, objects.tree_of(repo, parent)):
            if (oid, blob) not in kept:
                lost.setdefault(oid, []).append(blob)
    return lost


def overwritten(repo: Repo, ref: str, tip: Tip) -> dict[str, list[str]]:
    """Notes that the reflog of a ref has and its tip has not, or otherwise: their blobs.

    Whoever fetches `+refs/notes/*:refs/notes/*` puts a remote's notes in the place of their own;
    git logs that, and keeps what was there for a while.
    """
    found: dict[str, list[str]] = {}
    for old in refs.logged(repo, ref):
        if old == tip.commit or objects.missing(repo, [old]):
            continue
        for path, blob in changes(repo, old, tip.commit).was.items():
            found.setdefault(path.replace("/", ""), []).append(blob)
    return found


def write(writer: Writer, base: Tip, notes: Mapping[str, bytes]) -> Tip:
    """The tree with these notes set; `commit` of the answer is still that of the base."""
    if base.tree is None or base.count is None:
        return _rewritten(writer, base, notes)
    known = Reader(writer.repo, base.tree).blobs if len(notes) > _FEW else None
    there = (known(oid) if known else blobs(writer.repo, base.tree, oid) for oid in notes)
    new = sum(1 for found in there if not found)
    count = base.count + new
    if (base.count > ONE_LEVEL) != (count > ONE_LEVEL):
        return _rewritten(writer, base, notes)
    entries = {_path(oid, count): (BLOB, writer.blob(text)) for oid, text in notes.items()}
    return Tip(commit=base.commit, tree=writer.tree(base.tree, entries), count=count)


def commit(
    writer: Writer,
    made: Tip,
    subject: str,
    *,
    author: Ident,
    committer: Ident,
    parents: Sequence[str] | None = None,
) -> str:
    """The commit of a written tree, on top of its base unless other parents are given."""
    if parents is None:
        parents = [made.commit] if made.commit else []
    message = f"{subject}\n\nNotes-Count: {made.count}\n"
    return writer.commit(made.tree or "", parents, message, author=author, committer=committer)


def _foreign_steps(repo: Repo, tip: str | None) -> Iterator[tuple[str, str]]:
    """Parent and child of each step in the history that git exp did not make, newest first."""
    waiting, seen = [tip] if tip else [], set[str]()
    while waiting:
        oid = waiting.pop()
        found = objects.commit(repo, oid)
        if found is None or oid in seen:
            continue
        seen.add(oid)
        for parent in found.parents:
            if not _COUNT.search(found.message):
                yield parent, oid
            waiting.append(parent)


def _rewritten(writer: Writer, base: Tip, notes: Mapping[str, bytes]) -> Tip:
    """All notes where they belong: after a foreign writer, or when the fan-out changes."""
    found: dict[str, dict[str, str]] = {}
    for path, blob in _walk(writer.repo, base.tree, "") if base.tree else ():
        found.setdefault(path.replace("/", ""), {})[path] = blob
    count = len(found.keys() | notes.keys())
    entries: dict[str, tuple[int, str] | None] = {}
    for oid, places in found.items():
        entries.update(dict.fromkeys(places) if oid in notes else _moved(writer, places, count))
    entries.update((_path(oid, count), (BLOB, writer.blob(text))) for oid, text in notes.items())
    return Tip(commit=base.commit, tree=writer.tree(base.tree, entries), count=count)


def _moved(writer: Writer, places: Mapping[str, str], count: int) -> Entries:
    """One note from where it is to where it belongs; one that nobody can read stays."""
    there = next(iter(places))
    path = _path(there.replace("/", ""), count)
    if list(places) == [path]:
        return {}
    try:
        texts = [objects.blob(writer.repo, blob) for blob in places.values()]
    except errors.RepositoryError:
        return {}
    blob = places[there] if len(texts) == 1 else writer.blob(joined(texts))
    return {**dict.fromkeys(places), path: (BLOB, blob)}


def joined(texts: Sequence[bytes]) -> bytes:
    """Several notes on one object as one, as git's `cat_sort_uniq` joins them."""
    if len(texts) == 1:
        return texts[0]
    lines = {line for text in texts for line in text.split(b"\n") if line}
    return b"".join(line + b"\n" for line in sorted(lines))


def _walk(repo: Repo, tree: str, above: str) -> Iterator[tuple[str, str]]:
    """The path and the blob of every note; what is no part of a notes tree is passed over."""
    for name, mode, oid in objects.tree(repo, tree):
        if not _is_part(name, mode, above):
            continue
        if mode == TREE:
            yield from _walk(repo, oid, f"{above}{name}/")
        else:
            yield above + name, oid


def _found(repo: Repo, tree: str, rest: str) -> list[str]:
    whole = objects.entry(repo, tree, rest)
    under = objects.entry(repo, tree, rest[:2]) if len(rest) > 2 else None
    here = [whole[1]] if whole and objects.is_file(whole[0]) else []
    below = _found(repo, under[1], rest[2:]) if under and under[0] == TREE else []
    return here + below


def _stepped(found: Iterable[Step]) -> Changes:
    there: dict[str, str] = {}
    was: dict[str, str] = {}
    for one in found:
        if not _is_note(one.path):
            continue
        if objects.is_file(one.before):
            was[one.path] = one.old
        if objects.is_file(one.mode):
            there[one.path] = one.oid
    return Changes(there=there, gone=frozenset(was.keys() - there.keys()), was=was)


def _said(raw: bytes) -> Iterator[Step]:
    """What git says of what differs."""
    fields = os.fsdecode(raw).split("\0")[:-1]
    for head, path in zip(fields[::2], fields[1::2], strict=True):
        before, mode, old, oid, _ = head[1:].split(" ")
        yield Step(int(before, 8), int(mode, 8), old, oid, path)


def _listed(raw: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in os.fsdecode(raw).split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, _, oid = head.split(" ")
        if _is_note(path) and objects.is_file(int(mode, 8)):
            found[path] = oid
    return found


def _is_note(path: str) -> bool:
    return len(path.replace("/", "")) == 40 and _NOTE.fullmatch(path) is not None


def _is_part(name: str, mode: int, above: str) -> bool:
    if not _HEX.fullmatch(name):
        return False
    if mode == TREE:
        return len(name) == 2
    return objects.is_file(mode) and len(above.replace("/", "")) + len(name) == 40


def _path(oid: str, count: int) -> str:
    if count > ONE_LEVEL:
        return f"{oid[:2]}/{oid[2:4]}/{oid[4:]}"
    return f"{oid[:2]}/{oid[2:]}"
