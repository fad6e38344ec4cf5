"""What a push is about to send, looked at for secrets before any of it leaves."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

from git_exp import errors, merge, scan
from git_exp.git import objects
from git_exp.git.repo import Repo
from git_exp.scan import Finding, Library, Outgoing
from git_exp.share import archive
from git_exp.share.outgoing import DATA, RUNS, Item, Sides

_NOT_A_RUN = "what has a secret in it stays here: begin another without it"
_RUN = re.compile(rb'"run_id":"([0-9a-f-]{36})"')


class Inspection:
    """The secrets in what is sent, found once however often the push begins again.

    `secrets` are the ids of those that stop what goes beside the runs, by what it is of.
    """

    def __init__(self, repo: Repo, allowed: Collection[str]) -> None:
        self.repo = repo
        self.allowed = allowed
        self.warnings: list[str] = []
        self._seen: set[Outgoing] = set()
        self.secrets: dict[str, list[str]] = {}
        self._stopped: dict[str, str] = {}

    @cached_property
    def _library(self) -> Library | None:
        # A quarter of a second to load: not where there is nothing to look at.
        return scan.installed(self.repo)

    def look(
        self,
        sides: Sides,
        items: Sequence[Item],
        news: Mapping[str, tuple[str, str]],
    ) -> None:
        """Look at refs that are to move, and at notes by their commits: old and new blobs.

        Raises `SecretsFound`; what only may be a secret is in `warnings`.
        """
        self.look_at([*_of_items(sides, items), *_of_notes(self.repo, news)])

    def stopping(self, waiting: Sequence[Outgoing]) -> dict[str, str]:
        """Why some of what goes beside the runs must not leave, by what it is of.

        It holds up nothing else: all of it can stay.
        """
        fresh = [one for one in waiting if one not in self._seen]
        self._seen.update(fresh)
        if fresh:
            found = scan.outgoing(self.repo, fresh, allowed=self.allowed, library=self._library)
            self.warnings += [_line(one) for one in found if not one.specific]
            for one in found:
                if one.specific and one.run:
                    self._stopped.setdefault(one.run, f"it may hold a secret: {_line(one)}")
                    known = self.secrets.setdefault(one.run, [])
                    known += [one.id] if one.id not in known else []
        named = {one.run for one in waiting}
        return {name: why for name, why in self._stopped.items() if name in named}

    def look_at(self, waiting: Sequence[Outgoing]) -> None:
        """Look at what else is to leave. Raises `SecretsFound`."""
        fresh = [one for one in waiting if one not in self._seen]
        self._seen.update(fresh)
        if not fresh:
            return
        found = scan.outgoing(self.repo, fresh, allowed=self.allowed, library=self._library)
        self.warnings += [_line(one) for one in found if not one.specific]
        stopping = [one for one in found if one.specific]
        if stopping:
            ids = dict.fromkeys(one.id for one in stopping)
            way = () if any(_of_run(one) for one in stopping) else (_NOT_A_RUN,)
            raise errors.SecretsFound([_line(one) for one in stopping], list(ids), *way)


def _of_items(sides: Sides, items: Sequence[Item]) -> Iterator[Outgoing]:
    for item in items:
        if item.commit is None:
            yield from _of_archive(sides, item)
            continue
        moved = {one.name: one for one in item.updates}
        code, large = moved.get(RUNS + item.run_id), moved.get(DATA + item.run_id)
        yield Outgoing(
            run=item.run_id,
            base=_base(sides.repo, item.commit) if code else None,
            commit=item.commit if code else None,
            old_data=_known(sides.repo, large.old) if large else None,
            data=large.new if large else None,
        )


def _of_archive(sides: Sides, item: Item) -> Iterator[Outgoing]:
    """The runs in an archive that the other side has not had by themselves."""
    (update,) = item.updates
    had = {one.run_id for one in archive.entries(sides.repo, _known(sides.repo, update.old))}
    for one in archive.entries(sides.repo, update.new):
        if one.run_id in had:
            continue
        known = sides.there.get(RUNS + one.run_id) == one.commit
        yield Outgoing(
            run=one.run_id,
            base=None if known else _base(sides.repo, one.commit),
            commit=None if known else one.commit,
            old_data=_known(sides.repo, sides.there.get(DATA + one.run_id)),
            data=one.data,
        )


def _of_notes(repo: Repo, news: Mapping[str, tuple[str, str]]) -> Iterator[Outgoing]:
    for old, new in news.values():
        text = objects.blob(repo, new)
        had = set(merge.lines(objects.blob(repo, old))) if old else set()
        named = _RUN.search(text)
        run_id = named[1].decode() if named else ""
        yield Outgoing(run=run_id, lines=tuple(one for one in merge.lines(text) if one not in had))


def _base(repo: Repo, commit: str) -> str | None:
    found = objects.commit(repo, commit)
    return found.parents[0] if found and found.parents else None


def _known(repo: Repo, oid: str | None) -> str | None:
    return oid if oid and objects.is_here(repo, oid) else None


def _of_run(one: Finding) -> bool:
    return not (one.run or "").startswith("refs/")


def _line(one: Finding) -> str:
    # What is no run's goes by the name of its ref.
    named = f"run {one.run[:8]}" if one.run and _of_run(one) else (one.run or "")[5:]
    run = f"{named}: " if named else ""
    return f"{run}{one.where}:{one.line}: {one.rule} {one.shown} (id {one.id})"
