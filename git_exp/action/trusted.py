"""Whose an experiment's objects are: what names the code that would be executed."""

from __future__ import annotations

import msgspec

from git_exp import data, errors, query, seal
from git_exp.git import refs
from git_exp.run import Run
from git_exp.share import archive
from git_exp.store import Store


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A run and where its objects stand: `own` where both began in this clone."""

    run: Run
    own: bool
    tip: str | None


def source(store: Store, run: Run) -> Source:
    """Where the objects of a run are to be read.

    A record that says it is one's own is not enough: anybody may write one that has an id of ours,
    on another commit, or that says its data is in an archive. The refs of this clone decide.
    """
    if run.own:
        code = refs.resolve(store.repo, f"refs/runs/{run.id}")
        if code == run.commit:
            return Source(run=run, own=True, tip=data.tip(store.repo, run.id))
        if code is None and (kept := _archived(store, run)):
            return Source(run=run, own=True, tip=kept.data)
    return Source(run=run, own=False, tip=store.data_tip(run))


def expect(found: Source, *, trust: bool) -> None:
    """Raise `Refused` where a run is somebody else's and not trusted."""
    if found.own or trust:
        return
    who = f" ({found.run.user})" if found.run.user else ""
    raise errors.Refused(
        f"run {query.short(found.run.id)} is not yours{who}: it names the code to execute",
        hint="if you trust whoever recorded it: --trust",
    )


def lines(store: Store, found: Source) -> list[bytes]:
    """The lines of a run's objects, those in the spool too."""
    sealed = data.file(store.repo, found.tip, data.OBJECTS)
    waiting = b""
    if found.own:
        waiting = data.kept_objects(seal.spools(store.repo) / found.run.id)
    return data.joined(sealed, waiting).splitlines()


def _archived(store: Store, run: Run) -> archive.Entry | None:
    for name, tip in refs.listing(store.repo, archive.PREFIX).items():
        if archive.is_ours(store.repo, name):
            for entry in archive.entries(store.repo, tip):
                if (entry.run_id, entry.commit) == (run.id, run.commit):
                    return entry
    return None
