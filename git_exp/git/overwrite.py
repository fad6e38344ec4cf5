"""What a checkout would overwrite, and what of that is nowhere else."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from git_exp.git import filters
from git_exp.git.survey import GITLINK, Entry, Sides, Survey, between, entries


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """Where a checkout goes.

    `tree` is for the worktree; `index` the tree of the index afterwards, where that is another
    one; `known` a commit whose files may be overwritten, for they are safe there. With `whole`
    what is marked in the index is as the tree has it too, and has the marks of today no more;
    `stray` are files to be on disk although a sparse checkout leaves them out.
    """

    tree: str
    index: str | None = None
    known: str | None = None
    whole: bool = False
    stray: frozenset[bytes] = frozenset()


class Peril(msgspec.Struct, kw_only=True):
    """What a checkout does to the worktree, by paths of the repository.

    `lost` would be lost unless it is saved; `same` is as the checkout would write it, or safe in a
    commit, and `seen` what git made of that; `blocked` is in the way and no commit can hold it (a
    folder ends with a slash); `replaced` is unchanged and will be another file or none; `kept` is
    changed and stays so. Where all is put aside, `beside` is in nobody's way, and `alone` is marked
    skip-worktree and not to be touched.
    """

    lost: set[bytes] = set()
    same: set[bytes] = set()
    seen: dict[bytes, Entry | None] = {}
    beside: set[bytes] = set()
    alone: set[bytes] = set()
    blocked: set[bytes] = set()
    replaced: set[bytes] = set()
    kept: set[bytes] = set()


class Obstacle(NamedTuple):
    """Something on disk where a checkout writes."""

    path: bytes
    savable: bool


def gentle(found: Survey, aim: Aim, paths: Collection[bytes] | None = None) -> Peril:
    """The peril of a checkout that keeps what is changed elsewhere, as `git checkout` does.

    With `paths`, of writing these into the worktree alone.
    """
    pairs = _pairs(found, found.differences(aim.tree), paths)
    peril = Peril()
    staged: set[bytes] = set()
    if paths is None:
        staged = {path for path, one in found.changes.items() if one.staged != "."}
    if staged and aim.index:
        # What is staged stays safe where it is in the worktree's tree or in the index to come.
        peril.lost |= staged & pairs.keys() & found.differences(aim.index).keys()
        staged = set()
    # git keeps what is staged where HEAD and the target agree, and refuses where they do not.
    agreed = {p for p in staged & pairs.keys() if found.changes[p].head == pairs[p][0]}
    # Not so where one is a folder of the other: git drops what is staged without a word.
    agreed -= _colliding(agreed, {path for path, (new, _) in pairs.items() if new})
    worked = {path for path, one in found.changes.items() if one.worked != "."}
    peril.kept = (agreed | (worked - pairs.keys())) - _skipped_away(found)
    peril.lost |= ((staged & pairs.keys()) - agreed) | _resurrected(found, staged - pairs.keys())
    deleted = {path for path, (new, _) in pairs.items() if new is None and _missing(found, path)}
    if aim.index:
        peril.same |= deleted
    elif paths is None:
        # git checkout takes what stands there now for a change.
        ground = Ground(found.top)
        peril.lost |= {path for path in deleted if any(ground.in_way(path))}
    rest = {path: pair for path, pair in pairs.items() if path not in staged | deleted}
    suspects: set[bytes] = set()
    for one in _met(found, rest):
        if not one.savable:
            peril.blocked.add(one.path)
        elif one.path in staged or not _clean(found, pairs, one.path):
            suspects.add(one.path)
        else:
            peril.replaced.add(one.path)
    _judge(found, aim, pairs, suspects=suspects, peril=peril)
    if aim.index is None and paths is None:
        # git checkout takes a file for untracked that became a folder, or the reverse.
        peril.lost |= {path for path in peril.same if found.gone({path}) not in ([], [path])}
    peril.lost |= filters.lossy(found.repo, found.index, peril.replaced, drivers=True)
    return peril


def forced(found: Survey, aim: Aim, paths: Collection[bytes] | None = None) -> Peril:
    """The peril of a checkout that overwrites what is changed, and untracked files in its way."""
    differing = found.differences(aim.tree)
    changed = [path for path, one in found.changes.items() if one.worked != "."]
    pairs = {**_pairs(found, differing, changed), **differing}
    if paths is not None:
        pairs = _pairs(found, differing, paths)
    peril = Peril()
    for one in _met(found, pairs):
        if not one.savable:
            peril.blocked.add(one.path)
        elif one.path not in found.changes and _tracked(pairs, one.path):
            peril.replaced.add(one.path)
        else:
            peril.lost.add(one.path)
    adopted = _adopted(found, aim, differing)
    peril.beside = (found.untracked | adopted) - peril.lost
    peril.lost |= adopted
    _judge(found, aim, pairs, suspects=set(), peril=peril)
    peril.beside -= peril.same
    if paths is None and not aim.whole:
        # git itself leaves a file alone that is marked skip-worktree, if it is the same there.
        peril.alone = (_skipped(found) & found.changes.keys()) - differing.keys() - peril.same
        peril.kept = peril.alone - _skipped_away(found)
    return peril


def writes(found: Survey, aim: Aim, paths: Collection[bytes]) -> set[bytes]:
    """Those of some paths that are not as a tree has them."""
    differing = found.differences(aim.tree)
    return set(_pairs(found, differing, paths)) - (_skipped_away(found) - differing.keys())


def _skipped(found: Survey) -> set[bytes]:
    return {path for tag, path in found.marks if tag in "sS"}


def _skipped_away(found: Survey) -> set[bytes]:
    """What is marked skip-worktree and not there: nobody would call that a change."""
    return {path for path in _skipped(found) if _missing(found, path)}


def _pairs(
    found: Survey, differing: dict[bytes, Sides], paths: Collection[bytes] | None
) -> dict[bytes, Sides]:
    """What the target and the index have where a checkout writes: anywhere, or in some paths."""
    if paths is None:
        return differing
    pairs: dict[bytes, Sides] = {}
    for path in paths:
        change = found.changes.get(path)
        if path in differing:
            pairs[path] = differing[path]
        elif change and change.worked != ".":
            pairs[path] = (change.index, change.index)
    return pairs


def _met(found: Survey, pairs: Mapping[bytes, Sides]) -> Iterator[Obstacle]:
    """What is on disk where a checkout writes or removes."""
    modules = {path + b"/" for path, (_, old) in pairs.items() if old and old.mode == GITLINK}
    ground = Ground(found.top, modules.union(found.embedded))
    for path, (new, _) in pairs.items():
        folder = new is None or new.mode == GITLINK
        for one in ground.in_way(path, folder=folder):
            # A removal takes no file from its parent's place.
            if new is not None or one.path == path:
                yield one


def _missing(found: Survey, path: bytes) -> bool:
    change = found.changes.get(path)
    return bool(change and change.worked == "D")


def _tracked(pairs: Mapping[bytes, Sides], path: bytes) -> bool:
    return pairs.get(path, (None, None))[1] is not None


def _clean(found: Survey, pairs: Mapping[bytes, Sides], path: bytes) -> bool:
    change = found.changes.get(path)
    return _tracked(pairs, path) and not (change and change.edited)


def _judge(
    found: Survey,
    aim: Aim,
    pairs: Mapping[bytes, Sides],
    *,
    suspects: set[bytes],
    peril: Peril,
) -> None:
    """Sort what is changed or untracked and in the way: safe elsewhere, or lost."""
    known = between(found.repo, aim.known, aim.tree) if aim.known else {}
    spare = {path for path in known.keys() - pairs.keys() if _left_behind(found, path, known[path])}
    asked = suspects | spare
    if not asked:
        return
    with found.adding(asked) as scratch:
        added = entries(found.repo, scratch)
        for path in asked:
            target = _target(pairs, path)
            safe = (target, known.get(path, (target, None))[0])
            if added.get(path) in safe and (path in added or path in spare):
                peril.same.add(path)
                peril.seen[path] = added.get(path)
            elif path in suspects:
                peril.lost.add(path)
        gone = {path for path in peril.same if added.get(path) not in (None, _target(pairs, path))}
        only_here = filters.lossy(found.repo, scratch, gone, drivers=True)
    peril.same -= only_here
    peril.kept -= peril.same
    peril.lost |= only_here & suspects


def _adopted(found: Survey, aim: Aim, differing: Mapping[bytes, Sides]) -> set[bytes]:
    """Ignored files that the target has too, in the way or not, in its tree or its index alone.

    They are put aside: the way back can tell by it which of those that are tracked by then are the
    target's, and which were there before.
    """
    new = {path: pair for path, pair in differing.items() if pair[1] is None}
    if aim.index:
        index = found.differences(aim.index).items()
        new |= {path: (None, None) for path, pair in index if pair[1] is None and path not in new}
    return {one.path for one in _met(found, new) if one.savable and one.path in new}


def _resurrected(found: Survey, staged: set[bytes]) -> set[bytes]:
    """What is deleted in index and target, but not on disk: git would remove it there too."""
    ground = Ground(found.top)
    deleted = {path for path in staged if found.changes[path].staged == "D"}
    return {path for path in deleted if any(ground.in_way(path))}


def _colliding(paths: set[bytes], others: set[bytes]) -> set[bytes]:
    """The paths that are a folder of one of the others, or below one."""
    folders = {folder for path in others for folder in _folders(path)}
    return {path for path in paths if path in folders or others.intersection(_folders(path))}


def _folders(path: bytes) -> Iterator[bytes]:
    while path := _parent(path):
        yield path


def _target(pairs: Mapping[bytes, Sides], path: bytes) -> Entry | None:
    return pairs.get(path, (None, None))[0]


def _left_behind(found: Survey, path: bytes, pair: Sides) -> bool:
    """Whether an earlier checkout of ours may have left a change here that no index knows of.

    Its way back takes it away again. The index has the target's side of the pair.
    """
    if pair[1] is None:
        file = found.at(path)
        return file.is_symlink() or (file.exists() and not file.is_dir())
    change = found.changes.get(path)
    return bool(change and change.worked != "." and not change.submodule)


class Ground:
    """What stands in a worktree where files are to be written; looks at each folder once."""

    def __init__(self, top: bytes, repositories: Collection[bytes] = ()) -> None:
        self._top = top
        self._repositories = repositories
        self._above: dict[bytes, Obstacle | bool] = {b"": True}

    def in_way(self, path: bytes, *, folder: bool = False) -> Iterator[Obstacle]:
        """What would go if a file, or for a submodule a folder, were written at a path."""
        above = self._passage(_parent(path))
        if isinstance(above, Obstacle):
            yield above
        elif above:
            yield from self._here(path, folder)

    def _passage(self, folder: bytes) -> Obstacle | bool:
        """Whether there is a folder; or what else there is in its place, or further up."""
        if folder not in self._above:
            above = self._passage(_parent(folder))
            self._above[folder] = self._step(folder) if above is True else above
        return self._above[folder]

    def _step(self, folder: bytes) -> Obstacle | bool:
        mode = self._mode(folder)
        if mode is None:
            return False
        if not stat.S_ISDIR(mode):
            return _single(folder, mode)
        if folder + b"/" in self._repositories and self._mode(folder + b"/.git") is not None:
            return Obstacle(folder + b"/", savable=False)
        return True

    def _here(self, path: bytes, folder: bool) -> Iterator[Obstacle]:
        mode = self._mode(path)
        if mode is None:
            return
        if not stat.S_ISDIR(mode):
            yield _single(path, mode)
        elif not folder:
            yield from self._inside(path)

    def _inside(self, folder: bytes) -> Iterator[Obstacle]:
        try:
            with os.scandir(os.path.join(self._top, folder)) as listing:
                found = sorted(listing, key=lambda one: one.name)
        except OSError:
            found = []
            yield Obstacle(folder + b"/", savable=False)
        if any(one.name == b".git" for one in found):
            yield Obstacle(folder + b"/", savable=False)
            return
        for one in found:
            path = os.path.join(folder, one.name)
            if one.is_dir(follow_symlinks=False):
                yield from self._inside(path)
            else:
                yield _single(path, one.stat(follow_symlinks=False).st_mode)

    def _mode(self, path: bytes) -> int | None:
        try:
            return os.lstat(os.path.join(self._top, path)).st_mode
        except OSError:
            # What we cannot look at, git can neither overwrite.
            return None


def _single(path: bytes, mode: int) -> Obstacle:
    return Obstacle(path, savable=stat.S_ISREG(mode) or stat.S_ISLNK(mode))


def _parent(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]
