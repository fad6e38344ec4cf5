"""Notes trees with a fan-out of our own: one level of two hex digits up to a million notes.

Any legal mix is read. What is written is a pure function of the notes: a seal of one run among
50,000 costs one subtree and the root, whoever wrote the tree before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from git_exp.git import objects, refs
from git_exp.git.objects import BLOB, TREE, Ident, Writer
from git_exp.git.repo import Repo

REF = "refs/notes/exp"
ONE_LEVEL = 1_000_000

_COUNT = re.compile(r"^Notes-Count: (\d+)$", re.M)
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, kw_only=True)
class Tip:
    """Where the notes ref stands; `count` is None after a writer that is not git exp."""

    commit: str | None
    tree: str | None
    count: int | None


NOTHING = Tip(commit=None, tree=None, count=0)


def tip(repo: Repo, ref: str = REF) -> Tip:
    """The notes as they are on disk now."""
    import pygit2

    oid = refs.resolve(repo, ref)
    if oid is None:
        return NOTHING
    commit = repo.pg[oid].peel(pygit2.Commit)
    counted = _COUNT.search(commit.message)
    return Tip(commit=oid, tree=str(commit.tree_id), count=int(counted[1]) if counted else None)


def listing(repo: Repo, tree: str | None) -> Iterator[tuple[str, str]]:
    """Every note in a tree of any fan-out: the object it is on, the blob it is in."""
    return _listed(repo, tree, "") if tree else iter(())


def blobs(repo: Repo, tree: str | None, oid: str) -> list[str]:
    """The blobs of one object's note: more than one where a merge left a mixed fan-out."""
    return _found(repo, tree, oid) if tree else []


def read(repo: Repo, tree: str | None, oid: str) -> bytes:
    """One object's note, empty where there is none."""
    return b"\n".join(objects.blob(repo, one) for one in blobs(repo, tree, oid))


def removed(repo: Repo, commit: str | None) -> dict[str, str]:
    """Notes that the history of a notes commit has and its tree has not, with their last blobs.

    Our own commits never remove one: only those of other writers are compared with their parents
    (`git notes prune` in a clone that holds notes alone removes them all).
    """
    lost: dict[str, str] = {}
    there: set[str] | None = None
    for parent, child in _foreign_steps(repo, commit):
        if there is None:
            there = {oid for oid, _ in listing(repo, objects.tree_of(repo, commit or ""))}
        kept = {oid for oid, _ in listing(repo, objects.tree_of(repo, child))}
        for oid, blob in listing(repo, objects.tree_of(repo, parent)):
            if oid not in kept and oid not in there:
                lost.setdefault(oid, blob)
    return lost


def write(writer: Writer, base: Tip, notes: Mapping[str, bytes]) -> Tip:
    """The tree with these notes set; `commit` of the answer is still that of the base."""
    if base.tree is None or base.count is None:
        return _rewritten(writer, base, notes)
    new = sum(1 for oid in notes if not blobs(writer.repo, base.tree, oid))
    count = base.count + new
    if (base.count > ONE_LEVEL) != (count > ONE_LEVEL):
        return _rewritten(writer, base, notes)
    entries = {_path(oid, count): (BLOB, writer.blob(text)) for oid, text in notes.items()}
    return Tip(commit=base.commit, tree=writer.tree(base.tree, entries), count=count)


def commit(writer: Writer, made: Tip, subject: str, *, author: Ident, committer: Ident) -> str:
    """The commit of a written tree on top of its base, to move the ref to."""
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
    """All notes in a tree made anew: after a foreign writer, or when the fan-out changes."""
    repo = writer.repo
    found: dict[str, list[str]] = {}
    for oid, blob in listing(repo, base.tree):
        found.setdefault(oid, []).append(blob)
    texts = {oid: blobs[0] for oid, blobs in found.items() if oid not in notes and len(blobs) == 1}
    for oid, several in found.items():
        if oid not in notes and len(several) > 1:
            texts[oid] = writer.blob(b"\n".join(objects.blob(repo, one) for one in several))
    texts.update((oid, writer.blob(text)) for oid, text in notes.items())
    entries = {_path(oid, len(texts)): (BLOB, blob) for oid, blob in texts.items()}
    kept = dict(_others(repo, base.tree))
    return Tip(commit=base.commit, tree=writer.tree(None, {**kept, **entries}), count=len(texts))


def _others(repo: Repo, tree: str | None) -> Iterable[tuple[str, tuple[int, str]]]:
    """Entries at the root that are no part of a notes tree: git keeps them, so do we."""
    for name, mode, oid in objects.tree(repo, tree) if tree else ():
        if not _is_part(name, mode, ""):
            yield name, (mode, oid)


def _listed(repo: Repo, tree: str, above: str) -> Iterator[tuple[str, str]]:
    for name, mode, oid in objects.tree(repo, tree):
        if not _is_part(name, mode, above):
            continue
        if mode == TREE:
            yield from _listed(repo, oid, above + name)
        else:
            yield above + name, oid


def _found(repo: Repo, tree: str, rest: str) -> list[str]:
    whole = objects.entry(repo, tree, rest)
    under = objects.entry(repo, tree, rest[:2]) if len(rest) > 2 else None
    here = [whole[1]] if whole and whole[0] != TREE else []
    below = _found(repo, under[1], rest[2:]) if under and under[0] == TREE else []
    return here + below


def _is_part(name: str, mode: int, above: str) -> bool:
    if not _HEX.fullmatch(name):
        return False
    return len(name) == 2 if mode == TREE else len(above) + len(name) == 40


def _path(oid: str, count: int) -> str:
    if count > ONE_LEVEL:
        return f"{oid[:2]}/{oid[2:4]}/{oid[4:]}"
    return f"{oid[:2]}/{oid[2:]}"
