"""What a push would send of some runs: their snapshots, their data and their new lines."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from git_exp import values
from git_exp.git import added, cat, untracked
from git_exp.git.added import Added
from git_exp.git.repo import Repo
from git_exp.scan import texts
from git_exp.scan.library import Library
from git_exp.scan.texts import Finding

NAME = "secret-shaped-name"
UNREAD = "not-scanned"
MOST = 64 << 20
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_SECRET_PART = b"PRIVATE KEY"


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """What of one run the other side lacks.

    `commit` is None where it has the run's ref; `data` likewise. What `base` and `old_data` hold
    it has already. `lines` are the new lines of the run's note.
    """

    run: str
    base: str | None = None
    commit: str | None = None
    old_data: str | None = None
    data: str | None = None
    lines: Sequence[bytes] = ()


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a blob is met: in which item, at which path."""

    item: int
    run: str
    file: Added
    is_data: bool

    @property
    def where(self) -> str:
        return values.quoted(self.file.path)


def outgoing(
    repo: Repo,
    items: Sequence[Outgoing],
    *,
    allowed: Collection[str] = (),
    library: Library | None = None,
) -> list[Finding]:
    """All that is found, in the order of the items, without what `exp.allow` or `allowed` name.

    A blob is read once, however many runs hold it, and said of each of them. One over 64 MiB is
    not read, nor one that cannot be: that is said as a finding that warns.
    """
    kept = {*allowed, *repo.config.all("exp.allow")}
    found = [*_in_files(repo, items, library), *_in_lines(items, library)]
    found.sort(key=lambda pair: (pair[0], pair[1].where, pair[1].line))
    return [one for _, one in found if one.id not in kept]


def _in_lines(items: Iterable[Outgoing], library: Library | None) -> Iterator[tuple[int, Finding]]:
    for at, item in enumerate(items):
        lines = b"\n".join(line.removesuffix(b"\n") for line in item.lines)
        for one in texts.text(lines, run=item.run, where="records", library=library):
            yield at, one


def _in_files(
    repo: Repo, items: Sequence[Outgoing], library: Library | None
) -> Iterator[tuple[int, Finding]]:
    places = _places(repo, items)
    for (oid, each), data in zip(places.items(), cat.blobs(repo, places, MOST), strict=True):
        if data is None:
            yield from ((one.item, _unread(one, oid)) for one in each)
        else:
            yield from _in_blob(repo, data, each, library=library)


def _places(repo: Repo, items: Sequence[Outgoing]) -> dict[str, list[_Place]]:
    """Every blob that is sent, and where it is met."""
    olds = {item.commit: item.base for item in items if item.commit}
    olds |= {item.data: item.old_data for item in items if item.data}
    differing = added.files(repo, olds)
    places: dict[str, list[_Place]] = {}
    for at, item in enumerate(items):
        for commit in (item.commit, item.data):
            for file in differing.get(commit or "", ()):
                place = _Place(item=at, run=item.run, file=file, is_data=commit == item.data)
                places.setdefault(file.oid, []).append(place)
    return places


def _in_blob(
    repo: Repo, data: bytes, places: Sequence[_Place], *, library: Library | None
) -> Iterator[tuple[int, Finding]]:
    # What was printed is text whatever is in it: a NUL would hide all that follows.
    printed = any(place.is_data and place.file.path.startswith("output/") for place in places)
    plain = data.replace(b"\0", b" ") if printed else data
    found = list(texts.text(plain, run=None, where="", library=library))
    for place in places:
        # A path is text too.
        named = texts.text(os.fsencode(place.file.path), run=None, where="", library=library)
        for one in (*found, *named):
            yield place.item, msgspec.structs.replace(one, run=place.run, where=place.where)
        if untracked.is_secret(place.file.path) and not _is_harmless(data):
            yield place.item, _named(repo, place)


def _is_harmless(data: bytes) -> bool:
    """Whether a file of a secret's name has none in it: it is empty, or has certificates alone."""
    return not data.strip() or (_CERTIFICATE in data and _SECRET_PART not in data)


def _named(repo: Repo, place: _Place) -> Finding:
    """A name stops a push, unless the base has that file too or `exp.include` asked for it."""
    asked = untracked.matches(place.file.path, repo.config.all("exp.include"))
    return Finding(
        rule=NAME,
        specific=place.file.new and (place.is_data or not asked),
        run=place.run,
        where=place.where,
        line=1,
        id=texts.fingerprint(NAME, place.where.encode()),
        shown=posixpath.basename(place.where),
    )


def _unread(place: _Place, oid: str) -> Finding:
    return Finding(
        rule=UNREAD,
        specific=False,
        run=place.run,
        where=place.where,
        line=1,
        id=texts.fingerprint(UNREAD, oid.encode()),
        shown="",
    )
